"""The head's rotation and translation, blended over the neck, applied to Gaussians in place."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from avatar_core.gaussians import MEAN, QUATERNION
from avatar_core.motion import HeadPose

POSE_SIZE = 10
"""A head pose as compiled kernels take it: unit axis 3, half the angle in radians, pivot 3, translation 3."""


def packed_pose(pose: HeadPose, pivot: NDArray[np.floating]) -> NDArray[np.float32]:
    """(`POSE_SIZE`,) float32: ``pose`` about ``pivot`` (3,); no turn has axis zero."""
    vector = Rotation.from_matrix(pose.rotation).as_rotvec()
    angle = float(np.linalg.norm(vector))
    axis = vector / angle if angle > 0 else np.zeros(3)
    return np.concatenate([axis, [0.5 * angle], pivot, pose.translation]).astype(np.float32)


def apply_head_pose(planar: Tensor, neck_weight: Tensor, pivot: Tensor, pose: HeadPose) -> None:
    """Turn ``planar`` (14, N) about ``pivot`` (3,) and move it, both scaled by ``neck_weight`` (N,)."""
    vector = Rotation.from_matrix(pose.rotation).as_rotvec()
    angle = float(np.linalg.norm(vector))
    axis = torch.as_tensor(vector / angle if angle > 0 else vector, dtype=planar.dtype, device=planar.device)
    translation = torch.as_tensor(pose.translation, dtype=planar.dtype, device=planar.device)
    half = 0.5 * angle * neck_weight
    turn = torch.cat([torch.cos(half)[None], torch.sin(half) * axis[:, None]])
    from_pivot = planar[MEAN] - pivot[:, None]
    across = torch.linalg.cross(turn[1:], from_pivot, dim=0)
    moved = 2.0 * (turn[:1] * across + torch.linalg.cross(turn[1:], across, dim=0))
    planar[MEAN] += moved + neck_weight * translation[:, None]
    planar[QUATERNION] = quaternion_product(turn, planar[QUATERNION])


def quaternion_product(a: Tensor, b: Tensor) -> Tensor:
    """The quaternion product of (4, N) with (4, N), wxyz."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return torch.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ]
    )
