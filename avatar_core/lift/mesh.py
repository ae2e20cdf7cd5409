"""The landmark mesh drawn over the canvas: which triangle each pixel lies in, and everything interpolated from that.

The eyes and the mouth, holes of MediaPipe's mesh, are closed by strips of triangles between upper and lower margin,
so that maps go on smoothly across them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.rendering.jit import kernel
from avatar_core.tracking.topology import INNER_LIPS, LEFT_EYE_RING, RIGHT_EYE_RING, TRIANGLES


@kernel()
def _draw(points, triangles, size):
    """Index (-1 outside) and barycentric weights of the nearest triangle at each pixel centre."""
    index = -np.ones((size, size), np.int32)
    weights = np.zeros((size, size, 3), np.float32)
    depth = np.full((size, size), 1e9)
    for k in range(triangles.shape[0]):
        a, b, c = points[triangles[k, 0]], points[triangles[k, 1]], points[triangles[k, 2]]
        area = (b[1] - c[1]) * (a[0] - c[0]) + (c[0] - b[0]) * (a[1] - c[1])
        if abs(area) < 1e-9:
            continue
        x0 = max(0, int(np.floor(min(a[0], b[0], c[0]) - 0.5)))
        x1 = min(size - 1, int(np.ceil(max(a[0], b[0], c[0]) - 0.5)))
        y0 = max(0, int(np.floor(min(a[1], b[1], c[1]) - 0.5)))
        y1 = min(size - 1, int(np.ceil(max(a[1], b[1], c[1]) - 0.5)))
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                px, py = x + 0.5, y + 0.5
                first = ((b[1] - c[1]) * (px - c[0]) + (c[0] - b[0]) * (py - c[1])) / area
                second = ((c[1] - a[1]) * (px - c[0]) + (a[0] - c[0]) * (py - c[1])) / area
                third = 1.0 - first - second
                if first < -1e-4 or second < -1e-4 or third < -1e-4:
                    continue
                z = first * a[2] + second * b[2] + third * c[2]
                if z < depth[y, x]:
                    depth[y, x] = z
                    index[y, x] = k
                    weights[y, x, 0] = first
                    weights[y, x, 1] = second
                    weights[y, x, 2] = third
    return index, weights


def _strip(ring: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Triangles that close a ring whose entry ``half - k`` faces entry ``half + k``."""
    half = len(ring) // 2
    pairs = [(ring[half], ring[half])]
    pairs += [(ring[half - k], ring[(half + k) % len(ring)]) for k in range(1, half)]
    pairs.append((ring[0], ring[0]))
    triangles: list[tuple[int, int, int]] = []
    for (upper, lower), (next_upper, next_lower) in pairwise(pairs):
        triangles += [(upper, lower, next_upper), (lower, next_lower, next_upper)]
    return [triangle for triangle in triangles if len(set(triangle)) == 3]


HOLES = (RIGHT_EYE_RING, LEFT_EYE_RING, INNER_LIPS)
_HOLE_TRIANGLES = np.concatenate([np.array(_strip(ring), np.int32) for ring in HOLES])
CLOSED_TRIANGLES = np.concatenate([TRIANGLES, _HOLE_TRIANGLES])
"""The mesh with its three holes closed."""


@dataclass(frozen=True)
class MeshMap:
    """triangle (S, S) int32 index into `CLOSED_TRIANGLES` or -1; weights (S, S, 3) barycentric."""

    triangle: NDArray[np.int32]
    weights: NDArray[np.float32]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(S, S): covered by the closed mesh."""
        return self.triangle >= 0

    def interpolate(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Values at the landmarks (478,) or (478, C) -> map (S, S) or (S, S, C), zero outside."""
        points = np.asarray(values, np.float32)
        drawn = draw_values(points.reshape(len(points), -1), self.triangle, self.weights)
        return drawn.reshape(self.triangle.shape + points.shape[1:])


@kernel()
def _interpolate(values, triangles, index, weights):
    """Values (V, C) at the corners of triangles (T, 3) -> map (H, W, C), zero where ``index`` (H, W) is -1."""
    rows, columns = index.shape
    channels = values.shape[1]
    result = np.zeros((rows, columns, channels), np.float32)
    for y in range(rows):
        for x in range(columns):
            k = index[y, x]
            if k < 0:
                continue
            a, b, c = triangles[k, 0], triangles[k, 1], triangles[k, 2]
            for channel in range(channels):
                result[y, x, channel] = (
                    weights[y, x, 0] * values[a, channel]
                    + weights[y, x, 1] * values[b, channel]
                    + weights[y, x, 2] * values[c, channel]
                )
    return result


def draw_values(
    values: NDArray[np.float32], triangle: NDArray[np.int32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Values (478, C) at the landmarks -> map (S, S, C) over the closed mesh, zero where ``triangle`` (S, S) is -1."""
    return np.asarray(_interpolate(np.ascontiguousarray(values), CLOSED_TRIANGLES, triangle, weights), np.float32)


def draw_mesh(landmarks: NDArray[np.floating], size: int) -> MeshMap:
    """Rasterise landmarks (478, 3) in canvas pixels (z away: the nearest triangle wins)."""
    return MeshMap(*nearest_triangles(landmarks, CLOSED_TRIANGLES, size))


def nearest_triangles(
    points: NDArray[np.floating], triangles: NDArray[np.int32], size: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Index (size, size), -1 where there is none, and barycentric weights (size, size, 3) of the nearest triangle of a
    mesh: points (V, 3) in pixels, z away."""
    return _draw(np.ascontiguousarray(points, np.float64), np.ascontiguousarray(triangles, np.int32), size)


def polygon_mask(points: NDArray[np.floating], size: int) -> NDArray[np.bool_]:
    """Pixels (size, size) whose centre lies within (or on the edge of) a polygon (K, 2)."""
    mask = np.zeros((size, size), np.uint8)
    fixed_point = np.round((np.asarray(points, np.float64) - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(mask, [fixed_point], (1,), shift=4)
    return mask > 0
