"""Finds the lattice that an avatar's Gaussians were sampled on, and sorts them so that its cells nest.

Every sheet of the lift is a lattice in the canvas of its photo: one sample per pixel, every second or third pixel where
nothing is seen at first, several per pixel on lids and lips. Its step is read back from the extents of the Gaussians,
which are `SIGMA_PER_STEP` of it. The sort key of a Gaussian is (part, steps, depth, cell) with the bits of the cell's
row and column interleaved (Morton order): dropping the lowest bit merges two rows, of which lids and lips have several
per pixel, the next one two columns, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_core.camera import DEFAULT_RADIUS
from avatar_core.gaussians import QUATERNION, SCALE
from avatar_core.lift.canvas import UNITS_PER_PIXEL
from avatar_core.lift.layer import SIGMA_PER_STEP

STEPS = np.array([1 / 5, 1 / 3, 1 / 2, 1, 2, 3, 4])
"""Steps that sheets are sampled at, pixels of the canvas."""
SHEET_DEPTH = 8.0  # pixels; Gaussians of one cell farther apart lie on two sheets

_ONTO_CELL = 1e-3  # of a step: a sample on a cell's border belongs to the cell, whatever rounding did to it
_CELL_BITS, _DEPTH_BITS = 13, 10
_ORIGIN = 1 << 10  # cells and depths left of, above or behind zero


@dataclass(frozen=True)
class Sheets:
    """An avatar's Gaussians in the order of their cells.

    Args:
        order: (N,) index of the Gaussian at each place; keys: (N,) ascending, see the module.
        step: (N, 2) horizontal and vertical step at each place, pixels of the canvas.
        area: (N,) of a Gaussian's cell, by the Gaussian's own index, square pixels.
    """

    order: NDArray[np.intp]
    keys: NDArray[np.int64]
    step: NDArray[np.float64]
    area: NDArray[np.float64]


def sheets_of(rest: NDArray[np.float32], placed: NDArray[np.float32], part: NDArray[np.uint8]) -> Sheets:
    """Sort Gaussians by sheet and cell.

    Args:
        rest: (14, N) as in `Avatar`; placed: (N, 3) canvas column, row and height of their means; part: (N,).
    """
    kind = _nearest_step(rest)
    step = STEPS[kind]
    cell = np.floor(placed[:, :2] / step + _ONTO_CELL).astype(np.int64)
    depth = np.floor(placed[:, 2] / SHEET_DEPTH).astype(np.int64)
    cell = np.clip(cell + _ORIGIN, 0, (1 << _CELL_BITS) - 1)
    depth = np.clip(depth + (1 << (_DEPTH_BITS - 1)), 0, (1 << _DEPTH_BITS) - 1)
    sheet = ((part.astype(np.int64) * len(STEPS) + kind[:, 0]) * len(STEPS) + kind[:, 1]) << _DEPTH_BITS | depth
    keys = sheet << 2 * _CELL_BITS | _apart(cell[:, 1]) | _apart(cell[:, 0]) << 1
    order = np.argsort(keys, kind="stable")
    return Sheets(order, keys[order], step[order], step.prod(1))


def _nearest_step(rest: NDArray[np.float32]) -> NDArray[np.intp]:
    """(N, 2) index into `STEPS` of each Gaussian's horizontal and vertical step.

    The lift lays local axis 0 along the step to the right, and axis 1 square to it in the plane of both steps, so the
    step to the right is axis 0's share across and the step upwards is axis 1's share upward.
    """
    _w, x, y, z = rest[QUATERNION] / np.linalg.norm(rest[QUATERNION], axis=0)
    shares = np.abs(np.stack([1 - 2 * (y * y + z * z), 1 - 2 * (x * x + z * z)], axis=-1))
    pixel = UNITS_PER_PIXEL * (DEFAULT_RADIUS - rest[2]) / DEFAULT_RADIUS
    step = shares * np.exp(rest[SCALE][:2]).T / (SIGMA_PER_STEP * pixel[:, None])
    borders = np.log(STEPS[:-1] * STEPS[1:]) / 2
    return np.searchsorted(borders, np.log(np.maximum(step, STEPS[0])))


def _apart(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The lowest `_CELL_BITS` bits of each value, with a zero between every two."""
    result = np.zeros_like(values)
    for bit in range(_CELL_BITS):
        result |= (values >> bit & 1) << 2 * bit
    return result
