"""Teeth between the lips: a clenched smile is no open mouth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from avatar_core.models.motion_encoder import ActivationSolver
from avatar_core.models.networks import MotionNetworks
from avatar_core.motion import ACTIVATION_NAMES, TEETH_UNTOLD
from avatar_core.tracking.bared_teeth import rows_apart
from avatar_core.tracking.face_model import FLIP_IMAGE_AXES, FaceModel
from avatar_core.tracking.topology import INNER_LIPS, LOWER_LIP_INNER, OUTER_LIPS, UPPER_LIP_INNER
from avatar_core.tracking.tracker import Tracker
from tests.conftest import WEIGHTS

Picture = NDArray[np.uint8]
SIZE, UNIT = 480, 120.0
SKIN, LIPS, TEETH, HOLE, TONGUE = (205, 160, 140), (185, 95, 95), (225, 215, 205), (40, 18, 18), (180, 95, 95)


@pytest.fixture(scope="module")
def open_face(face_model: FaceModel) -> NDArray[np.float64]:
    """(478, 3) canonical: lips parted by about .16 inter-ocular distances."""
    solver = ActivationSolver(MotionNetworks.load(WEIGHTS / "motion.safetensors"), face_model)
    activations = np.zeros(solver.activation_count, np.float32)
    activations[ACTIVATION_NAMES.index("jawOpen")] = 0.3
    return face_model.mean + solver.landmark_displacement(activations)


def _pixels(face: NDArray[np.float64], unit: float = UNIT, roll: float = 0.0, nod: float = 0.0) -> NDArray[np.float64]:
    turned = face @ Rotation.from_euler("xz", [nod, roll], degrees=True).as_matrix().T
    return unit * turned * FLIP_IMAGE_AXES + np.array([SIZE / 2, SIZE / 2 - 40, 0])


def _face(landmarks: NDArray[np.float64], rows: list[tuple[float, tuple[int, int, int]]], skin: float = 1.0) -> Picture:
    """A face in flat colours; ``rows`` are what lies between the lips, each up to a share of the way down."""
    picture = np.full((SIZE, SIZE, 3), np.array(SKIN) * skin, np.uint8)
    points = np.round(landmarks[:, :2]).astype(np.int32)
    cv2.fillPoly(picture, [points[list(OUTER_LIPS)]], tuple(int(skin * value) for value in LIPS))
    inner = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(inner, [points[list(INNER_LIPS)]], (1,))
    top, bottom = (landmarks[index, :2] for index in (UPPER_LIP_INNER, LOWER_LIP_INNER))
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    down = ((np.stack([x, y], -1) - top) @ (bottom - top)) / max((bottom - top) @ (bottom - top), 1e-6)
    start = -np.inf
    for end, colour in rows:
        picture[(inner > 0) & (down >= start) & (down < end)] = colour
        start = end
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.0), np.uint8)


def _opening(landmarks: NDArray[np.float64], unit: float = UNIT) -> float:
    return float(np.linalg.norm(landmarks[UPPER_LIP_INNER] - landmarks[LOWER_LIP_INNER]) / unit)


@pytest.mark.parametrize(("unit", "roll", "skin"), [(120, 0, 1), (60, 0, 1), (120, 25, 1), (120, 0, 0.5)])
def test_nothing_but_teeth_between_the_lips_is_a_shut_jaw(open_face, unit: float, roll: float, skin: float) -> None:
    landmarks = _pixels(open_face, unit, roll)
    assert rows_apart(_face(landmarks, [(np.inf, TEETH)], skin), landmarks) < 0.01


@pytest.mark.parametrize("nod", [-20, 20])
def test_a_nod_does_not_shut_the_jaw(face_model: FaceModel, open_face, nod: float) -> None:
    wide = face_model.mean + 2.5 * (open_face - face_model.mean)
    inside = [(0.3, TEETH), (np.inf, HOLE)]
    front, nodding = (rows_apart(_face(shown, inside), shown) for shown in (_pixels(wide), _pixels(wide, nod=nod)))
    assert nodding == pytest.approx(front, rel=0.2)


def test_lips_that_part_and_a_face_that_comes_nearer_tell_gradually(face_model: FaceModel, open_face) -> None:
    def told(share: float, unit: float) -> float:
        landmarks = _pixels(face_model.mean + share * (open_face - face_model.mean), unit)
        return rows_apart(_face(landmarks, [(np.inf, TEETH)]), landmarks)

    parting = [told(share, UNIT) for share in np.linspace(0.1, 1, 46)]
    nearing = [told(1.0, unit) for unit in np.linspace(36, 56, 41)]
    for steps in (parting, nearing):
        assert steps[0] == TEETH_UNTOLD and steps[-1] < 0.01
        assert np.abs(np.diff(steps)).max() < 0.15 * TEETH_UNTOLD


def test_a_mouth_that_reaches_out_of_the_picture_tells_nothing(face_model: FaceModel, open_face) -> None:
    landmarks = _pixels(face_model.mean + 2.5 * (open_face - face_model.mean))
    picture = _face(landmarks, [(0.4, TEETH), (np.inf, HOLE)])
    edge = int(landmarks[UPPER_LIP_INNER, 1] + 0.2 * UNIT * _opening(landmarks))
    assert rows_apart(picture, landmarks) < 0.8 * TEETH_UNTOLD
    assert rows_apart(picture[:edge], landmarks) == TEETH_UNTOLD


def test_a_dark_gap_between_rows_of_teeth_is_measured(face_model: FaceModel, open_face) -> None:
    landmarks = _pixels(face_model.mean + 2.5 * (open_face - face_model.mean))
    found = [
        rows_apart(_face(landmarks, [(0.3, TEETH), (end, HOLE), (np.inf, TEETH)]), landmarks) for end in (0.45, 0.6)
    ]
    gap = 0.3 * _opening(landmarks)  # in the middle; beside it the lips are nearer
    assert 0.5 * gap < found[1] < 1.1 * gap
    assert found[0] == pytest.approx(0.5 * found[1], abs=0.3 * gap)


@pytest.mark.parametrize("inside", [[(np.inf, HOLE)], [(np.inf, TONGUE)], [(0.08, TEETH), (np.inf, HOLE)]])
def test_without_teeth_to_speak_of_nothing_is_told(open_face, inside) -> None:
    landmarks = _pixels(open_face)
    assert rows_apart(_face(landmarks, inside), landmarks) > 0.8 * TEETH_UNTOLD


def test_a_tongue_below_the_teeth_keeps_them_apart(face_model: FaceModel, open_face) -> None:
    wide = _pixels(face_model.mean + 2.5 * (open_face - face_model.mean))
    shown = rows_apart(_face(wide, [(0.35, TEETH), (np.inf, TONGUE)]), wide)
    assert 0.25 * _opening(wide) < shown < 0.6 * _opening(wide)


def test_grey_pictures_and_small_faces_tell_nothing(open_face) -> None:
    landmarks = _pixels(open_face)
    grey = np.repeat(_face(landmarks, [(np.inf, TEETH)]).mean(-1, keepdims=True), 3, axis=-1).astype(np.uint8)
    assert rows_apart(grey, landmarks) > 0.8 * TEETH_UNTOLD
    small = _pixels(open_face, 30.0)
    assert rows_apart(_face(small, [(np.inf, TEETH)]), small) == TEETH_UNTOLD


def test_shut_lips_tell_nothing(face_model: FaceModel) -> None:
    landmarks = _pixels(face_model.mean)
    shut = landmarks.copy()
    half = len(INNER_LIPS) // 2
    for k in range(1, half):
        shut[INNER_LIPS[-k]] = shut[INNER_LIPS[k]]
    assert rows_apart(_face(shut, []), shut) == TEETH_UNTOLD


@pytest.mark.parametrize("shift", [-600.0, 600.0])
def test_a_face_outside_the_picture_tells_nothing(open_face, shift: float) -> None:
    landmarks = _pixels(open_face) + shift
    assert rows_apart(np.full((SIZE, SIZE, 3), TEETH, np.uint8), landmarks) == TEETH_UNTOLD


def test_the_tracker_tells_of_a_photographed_smile(face_model: FaceModel, portrait: Picture) -> None:
    for picture in (portrait, cv2.resize(portrait, (1024, 1024), interpolation=cv2.INTER_CUBIC).astype(np.uint8)):
        tracker = Tracker(face_model)
        for _ in range(8):
            motion = tracker(picture)
        tracker.close()
        assert motion is not None
        assert motion.teeth_apart < 0.05
