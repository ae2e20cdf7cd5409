"""Normals of the mean face: what the motion networks were trained to read at a coordinate u.

The networks tell an upper lip from a lower one, and a lid's edge from its skin, by the normal as well. The relief of
a photo is too coarse in such creases: a lower lip that seems to face down moves like the upper one.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.mesh import CLOSED_TRIANGLES, draw_values, nearest_triangles
from avatar_core.models.anatomy import LOWER_FACE, UPPER_FACE
from avatar_core.models.landmark_motion import landmark_normals

SIZE = 512  # of the map of the mean face seen from the front
HALF_WIDTH, CENTRE = 1.1, (0.0, -0.35)  # canonical units that it covers, and x, y of its middle
OUTLINE_FADE = 0.12  # canonical units inside the face's outline over which the photo's normals are left behind
ON_SURFACE, OFF_SURFACE = 0.03, 0.08  # depth beside the mean face up to which its normals count, and where they end


def facing(
    normal: NDArray[np.floating], u: NDArray[np.floating], part: NDArray[np.uint8], mean: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Normals (N, 3) to describe Gaussians by, canonical axes.

    Args:
        normal: (N, 3) unit normals of the photo's surface, canonical axes.
        u: (N, 3) canonical coordinates on and beside the mean face; part: (N,) labels.
        mean: (478, 3) the mean face.
    """
    described = np.array(normal, np.float32)
    skin = np.flatnonzero((part == UPPER_FACE) | (part == LOWER_FACE))
    place = u[skin].astype(np.float32)
    pixels = _pixels(place)
    sampled = _sample(_front(mean), pixels)
    off = np.abs(sampled[:, 3] - place[:, 2])
    share = sampled[:, 4] * np.clip((OFF_SURFACE - off) / (OFF_SURFACE - ON_SURFACE), 0, 1)
    blended = described[skin] + share[:, None] * (sampled[:, :3] - described[skin])
    described[skin] = blended / (np.linalg.norm(blended, axis=1, keepdims=True) + 1e-9)
    return described


def _pixels(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Canonical points (N, 3) -> map pixels (N, 3), z away."""
    scale = 0.5 * SIZE / HALF_WIDTH
    x = (points[:, 0] - CENTRE[0] + HALF_WIDTH) * scale
    y = (CENTRE[1] + HALF_WIDTH - points[:, 1]) * scale
    return np.stack([x, y, -points[:, 2] * scale], axis=1).astype(np.float32)


def _front(mean: NDArray[np.floating]) -> NDArray[np.float32]:
    """(SIZE, SIZE, 5) of the mean face from the front: normal, height z, and how much they count."""
    values = np.concatenate([landmark_normals(mean), mean[:, 2:]], axis=1).astype(np.float32)
    index, weights = nearest_triangles(_pixels(mean), CLOSED_TRIANGLES, SIZE)
    drawn = draw_values(values, index, weights)
    inset = cv2.distanceTransform((index >= 0).astype(np.uint8), cv2.DIST_L2, 3)
    share = np.clip(inset * np.float32(2 * HALF_WIDTH / SIZE / OUTLINE_FADE), 0, 1)
    return np.concatenate([drawn, share[..., None]], axis=2).astype(np.float32)


def _sample(values: NDArray[np.float32], pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values (N, 5) of the map at the pixels (N, 3), nearest."""
    x, y = (np.clip(pixels[:, axis], 0, SIZE - 1).astype(np.int32) for axis in (0, 1))
    return values[y, x]
