from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from avatar_core.avatar import PART_NAMES
from avatar_core.models.hidden_teeth import INCISORS
from avatar_core.models.motion_encoder import ActivationSolver
from avatar_core.models.networks import GAZE, RAW_POSITION, MotionNetworks
from avatar_core.models.retarget import TEETH_DROP, Retargeter, jaw_open_for, named_gains
from avatar_core.motion import ACTIVATION_NAMES, TEETH_UNTOLD, Gains, HeadPose, Motion
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.measures import mean_eye_opening, mouth_opening
from avatar_core.tracking.topology import LEFT_EYE_RING, LOWER_INNER_LIP, RIGHT_EYE_RING, UPPER_INNER_LIP
from tests.conftest import WEIGHTS

INDEX = {name: index for index, name in enumerate(ACTIVATION_NAMES)}


@pytest.fixture(scope="module")
def solver(face_model: FaceModel) -> ActivationSolver:
    return ActivationSolver(MotionNetworks.load(WEIGHTS / "motion.safetensors"), face_model)


@pytest.fixture(scope="module")
def portrait_neutral(face_model: FaceModel) -> NDArray[np.float64]:
    """A face that is not the mean: two identity directions away."""
    basis, spread = face_model.identity_basis, face_model.identity_std
    return face_model.mean + 1.2 * spread[0] * basis[0] - spread[2] * basis[2]


@pytest.fixture(scope="module")
def retargeter(solver: ActivationSolver, face_model: FaceModel, portrait_neutral: NDArray[np.float64]) -> Retargeter:
    return Retargeter(solver, face_model.mean, portrait_neutral, portrait_neutral)


def _motion(neutral: NDArray[np.float64], landmarks: NDArray[np.float64], gains: Gains | None = None) -> Motion:
    return Motion(
        displacement=(landmarks - neutral).astype(np.float32),
        landmarks=landmarks.astype(np.float32),
        activations=np.zeros(53, np.float32),
        gaze=np.zeros((2, 2), np.float32),
        pose=HeadPose(),
        gains=gains or Gains(),
    )


def _shown(
    solver: ActivationSolver, retargeter: Retargeter, neutral: NDArray[np.float64], motion: Motion | None
) -> NDArray[np.float64]:
    source = solver.landmark_displacement(retargeter.source_activations)
    return neutral + solver.landmark_displacement(retargeter.activations(motion)) - source


def _closed(face: NDArray[np.float64]) -> NDArray[np.float64]:
    closed = face.copy()
    for ring in (RIGHT_EYE_RING, LEFT_EYE_RING):
        for k in range(1, 8):
            closed[ring[8 - k]] = closed[ring[8 + k]]
    return closed


def test_none_and_weight_zero_give_the_photo_itself(retargeter: Retargeter, face_model: FaceModel) -> None:
    motion = _motion(face_model.mean, _closed(face_model.mean))
    assert np.array_equal(retargeter.activations(None), retargeter.source_activations)
    assert np.array_equal(retargeter.activations(motion.faded(0)), retargeter.source_activations)


def test_a_driver_at_rest_leaves_the_portrait_at_rest(
    solver: ActivationSolver, retargeter: Retargeter, face_model: FaceModel, portrait_neutral: NDArray[np.float64]
) -> None:
    shown = _shown(solver, retargeter, portrait_neutral, _motion(face_model.mean, face_model.mean))
    assert np.linalg.norm(shown - portrait_neutral, axis=1).mean() < 0.006


def test_closed_lids_of_the_driver_close_the_portraits_own(
    solver: ActivationSolver, retargeter: Retargeter, face_model: FaceModel, portrait_neutral: NDArray[np.float64]
) -> None:
    shown = _shown(solver, retargeter, portrait_neutral, _motion(face_model.mean, _closed(face_model.mean)))
    assert mean_eye_opening(shown) < 0.25 * mean_eye_opening(portrait_neutral)


def test_the_lip_gap_is_passed_on(
    solver: ActivationSolver, retargeter: Retargeter, face_model: FaceModel, portrait_neutral: NDArray[np.float64]
) -> None:
    opened = solver.landmark_displacement(_activation(solver, "jawOpen", 0.7)) + face_model.mean
    shown = _shown(solver, retargeter, portrait_neutral, _motion(face_model.mean, opened))
    assert mouth_opening(shown) == pytest.approx(mouth_opening(opened), rel=0.3)
    assert shown[list(LOWER_INNER_LIP), 1].mean() < portrait_neutral[list(LOWER_INNER_LIP), 1].mean() - 0.05


def _activation(solver: ActivationSolver, name: str, value: float) -> NDArray[np.float32]:
    count = MotionNetworks.load(WEIGHTS / "motion.safetensors").activation_count
    values = np.zeros(count, np.float32)
    values[INDEX[name]] = value
    return values


def test_half_weight_is_half_way(retargeter: Retargeter, face_model: FaceModel) -> None:
    motion = _motion(face_model.mean, _closed(face_model.mean))
    full, half = retargeter.activations(motion), retargeter.activations(motion.faded(0.5))
    assert np.allclose(half, 0.5 * (full + retargeter.source_activations), atol=1e-6)


def test_named_activations_are_added_to_the_face_at_rest(retargeter: Retargeter) -> None:
    rest = retargeter.activations(Motion.from_activations({}))
    wanted = retargeter.activations(
        Motion.from_activations({"mouthPucker": 0.5, "eyeBlink_L": 1.0}, gaze=(0.2, -0.1)).with_gains(Gains(mouth=0.5))
    )
    assert wanted[INDEX["mouthPucker"]] - rest[INDEX["mouthPucker"]] == pytest.approx(0.25)
    assert 0.5 <= wanted[INDEX["eyeBlink_L"]] - rest[INDEX["eyeBlink_L"]] <= 1.6
    assert wanted[GAZE].tolist() == pytest.approx([0.2, -0.1, 0.2, -0.1])


def test_without_named_activations_the_lips_meet_whatever_the_photo_shows(
    solver: ActivationSolver, face_model: FaceModel, portrait_neutral: NDArray[np.float64]
) -> None:
    speaking = np.zeros(solver.activation_count, np.float32)
    speaking[INDEX["jawOpen"]] = 0.3
    photographed = portrait_neutral + solver.landmark_displacement(speaking)
    retargeter = Retargeter(solver, face_model.mean, portrait_neutral, photographed)
    moved = solver.landmark_displacement(retargeter.activations(Motion.from_activations({})))
    shown = photographed + moved - solver.landmark_displacement(retargeter.source_activations)
    gap = (shown[list(UPPER_INNER_LIP), 1] - shown[list(LOWER_INNER_LIP), 1]).max()
    assert mouth_opening(photographed) > 0.04
    speech = Motion.from_activations({"jawOpen": 0.5})
    opened = photographed + solver.landmark_displacement(retargeter.activations(speech))
    assert mouth_opening(opened - solver.landmark_displacement(retargeter.source_activations)) > 0.12
    assert gap < 0.008, "a pixel at the size an avatar is shown"


def test_gains_scale_their_own_region() -> None:
    factors = named_gains(Gains(expression=2.0, eyes=0.0, mouth=0.5))
    assert factors[INDEX["eyeBlink_L"]] == 0 and factors[INDEX["browDown_L"]] == 0
    assert factors[INDEX["jawOpen"]] == 1.0 and factors[INDEX["noseSneer_L"]] == 2.0


def test_an_expression_gain_of_zero_stills_the_face(retargeter: Retargeter, face_model: FaceModel) -> None:
    still = retargeter.target(_motion(face_model.mean, _closed(face_model.mean), Gains(expression=0.0)))
    rest = retargeter.target(_motion(face_model.mean, face_model.mean, Gains(expression=0.0)))
    assert np.allclose(still, rest, atol=1e-6)


def test_rows_of_teeth_that_meet_hold_the_jaw_but_not_the_lips(
    solver: ActivationSolver, retargeter: Retargeter, face_model: FaceModel, portrait_neutral: NDArray[np.float64]
) -> None:
    activations = np.zeros(solver.activation_count, np.float32)
    activations[INDEX["jawOpen"]] = 0.4
    motion = _motion(face_model.mean, face_model.mean + solver.landmark_displacement(activations))
    clenched = replace(motion, teeth_apart=0.0)
    opened, held = (retargeter.activations(each)[INDEX["jawOpen"]] for each in (motion, clenched))
    assert opened > 0.3
    assert held < 0.05
    free, shut = (mouth_opening(_shown(solver, retargeter, portrait_neutral, each)) for each in (motion, clenched))
    assert shut > 0.65 * free


@pytest.mark.parametrize(("gain", "apart", "limit"), [(1.0, 0.05, 0.05), (2.0, 0.05, 0.1), (0.25, 0.05, 0.05)])
def test_a_gain_of_the_mouth_parts_the_rows_of_teeth_as_well(
    solver: ActivationSolver, retargeter: Retargeter, face_model: FaceModel, gain: float, apart: float, limit: float
) -> None:
    activations = np.zeros(solver.activation_count, np.float32)
    activations[INDEX["jawOpen"]] = 1.0
    landmarks = face_model.mean + solver.landmark_displacement(activations)
    motion = replace(_motion(face_model.mean, landmarks, Gains(mouth=gain)), teeth_apart=apart)
    assert retargeter.activations(motion)[INDEX["jawOpen"]] <= jaw_open_for(limit) + 1e-5
    untold, free = (replace(motion, teeth_apart=value) for value in (TEETH_UNTOLD, 10.0))
    np.testing.assert_array_equal(retargeter.activations(untold), retargeter.activations(free))


def test_the_networks_lower_the_incisors_as_the_limit_of_the_jaw_supposes() -> None:
    networks = MotionNetworks.load(WEIGHTS / "motion.safetensors")
    u, normal = (torch.tensor([values]) for values in INCISORS)
    f, m = networks.describe(u, normal, torch.tensor([PART_NAMES.index("lower_teeth")]))
    rest, opened = torch.zeros(2, networks.activation_count)
    opened[INDEX["jawOpen"]] = 1.0
    with torch.inference_mode():
        moved = networks.change(f, m, rest, opened)[0, RAW_POSITION]
    assert -float(moved[1]) == pytest.approx(TEETH_DROP, rel=0.02)
