"""Normals of the mean face: what the motion networks were trained to read at a coordinate u.

The networks tell an upper lip from a lower one, and a lid's edge from its skin, by the normal as well. The relief of
a photo is too coarse in such creases: a lower lip that seems to face down moves like the upper one.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.mesh import CLOSED_TRIANGLES, draw_values, nearest_triangles
from avatar_core.models.anatomy import LOWER_FACE, UPPER_FACE
from avatar_core.models.landmark_motion import landmark_normals
from avatar_core.rendering.jit import kernel

SIZE = 288  # of the map of the mean face seen from the front
HALF_WIDTH, CENTRE = 1.1, (0.0, -0.35)  # canonical units that it covers, and x, y of its middle
OUTLINE_FADE = 0.12  # canonical units inside the face's outline over which the photo's normals are left behind
ON_SURFACE, OFF_SURFACE = 0.03, 0.08  # depth beside the mean face up to which its normals count, and where they end


def mean_front(mean: NDArray[np.floating]) -> NDArray[np.float32]:
    """(SIZE, SIZE, 4) of the mean face (478, 3) from the front: normal, times how much it counts, and height z."""
    values = np.concatenate([landmark_normals(mean), mean[:, 2:]], axis=1).astype(np.float32)
    index, weights = nearest_triangles(_pixels(mean), CLOSED_TRIANGLES, SIZE)
    drawn = draw_values(values, index, weights)
    inset = cv2.distanceTransform((index >= 0).astype(np.uint8), cv2.DIST_L2, 3)
    length = np.linalg.norm(drawn[..., :3], axis=2) + np.float32(1e-9)
    drawn[..., :3] *= (np.minimum(inset * np.float32(2 * HALF_WIDTH / SIZE / OUTLINE_FADE), 1) / length)[..., None]
    return drawn


def facing(
    normal: NDArray[np.floating], u: NDArray[np.float32], part: NDArray[np.uint8], front: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Normals (N, 3) to describe Gaussians by, canonical axes.

    Args:
        normal: (N, 3) unit normals of the photo's surface, canonical axes.
        u: (N, 3) canonical coordinates on and beside the mean face; part: (N,) labels.
        front: see `mean_front`.
    """
    described = np.array(normal, np.float32)
    skin = (part == UPPER_FACE) | (part == LOWER_FACE)
    take_normals(described, u, skin, front, _pixels(np.zeros((1, 3)))[0, :2] - np.float32(0.5))
    return described


@kernel()
def take_normals(normals, u, chosen, front, origin):
    """Turns the ``chosen`` (N,) of the ``normals`` (N, 3) to those of the map ``front`` at ``u`` (N, 3), bilinear, as
    far as they count; ``origin`` (2,) is the pixel index of canonical x = y = 0."""
    rows, columns = front.shape[0], front.shape[1]
    scale = np.float32(0.5 * SIZE / HALF_WIDTH)
    for i in range(normals.shape[0]):
        if not chosen[i]:
            continue
        x, y = origin[0] + u[i, 0] * scale, origin[1] - u[i, 1] * scale
        if not (x >= 0 and y >= 0 and x < columns - 1 and y < rows - 1):
            continue
        left, top = int(x), int(y)
        right, low = x - left, y - top
        nx, ny, nz, height = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for down in range(2):
            for across in range(2):
                weight = (low if down == 1 else 1 - low) * (right if across == 1 else 1 - right)
                nx += weight * front[top + down, left + across, 0]
                ny += weight * front[top + down, left + across, 1]
                nz += weight * front[top + down, left + across, 2]
                height += weight * front[top + down, left + across, 3]
        near = (OFF_SURFACE - abs(height - u[i, 2])) / (OFF_SURFACE - ON_SURFACE)
        near = min(max(near, 0.0), 1.0)
        rest = 1 - near * math.sqrt(nx * nx + ny * ny + nz * nz)
        bx = rest * normals[i, 0] + near * nx
        by = rest * normals[i, 1] + near * ny
        bz = rest * normals[i, 2] + near * nz
        length = math.sqrt(bx * bx + by * by + bz * bz) + 1e-6
        normals[i, 0], normals[i, 1], normals[i, 2] = bx / length, by / length, bz / length


def _pixels(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Canonical points (N, 3) -> map pixels (N, 3), z away."""
    scale = 0.5 * SIZE / HALF_WIDTH
    x = (points[:, 0] - CENTRE[0] + HALF_WIDTH) * scale
    y = (CENTRE[1] + HALF_WIDTH - points[:, 1]) * scale
    return np.stack([x, y, -points[:, 2] * scale], axis=1).astype(np.float32)
