"""The activation solver on the shipped weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from avatar_core.models.anatomy import gaze_rotation, lip_line, skin_part
from avatar_core.models.gaussian_decoder import RAW_POSITION
from avatar_core.models.landmark_motion import landmark_normals, landmark_parts
from avatar_core.models.landmark_weights import STATISTICS, landmark_weights
from avatar_core.models.motion_encoder import ActivationSolver
from avatar_core.models.networks import FIRST_RESIDUAL, GAZE, NAMED_COUNT, MotionNetworks
from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.topology import LOWER_INNER_LIP, UPPER_INNER_LIP

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
INNER = landmark_weights(STATISTICS) >= 0.3


@pytest.fixture(scope="module")
def trained() -> MotionNetworks:
    return MotionNetworks.load(WEIGHTS / "motion.safetensors")


@pytest.fixture(scope="module")
def solver(trained: MotionNetworks, face_model: FaceModel) -> ActivationSolver:
    return ActivationSolver(trained, face_model)


def _named(solver: ActivationSolver, **values: float) -> np.ndarray:
    activations = np.zeros(solver.activation_count, np.float32)
    for name, value in values.items():
        activations[ACTIVATION_NAMES.index(name)] = value
    return activations


def test_landmarks_move_as_gaussians_on_the_mean_face_would(
    solver: ActivationSolver, trained: MotionNetworks, face_model: FaceModel
) -> None:
    normals, parts = landmark_normals(face_model.mean), landmark_parts(face_model.mean)
    f, m = trained.describe(torch.from_numpy(face_model.mean), torch.from_numpy(normals), torch.from_numpy(parts))
    activations = _named(solver, jawOpen=0.6, eyeBlink_L=0.9, mouthSmile_R=0.5)
    with torch.no_grad():
        change = trained.change(f, m, torch.zeros(solver.activation_count), torch.from_numpy(activations))
    np.testing.assert_allclose(solver.landmark_displacement(activations), change[:, RAW_POSITION].numpy(), atol=2e-5)


def test_no_displacement_gives_no_activation(solver: ActivationSolver) -> None:
    assert np.abs(solver.solve(np.zeros((478, 3)), np.zeros((2, 2)))).max() < 1e-3
    assert np.count_nonzero(solver.landmark_displacement(np.zeros(solver.activation_count))) == 0


@pytest.mark.parametrize(
    "expression",
    [
        {"jawOpen": 0.7},
        {"mouthSmile_L": 0.8, "mouthSmile_R": 0.8},
        {"eyeBlink_L": 1.0, "eyeBlink_R": 1.0},
        {"browInnerUp_L": 0.9, "browInnerUp_R": 0.9, "browOuterUp_L": 0.8, "browOuterUp_R": 0.8},
        {"mouthPucker": 0.8, "jawOpen": 0.2},
        {"mouthLeft": 0.7},
    ],
)
def test_the_displacement_of_known_activations_is_found_again(
    solver: ActivationSolver, expression: dict[str, float]
) -> None:
    wanted = solver.landmark_displacement(_named(solver, **expression))
    shown = solver.landmark_displacement(solver.solve(wanted, np.zeros((2, 2))))
    size = np.linalg.norm(wanted[INNER, :2], axis=1)
    miss = np.linalg.norm((shown - wanted)[INNER, :2], axis=1)
    assert miss.mean() < 0.12 * size.mean() + 1e-4


def test_activations_stay_in_bounds_for_absurd_input(solver: ActivationSolver, trained: MotionNetworks) -> None:
    rng = np.random.default_rng(0)
    activations = solver.solve(rng.normal(size=(478, 3)), np.full((2, 2), 9.0))
    upper = trained.activation_upper.numpy() + 1e-6
    assert (activations[:NAMED_COUNT] >= 0).all()
    assert (np.abs(activations) <= upper).all()
    assert (activations[GAZE] > 0).all()


def test_the_solution_follows_its_input_smoothly(solver: ActivationSolver) -> None:
    smile = solver.landmark_displacement(_named(solver, mouthSmile_L=0.7, mouthSmile_R=0.7, jawOpen=0.3))
    steps = [solver.solve(smile * share, np.zeros((2, 2))) for share in np.linspace(0, 1, 51)]
    jumps = np.abs(np.diff(steps, axis=0))
    assert jumps[:, :NAMED_COUNT].max() < 0.08
    assert jumps[:, FIRST_RESIDUAL:].max() < 0.25
    np.testing.assert_array_equal(steps[20], solver.solve(smile * np.linspace(0, 1, 51)[20], np.zeros((2, 2))))


def test_gaze_is_passed_on_as_it_is(solver: ActivationSolver) -> None:
    gaze = np.array([[0.3, -0.1], [0.25, -0.12]])
    np.testing.assert_allclose(solver.solve(np.zeros((478, 3)), gaze)[GAZE], gaze.reshape(-1), atol=1e-6)


def test_a_jaw_that_may_not_open_leaves_the_lips_to_part_by_themselves(solver: ActivationSolver) -> None:
    wanted = solver.landmark_displacement(_named(solver, jawOpen=0.35, mouthSmile_L=0.6, mouthSmile_R=0.6))
    free, held = (solver.solve(wanted, np.zeros((2, 2)), limit) for limit in (np.inf, 0.05))
    jaw = ACTIVATION_NAMES.index("jawOpen")
    assert free[jaw] > 0.2
    assert held[jaw] <= 0.05 + 1e-6
    gaps = [solver.landmark_displacement(values)[[13, 14], 1] for values in (free, held)]
    assert np.subtract(*gaps[1]) == pytest.approx(np.subtract(*gaps[0]), rel=0.15)
    assert (solver.solve(wanted, np.zeros((2, 2)), -1.0)[jaw]) == 0


@pytest.mark.parametrize("bad", [np.zeros((468, 3)), np.full((478, 3), np.nan)])
def test_bad_input_is_refused(solver: ActivationSolver, bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="displacement"):
        solver.solve(bad, np.zeros((2, 2)))


def test_a_jaw_that_is_no_number_is_refused(solver: ActivationSolver) -> None:
    with pytest.raises(ValueError, match="jaw_open"):
        solver.solve(np.zeros((478, 3)), np.zeros((2, 2)), float("nan"))


def test_lips_carry_the_label_of_their_side(face_model: FaceModel) -> None:
    assert (skin_part(face_model.mean[list(UPPER_INNER_LIP)], face_model.mean) == 0).all()
    assert (skin_part(face_model.mean[list(LOWER_INNER_LIP)], face_model.mean) == 1).all()
    assert (np.diff(lip_line(face_model.mean)[:, 0]) > 0).all()


def test_gaze_turns_the_eye_to_image_right_and_up() -> None:
    ahead = gaze_rotation(np.array([0.2, 0.1])) @ np.array([0.0, 0.0, 1.0])
    assert ahead[0] > 0 and ahead[1] > 0 and ahead[2] > 0.9
    rotation = gaze_rotation(np.array([[0.5, -0.3], [-0.4, 0.2]]))
    np.testing.assert_allclose(rotation @ rotation.transpose(0, 2, 1), np.tile(np.eye(3), (2, 1, 1)), atol=1e-12)
    assert np.linalg.det(rotation).min() > 0
