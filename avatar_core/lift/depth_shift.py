"""Moves finished sheets along the photo's rays: the face gets its true depth, lids, eyes and mouth with it.

Every sample of one pixel moves by the same amount, so that what was fitted to each other (eyeballs under lids, lips
over teeth) stays so, and the photo's own view does not change at all.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from avatar_core.camera import DEFAULT_RADIUS
from avatar_core.lift.canvas import CROP_SIZE, FOCAL, MARGIN_LEFT, MARGIN_TOP, UNITS_PER_PIXEL
from avatar_core.lift.layer import Layer
from avatar_core.rendering.jit import kernel

_CENTRE_X, _CENTRE_Y = MARGIN_LEFT + CROP_SIZE / 2, MARGIN_TOP + CROP_SIZE / 2


@kernel()
def _shifted(points, shift):
    """Head-space points (N, 3) moved along their rays by ``shift`` (S, S), sampled bilinearly at their pixel."""
    size = shift.shape[0]
    result = np.empty(points.shape, np.float32)
    for k in range(points.shape[0]):
        distance = DEFAULT_RADIUS - points[k, 2]
        across, upward = points[k, 0] / distance, points[k, 1] / distance
        x = min(max(across * FOCAL + _CENTRE_X - 0.5, 0.0), size - 1.001)
        y = min(max(_CENTRE_Y - upward * FOCAL - 0.5, 0.0), size - 1.001)
        column, row = int(x), int(y)
        right, down = x - column, y - row
        above = shift[row, column] * (1 - right) + shift[row, column + 1] * right
        below = shift[row + 1, column] * (1 - right) + shift[row + 1, column + 1] * right
        moved = points[k, 2] + (above * (1 - down) + below * down) * UNITS_PER_PIXEL
        result[k, 0] = across * (DEFAULT_RADIUS - moved)
        result[k, 1] = upward * (DEFAULT_RADIUS - moved)
        result[k, 2] = moved
    return result


def shifted_points(points: NDArray[np.floating], shift: NDArray[np.float32]) -> NDArray[np.float32]:
    """Head-space ``points`` (N, 3) moved towards the viewer by ``shift`` (S, S), canvas pixels."""
    return np.asarray(_shifted(np.ascontiguousarray(points, np.float32), shift), np.float32)


def shifted(layer: Layer, shift: NDArray[np.float32]) -> Layer:
    """``layer`` moved towards the viewer by ``shift`` (S, S), canvas pixels; its tangents follow."""
    position = shifted_points(layer.position, shift)
    return replace(
        layer,
        position=position,
        across=shifted_points(layer.position + layer.across, shift) - position,
        upward=shifted_points(layer.position + layer.upward, shift) - position,
    )
