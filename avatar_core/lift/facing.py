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

SIZE = 384  # of the map of the mean face seen from the front
HALF_WIDTH, CENTRE = 1.1, (0.0, -0.35)  # canonical units that it covers, and x, y of its middle
OUTLINE_FADE = 0.12  # canonical units inside the face's outline over which the photo's normals are left behind
ON_SURFACE, OFF_SURFACE = 0.03, 0.08  # depth beside the mean face up to which its normals count, and where they end
_ROW = 1024  # samples per row: cv2 limits a map's height


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
    skin = np.flatnonzero((part == UPPER_FACE) | (part == LOWER_FACE))
    place = u.take(skin, axis=0)
    sampled = _sample(front, _pixels(place))
    near = np.clip((OFF_SURFACE - np.abs(sampled[:, 3] - place[:, 2])) / np.float32(OFF_SURFACE - ON_SURFACE), 0, 1)
    mean_normal = sampled[:, :3] * near[:, None]
    share = np.sqrt(np.einsum("nc,nc->n", mean_normal, mean_normal))
    blended = described.take(skin, axis=0) * (1 - share[:, None]) + mean_normal
    blended /= np.sqrt(np.einsum("nc,nc->n", blended, blended) + np.float32(1e-12))[:, None]
    described[skin] = blended
    return described


def _pixels(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Canonical points (N, 3) -> map pixels (N, 3), z away."""
    scale = 0.5 * SIZE / HALF_WIDTH
    x = (points[:, 0] - CENTRE[0] + HALF_WIDTH) * scale
    y = (CENTRE[1] + HALF_WIDTH - points[:, 1]) * scale
    return np.stack([x, y, -points[:, 2] * scale], axis=1).astype(np.float32)


def _sample(front: NDArray[np.float32], pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values (N, 4) of the map at the pixels (N, 3), bilinear; zero beside it."""
    count = len(pixels)
    places = np.full((2, -(-count // _ROW) * _ROW), -1, np.float32)
    places[:, :count] = pixels[:, :2].T - np.float32(0.5)
    x, y = places.reshape(2, -1, _ROW)
    sampled = cv2.remap(front, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(sampled.reshape(-1, 4)[:count], np.float32)
