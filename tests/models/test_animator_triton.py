"""The fused Triton animator against the plain torch form of the frame equation.

Half precision operands may cost 0.2 % of the change (root mean squares, each attribute by itself); everything that no
network touches must agree to float32's precision. On a machine without a GPU the kernels run in Triton's interpreter,
which is why the avatars are small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from avatar_core.avatar import Avatar
from avatar_core.benchmarks.frames import with_count
from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE
from avatar_core.models.animator_folding import FoldedNetworks, largest_operand
from avatar_core.models.animator_torch import TorchAnimator
from avatar_core.models.networks import MotionNetworks
from avatar_core.motion import HeadPose
from avatar_core.performance import motion_at
from tests.models.animator_scenes import random_activations, random_avatar, random_networks
from tests.triton_device import DEVICE, requires_triton

if TYPE_CHECKING:
    from avatar_core.engine import AvatarEngine

pytestmark = requires_triton

MAX_SHARE = 2e-3  # of the change, root mean squares
CHANNELS = (MEAN, SCALE, QUATERNION, slice(OPACITY, OPACITY + 1), COLOR)
POSE = HeadPose(Rotation.from_euler("yxz", [25, -10, 7], degrees=True).as_matrix(), np.array([0.02, -0.01, 0.05]))


def make(avatar: Avatar, networks: MotionNetworks):
    from avatar_core.models.animator_triton import TritonAnimator

    return TritonAnimator(avatar, networks, DEVICE)


def planar_of(animator, activations: np.ndarray, pose: HeadPose) -> np.ndarray:
    """(14, N) in the avatar's order."""
    planar = animator.animate(activations, pose).planar.cpu().numpy()
    ordered = np.empty_like(planar)
    ordered[:, animator.order] = planar
    return ordered


def expected_of(avatar: Avatar, networks: MotionNetworks, activations: np.ndarray, pose: HeadPose) -> np.ndarray:
    return TorchAnimator(avatar, networks, torch.device("cpu")).animate(activations, pose).planar.numpy().copy()


def assert_change_agrees(avatar: Avatar, networks: MotionNetworks, activations: np.ndarray, found: np.ndarray) -> None:
    expected = expected_of(avatar, networks, activations, POSE)
    still = expected_of(avatar, networks, avatar.source_activations, POSE)
    for channels in CHANNELS:
        size = np.sqrt(((expected[channels] - still[channels]) ** 2).mean())
        assert size > 0
        assert np.sqrt(((found[channels] - expected[channels]) ** 2).mean()) < MAX_SHARE * size


@pytest.mark.parametrize(("count", "motionless"), [(1, 0), (64, 0), (65, 1), (200, 70)])
def test_the_kernels_agree_with_torch(count, motionless):
    avatar, networks = random_avatar(count, motionless=motionless), random_networks()
    animator = make(avatar, networks)
    assert animator.moving == count - motionless
    np.testing.assert_array_equal(np.sort(animator.order), np.arange(count))
    found = planar_of(animator, random_activations(1), POSE)
    assert_change_agrees(avatar, networks, random_activations(1), found)


def test_an_avatar_of_still_gaussians_alone_follows_the_head():
    avatar, networks = random_avatar(130, motionless=130), random_networks()
    found = planar_of(make(avatar, networks), random_activations(1), POSE)
    np.testing.assert_allclose(found, expected_of(avatar, networks, random_activations(1), POSE), atol=2e-6)


def test_the_trained_networks_move_a_real_avatar_to_the_same_places(engine: AvatarEngine, avatar: Avatar):
    few = with_count(avatar, 300)
    animator = make(few, engine.networks)
    assert 0 < animator.moving < 300
    activations = engine.activations(few, motion_at(12.8))
    found, expected = (
        planar_of(animator, activations, POSE),
        expected_of(few, engine.networks, activations, POSE),
    )
    still = expected_of(few, engine.networks, few.source_activations, POSE)
    assert np.abs(expected[MEAN] - still[MEAN]).max() > 0.02
    error = np.abs(found - expected)
    assert error[MEAN].max() < 1e-4  # of the head's height: a twentieth of a pixel at 512
    assert error[OPACITY].max() < 2e-3
    assert error[COLOR].max() < 2e-3
    assert (error[SCALE] / expected[SCALE]).max() < 5e-3


def test_the_photos_own_expression_and_pose_change_nothing():
    avatar = random_avatar(100, motionless=20)
    animator = make(avatar, random_networks())
    planar_of(animator, random_activations(1), POSE)  # another frame before it must leave no trace
    planar = planar_of(animator, avatar.source_activations, HeadPose())
    rest = avatar.rest.clone()
    np.testing.assert_array_equal(planar[MEAN], rest[MEAN].numpy())
    np.testing.assert_array_equal(planar[QUATERNION], rest[QUATERNION].numpy())
    np.testing.assert_array_equal(planar[SCALE], rest[SCALE].exp().numpy())
    np.testing.assert_array_equal(planar[COLOR], rest[COLOR].clamp(0, 1).numpy())
    np.testing.assert_allclose(planar[OPACITY], rest[OPACITY].sigmoid().numpy(), atol=3e-7)


@pytest.mark.parametrize("degrees", [1e-4, 90.0, 179.0])
def test_the_head_pose_turns_about_the_pivot_by_the_share_of_the_neck_weight(degrees):
    avatar = random_avatar(90, motionless=30)
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


def test_colours_stay_in_range_and_quaternions_keep_their_length():
    networks = random_networks()
    networks.raw_unit.mul_(20.0)
    planar = planar_of(make(random_avatar(64), networks), random_activations(5), POSE)
    assert planar[COLOR].min() == 0.0
    assert planar[COLOR].max() == 1.0
    np.testing.assert_allclose(np.linalg.norm(planar[QUATERNION], axis=0), 1.0, atol=1e-5)


def test_the_buffer_is_reused_between_frames():
    animator = make(random_avatar(20), random_networks())
    first = animator.animate(random_activations(1), POSE).planar
    assert animator.animate(random_activations(2), HeadPose()).planar.data_ptr() == first.data_ptr()


def test_the_first_layer_is_that_of_the_folded_networks():
    avatar, networks = random_avatar(1), random_networks()
    animator = make(avatar, networks)
    animator.animate(random_activations(3), POSE)
    folded = FoldedNetworks.of(networks, avatar.source_activations, avatar.canonical_to_head)
    weights, bias = folded.first_layer(random_activations(3))
    np.testing.assert_allclose(animator._first.float().cpu().numpy(), weights.T, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(animator._first_bias.cpu().numpy(), bias, rtol=1e-4, atol=1e-4)


def test_the_bound_on_half_precision_operands_holds_and_counts_the_weights():
    networks = random_networks()
    bound = largest_operand(networks)
    for seed in range(5):
        folded = FoldedNetworks.of(networks, random_activations(seed), np.eye(4))
        weights, bias = folded.first_layer(random_activations(10 + seed))
        hidden = np.abs(weights) @ np.ones(48) + np.abs(bias)  # LN(m) of length sqrt(48)
        assert max(np.abs(weights).max(), hidden.max()) < bound < 65504
    networks.motion_decoder.hidden.weight.mul_(1e3)
    assert largest_operand(networks) > 65504


def test_the_bytes_and_operations_of_a_frame_are_those_of_its_moving_and_still_gaussians():
    networks = random_networks()
    moving, both = make(random_avatar(64), networks), make(random_avatar(104, motionless=40), networks)
    # half: 48 + 96 inputs; float: 16 rest, 16 change at rest read, 14 written; still: 8 read, 7 written
    assert moving.frame_bytes() == 64 * (2 * (48 + 96) + 4 * (16 + 16 + 14))
    assert both.frame_bytes() == moving.frame_bytes() + 40 * 4 * (8 + 7)
    assert moving.frame_operations() == both.frame_operations() == 64 * 2 * 96 * (48 + 96 + 16)
