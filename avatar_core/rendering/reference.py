"""A float64 rasteriser written for clarity, which the tests hold the fast one to.

The rules are those of gsplat's CUDA kernels in classic mode (`fully_fused_projection`, `rasterize_to_pixels`), drawn
one Gaussian after the other in NumPy. A second per ten thousand Gaussians: not for use in the program.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_core.camera import Camera
from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE, Gaussians
from avatar_core.rendering import records as rec

_MARGIN = 1e-3  # relative distance from a threshold below which float32 may decide otherwise
_REACH = 3.4  # standard deviations; opacity 1 falls to the alpha threshold at 3.33


@dataclass(frozen=True)
class ReferenceImage:
    """``rgba`` (H, W, 4) premultiplied; ``undecided`` (H, W): a value so near a threshold that precision decides."""

    rgba: NDArray[np.float64]
    undecided: NDArray[np.bool_]


def rotation_of(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3, 3) rotation matrices of quaternions (N, 4) wxyz of any length."""
    w, x, y, z = (quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.array(rows).transpose(2, 0, 1)


def render(gaussians: Gaussians, camera: Camera, width: int, height: int) -> ReferenceImage:
    """Draw ``gaussians`` in float64; arguments as in `Rasterizer.render`."""
    planar = gaussians.planar.detach().cpu().numpy().astype(np.float64)
    colour = np.zeros((height, width, 3))
    transmittance = np.ones((height, width))
    stopped = np.zeros((height, width), bool)
    undecided = np.zeros((height, width), bool)
    if planar.shape[1]:
        centre, covariance, depth = _project(planar, camera, width, height)
        visible = np.flatnonzero((depth >= rec.NEAR_PLANE) & (depth <= rec.FAR_PLANE))
        for g in visible[np.argsort(depth[visible].astype(np.float32), kind="stable")]:
            reach = _REACH * np.sqrt(np.diag(covariance[g]))
            first = np.clip(np.floor(centre[g] - reach), 0, [width, height]).astype(int)
            last = np.clip(np.ceil(centre[g] + reach) + 1, 0, [width, height]).astype(int)
            if (first >= last).any():
                continue
            box = (slice(first[1], last[1]), slice(first[0], last[0]))
            dx = np.arange(first[0], last[0]) + 0.5 - centre[g, 0]
            dy = (np.arange(first[1], last[1]) + 0.5 - centre[g, 1])[:, None]
            conic = np.linalg.inv(covariance[g])
            exponent = 0.5 * (conic[0, 0] * dx * dx + conic[1, 1] * dy * dy) + conic[0, 1] * dx * dy
            raw = planar[OPACITY, g] * np.exp(-exponent)
            alpha = np.minimum(rec.MAX_ALPHA, raw)
            live = ~stopped[box]
            undecided[box] |= live & (np.abs(raw / rec.ALPHA_THRESHOLD - 1) < _MARGIN)
            drawn = live & (alpha >= rec.ALPHA_THRESHOLD)
            remaining = transmittance[box] * (1 - alpha)
            undecided[box] |= drawn & (np.abs(remaining / rec.TRANSMITTANCE_THRESHOLD - 1) < _MARGIN)
            stopped[box] |= drawn & (remaining <= rec.TRANSMITTANCE_THRESHOLD)
            drawn &= ~stopped[box]
            weight = np.where(drawn, alpha * transmittance[box], 0.0)
            colour[box] += weight[..., None] * planar[COLOR, g]
            transmittance[box] -= weight
    return ReferenceImage(np.dstack([colour, 1 - transmittance]), undecided)


def _project(
    planar: NDArray[np.float64], camera: Camera, width: int, height: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Pixel centres (N, 2), pixel covariances (N, 2, 2) blurred, and depths (N,)."""
    world2cam, intrinsics = camera.world2cam, camera.pixel_intrinsics(width, height)
    point = planar[MEAN].T @ world2cam[:3, :3].T + world2cam[:3, 3]
    depth = point[:, 2]
    safe = np.maximum(depth, 1e-6)
    focal, principal, size = np.diag(intrinsics)[:2], intrinsics[:2, 2], np.array([width, height])
    slope = point[:, :2] / safe[:, None]
    limit = rec.FRUSTUM_MARGIN * size / focal
    held = np.clip(slope, -principal / focal - limit, (size - principal) / focal + limit)
    jacobian = np.zeros((len(point), 2, 3))
    jacobian[:, 0, 0], jacobian[:, 1, 1] = focal[0] / safe, focal[1] / safe
    jacobian[:, :, 2] = -focal * held / safe[:, None]
    axes = rotation_of(planar[QUATERNION].T) * planar[SCALE].T[:, None, :]
    root = jacobian @ world2cam[:3, :3] @ axes
    covariance = root @ root.transpose(0, 2, 1) + rec.SCREEN_BLUR * np.eye(2)
    return slope * focal + principal, covariance, depth
