"""The fit finds what made the landmarks, and fits real portraits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from avatar_core.errors import NoFaceError
from avatar_core.models.anatomy import gaze_rotation
from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.training.teacher import TeacherModel, fit_clip, fit_portrait, load_portrait
from avatar_core.training.teacher.fit import project
from avatar_core.training.teacher.portrait import crop_intrinsics
from avatar_core.training.teacher_geometry import TrainingDataError

FLIP = np.diag([1.0, -1.0, -1.0])
GAZE = np.array([[0.2, -0.1], [0.25, -0.1]])


def _activations(**values: float) -> NDArray[np.float64]:
    result = np.zeros(len(ACTIVATION_NAMES))
    for name, value in values.items():
        result[ACTIVATION_NAMES.index(name)] = value
    return result


def _made(
    model: TeacherModel, rotation: NDArray[np.float64], identity: NDArray[np.float64], activations: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(478, 3) landmarks of the model itself, irises where the gaze meets the eyeballs."""
    translation = np.array([0.6, -0.8, 158.0])
    intrinsics = crop_intrinsics()
    landmarks = np.zeros((478, 3))
    points = model.at_landmarks(model.shape(identity, activations))
    landmarks[:468, :2] = project(points, rotation, translation, intrinsics)[0]
    front = gaze_rotation(GAZE) @ np.array([0, 0, model.eye_radius])
    irises = project(model.eyes_of(identity) + front, rotation, translation, intrinsics)[0]
    landmarks[468:473, :2], landmarks[473:, :2] = irises[0], irises[1]
    return landmarks


@pytest.mark.parametrize(
    ("turn", "activations", "seed"),
    [
        ((6.0, 14.0, -4.0), {"jawOpen": 0.5, "mouthLeft": 0.4}, 1),
        ((-5.0, -10.0, 6.0), {"mouthSmile_L": 0.45, "mouthSmile_R": 0.45, "eyeBlink_L": 0.5, "eyeBlink_R": 0.5}, 2),
    ],
)
def test_recovers_what_made_the_landmarks(
    model: TeacherModel, turn: tuple[float, float, float], activations: dict[str, float], seed: int
) -> None:
    """Not with both brows raised: high brows are as well a matter of identity."""
    rotation = FLIP @ Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    rng = np.random.default_rng(seed)
    identity = 0.6 * rng.normal(size=100) * np.exp(-np.arange(100) / 20)
    wanted = _activations(**activations)
    fit = fit_portrait(model, _made(model, rotation, identity, wanted), crop_intrinsics())
    turned = Rotation.from_matrix(fit.rotation @ rotation.T).magnitude()
    assert np.degrees(turned) < 1.0
    assert np.abs(fit.activations - wanted).max() < 0.1
    assert np.abs(fit.gaze - GAZE).max() < 0.06
    assert fit.error < 0.004


def test_a_clip_keeps_one_identity_and_follows(model: TeacherModel) -> None:
    identity = 0.5 * np.random.default_rng(3).normal(size=100) * np.exp(-np.arange(100) / 20)
    opening = [0.0, 0.1, 0.2, 0.35, 0.5, 0.4, 0.2, 0.05]
    frames = []
    for step, value in enumerate(opening):
        rotation = FLIP @ Rotation.from_euler("y", 3.0 * step, degrees=True).as_matrix()
        frames.append(_made(model, rotation, identity, _activations(jawOpen=value)))
    fits = fit_clip(model, frames, crop_intrinsics())
    jaw = ACTIVATION_NAMES.index("jawOpen")
    assert all(np.array_equal(fit.identity, fits[0].identity) for fit in fits)
    assert np.corrcoef([fit.activations[jaw] for fit in fits], opening)[0, 1] > 0.98
    assert np.abs(np.diff([fit.yaw for fit in fits]) - 3.0).max() < 0.6
    assert max(fit.error for fit in fits) < 0.01


def test_fits_the_synthetic_portraits(
    model: TeacherModel, data_folder: Path, face_model: FaceModel, finder: PhotoFaceFinder
) -> None:
    errors = []
    for path in sorted((data_folder / "portraits_synthetic").glob("*.jpg"))[::4]:
        try:
            portrait = load_portrait(path, face_model, finder)
        except NoFaceError:
            continue
        errors.append(fit_portrait(model, portrait.landmarks, portrait.intrinsics).error)
    assert len(errors) >= 10
    assert np.median(errors) <= 0.013


def test_missing_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=r"ict_face_model_light\.npz: not found"):
        TeacherModel.load(tmp_path)


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "ict_face_model_light.npz", neutral=np.zeros((3, 3)))
    with pytest.raises(TrainingDataError, match="cannot be used as training data"):
        TeacherModel.load(tmp_path)


@pytest.mark.parametrize("shape", [(468, 3), (478,)])
def test_wrong_landmarks_are_refused(model: TeacherModel, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="landmarks must be"):
        fit_portrait(model, np.zeros(shape), crop_intrinsics())


def test_landmarks_that_are_not_finite_are_refused(model: TeacherModel) -> None:
    landmarks = np.full((478, 3), np.nan)
    with pytest.raises(ValueError, match="not finite"):
        fit_portrait(model, landmarks, crop_intrinsics())


def test_an_empty_clip_is_refused(model: TeacherModel) -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        fit_clip(model, [], crop_intrinsics())
