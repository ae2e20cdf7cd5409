"""Depth of the nearest triangle at each pixel centre."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_core.rendering.jit import kernel

FAR = np.float32(1e9)


@kernel()
def _draw(points, depth, triangles, height, width):
    nearest = np.full((height, width), np.float32(1e9), np.float32)
    for k in range(triangles.shape[0]):
        a, b, c = triangles[k, 0], triangles[k, 1], triangles[k, 2]
        ax, ay, bx, by, cx, cy = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
        if abs(area) < 1e-9:
            continue
        x0 = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        y0 = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        y1 = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                px, py = x + 0.5, y + 0.5
                u = ((by - cy) * (px - cx) + (cx - bx) * (py - cy)) / area
                v = ((cy - ay) * (px - cx) + (ax - cx) * (py - cy)) / area
                w = 1.0 - u - v
                if u < -1e-5 or v < -1e-5 or w < -1e-5:
                    continue
                z = u * depth[a] + v * depth[b] + w * depth[c]
                if z < nearest[y, x]:
                    nearest[y, x] = z
    return nearest


def draw_depth(
    pixels: NDArray[np.floating], depth: NDArray[np.floating], triangles: NDArray[np.integer], height: int, width: int
) -> NDArray[np.float32]:
    """Depth (height, width) of the nearest triangle; `FAR` where there is none.

    Args:
        pixels: (V, 2) projected vertices, pixel centres at .5; depth: (V,) along the camera's axis.
        triangles: (T, 3) vertex indices.
    """
    return _draw(
        np.ascontiguousarray(pixels, np.float64), np.ascontiguousarray(depth, np.float64),
        np.ascontiguousarray(triangles, np.int64), height, width,
    )  # fmt: skip
