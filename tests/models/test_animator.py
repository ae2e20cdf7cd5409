"""The compiled animator against the plain torch form of the frame equation, and the properties of that equation.

The compiled path must agree in fp32 within 1e-4 (2e-4 for opacity, whose unit is five logits), and in bf16, where the
processor has bf16 products, within 1 % of the change (root mean squares, each attribute by itself).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE
from avatar_core.models.animator import Animator
from avatar_core.models.animator_cpu import CpuAnimator
from avatar_core.models.animator_layout import HAS_BF16, ROWS
from avatar_core.models.animator_torch import TorchAnimator
from avatar_core.motion import HeadPose
from tests.models.animator_scenes import random_activations, random_avatar, random_networks

CPU = torch.device("cpu")
PRECISIONS = ["fp32", pytest.param("bf16", marks=pytest.mark.skipif(not HAS_BF16, reason="no bf16 products here"))]
POSE = HeadPose(Rotation.from_euler("yxz", [25, -10, 7], degrees=True).as_matrix(), np.array([0.02, -0.01, 0.05]))


def planar_of(animator: CpuAnimator | TorchAnimator, activations: np.ndarray, pose: HeadPose) -> np.ndarray:
    """(14, N) in the avatar's order."""
    planar = animator.animate(activations, pose).planar.numpy().copy()
    if isinstance(animator, CpuAnimator):
        ordered = np.empty_like(planar)
        ordered[:, animator.order] = planar
        return ordered
    return planar


def at_rest(avatar) -> np.ndarray:
    rest = avatar.rest.numpy().copy()
    rest[SCALE] = np.exp(rest[SCALE])
    rest[OPACITY] = 1 / (1 + np.exp(-rest[OPACITY]))
    rest[COLOR] = np.clip(rest[COLOR], 0, 1)
    return rest


@pytest.mark.parametrize("count", [ROWS - 1, ROWS, 5 * ROWS + 3, 3000])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_compiled_path_agrees_with_torch(precision, count):
    avatar, networks = random_avatar(count), random_networks()
    compiled = planar_of(CpuAnimator(avatar, networks, precision), random_activations(1), POSE)
    expected = planar_of(TorchAnimator(avatar, networks, CPU), random_activations(1), POSE)
    still = planar_of(TorchAnimator(avatar, networks, CPU), avatar.source_activations, POSE)
    for channels in (MEAN, SCALE, QUATERNION, slice(OPACITY, OPACITY + 1), COLOR):
        change = expected[channels] - still[channels]
        error = compiled[channels] - expected[channels]
        size = np.sqrt((change**2).mean())
        assert size > 0
        if precision == "fp32":
            assert np.abs(error).max() < (2e-4 if channels.start == OPACITY else 1e-4)
        else:
            assert np.sqrt((error**2).mean()) < 0.01 * size


def test_an_avatar_of_one_gaussian_animates():
    avatar, networks = random_avatar(1), random_networks()
    compiled = planar_of(CpuAnimator(avatar, networks), random_activations(1), POSE)
    expected = planar_of(TorchAnimator(avatar, networks, CPU), random_activations(1), POSE)
    np.testing.assert_allclose(compiled, expected, atol=1e-3)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_photos_own_expression_and_pose_change_nothing_to_the_last_bit(precision):
    avatar = random_avatar(1000)
    planar = planar_of(CpuAnimator(avatar, random_networks(), precision), avatar.source_activations, HeadPose())
    rest = at_rest(avatar)
    for channels in (MEAN, SCALE, QUATERNION, COLOR):
        np.testing.assert_array_equal(planar[channels], rest[channels])
    np.testing.assert_allclose(planar[OPACITY], rest[OPACITY], atol=3e-7)


def test_the_photos_own_expression_changes_nothing_in_the_torch_path_either():
    avatar = random_avatar(500)
    planar = planar_of(TorchAnimator(avatar, random_networks(), CPU), avatar.source_activations, HeadPose())
    np.testing.assert_allclose(planar, at_rest(avatar), atol=1e-7)


@pytest.mark.parametrize("make", [CpuAnimator, lambda avatar, networks: TorchAnimator(avatar, networks, CPU)])
@pytest.mark.parametrize("degrees", [0.0, 1e-4, 30.0, 90.0, 179.0])
def test_the_head_pose_turns_about_the_pivot_by_the_share_of_the_neck_weight(make, degrees):
    avatar = random_avatar(300)
    vector = np.radians(degrees) * np.array([0.6, -0.64, 0.48])
    pose = HeadPose(Rotation.from_rotvec(vector).as_matrix(), np.array([0.1, -0.2, 0.05]))
    planar = planar_of(make(avatar, random_networks()), avatar.source_activations, pose)
    weight = avatar.neck_weight.numpy()[:, None]
    turn = Rotation.from_rotvec(weight * vector)
    position = turn.apply(avatar.rest[MEAN].numpy().T - avatar.pivot) + avatar.pivot + weight * pose.translation
    np.testing.assert_allclose(planar[MEAN].T, position, atol=1e-6)
    wxyz = avatar.rest[QUATERNION].numpy().T
    orientation = (turn * Rotation.from_quat(wxyz[:, [1, 2, 3, 0]])).as_matrix()
    found = Rotation.from_quat(planar[QUATERNION].T[:, [1, 2, 3, 0]]).as_matrix()
    np.testing.assert_allclose(found, orientation, atol=2e-6)


def test_gaussians_of_the_body_do_not_follow_the_head():
    avatar = random_avatar(300)
    planar = planar_of(CpuAnimator(avatar, random_networks()), avatar.source_activations, POSE)
    body = avatar.neck_weight.numpy() == 0
    assert body.any()
    np.testing.assert_array_equal(planar[:10, body], at_rest(avatar)[:10, body])


def test_gaussians_that_no_expression_moves_skip_the_networks_and_keep_their_attributes():
    avatar, networks = random_avatar(700, motionless=250), random_networks()
    animator = CpuAnimator(avatar, networks)
    assert animator.moving == 450
    np.testing.assert_array_equal(np.sort(animator.order), np.arange(700))
    planar = planar_of(animator, random_activations(3), POSE)
    expected = planar_of(TorchAnimator(avatar, networks, CPU), random_activations(3), POSE)
    np.testing.assert_allclose(planar[:, 450:], expected[:, 450:], atol=1e-6)


@pytest.mark.parametrize("motionless", [0, 400])
def test_avatars_of_moving_or_of_still_gaussians_alone_animate(motionless):
    avatar, networks = random_avatar(400, motionless=motionless), random_networks()
    animator = CpuAnimator(avatar, networks)
    assert animator.moving == 400 - motionless
    expected = planar_of(TorchAnimator(avatar, networks, CPU), random_activations(4), POSE)
    np.testing.assert_allclose(planar_of(animator, random_activations(4), POSE), expected, atol=2e-2)


@pytest.mark.parametrize("workers", [2, 5])
def test_the_result_does_not_depend_on_the_number_of_threads(workers):
    avatar, networks = random_avatar(5000, motionless=2000), random_networks()
    alone = planar_of(CpuAnimator(avatar, networks, workers=1), random_activations(2), POSE)
    together = planar_of(CpuAnimator(avatar, networks, workers=workers), random_activations(2), POSE)
    np.testing.assert_array_equal(together, alone)


def test_colours_stay_in_range_and_quaternions_keep_their_length():
    networks = random_networks()
    networks.raw_unit.mul_(20.0)
    planar = planar_of(CpuAnimator(random_avatar(500), networks), random_activations(5), POSE)
    assert planar[COLOR].min() >= 0.0
    assert planar[COLOR].max() <= 1.0
    np.testing.assert_allclose(np.linalg.norm(planar[QUATERNION], axis=0), 1.0, atol=1e-5)


def test_the_buffer_is_reused_between_frames():
    animator = Animator(random_avatar(50), random_networks(), "cpu")
    first = animator.animate(random_activations(1), POSE).planar
    assert animator.animate(random_activations(2), HeadPose()).planar.data_ptr() == first.data_ptr()


def test_a_wrong_number_of_activations_is_refused():
    animator = Animator(random_avatar(10), random_networks(), "cpu")
    with pytest.raises(ValueError, match=r"activations must be \(62,\), got \(61,\)"):
        animator.animate(np.zeros(61, np.float32), POSE)


def test_an_avatar_of_other_networks_is_refused():
    avatar = random_avatar(10)
    avatar.source_activations = np.zeros(57, np.float32)
    with pytest.raises(ValueError, match="57 activations, the networks take 62"):
        Animator(avatar, random_networks(), "cpu")
