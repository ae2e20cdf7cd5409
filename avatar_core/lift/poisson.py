"""Multigrid Poisson solver on a pixel grid with per-pixel roles, for relief from a silhouette.

laplace(field) = rhs on unknown pixels; fixed pixels keep their value; missing neighbours (the grid's border, and pixels
an unknown may not see) are reflected, which makes the border free.
"""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

HEAD, BODY = 1, 2
"""Unknown pixels."""
FIXED, FIXED_FOR_HEAD = 3, 4
"""Known pixels; `FIXED_FOR_HEAD` is invisible to `BODY`: the face stands free of the neck behind it."""

_COARSEST = 24
_COARSE_SWEEPS, _SWEEPS = 150, 28
_OVERRELAXATION = 1.7


@njit(cache=True, fastmath=True)
def _relax(field, role, rhs, sweeps, omega):  # type: ignore[no-untyped-def]
    """Red-black successive over-relaxation of ``field`` (H, W) in place."""
    rows, columns = field.shape
    for _ in range(sweeps):
        for colour in range(2):
            for y in range(rows):
                for x in range((y + colour) & 1, columns, 2):
                    own = role[y, x]
                    if own != 1 and own != 2:
                        continue
                    total = 0.0
                    count = 0
                    if y > 0 and (own == 1 or role[y - 1, x] != 4):
                        total += field[y - 1, x]
                        count += 1
                    if y < rows - 1 and (own == 1 or role[y + 1, x] != 4):
                        total += field[y + 1, x]
                        count += 1
                    if x > 0 and (own == 1 or role[y, x - 1] != 4):
                        total += field[y, x - 1]
                        count += 1
                    if x < columns - 1 and (own == 1 or role[y, x + 1] != 4):
                        total += field[y, x + 1]
                        count += 1
                    if count > 0:
                        field[y, x] += omega * ((total - rhs[y, x]) / count - field[y, x])


@njit(cache=True)
def _coarsen(role, value):  # type: ignore[no-untyped-def]
    """Role by majority of 2 x 2 pixels (fixed wins a tie), value by the mean of the pixels of that role."""
    rows, columns = role.shape[0] // 2, role.shape[1] // 2
    coarse_role = np.zeros((rows, columns), np.uint8)
    coarse_value = np.zeros((rows, columns), np.float32)
    for y in range(rows):
        for x in range(columns):
            counts = np.zeros(5, np.int64)
            for dy in range(2):
                for dx in range(2):
                    counts[role[2 * y + dy, 2 * x + dx]] += 1
            best = 0
            for kind in range(5):
                if counts[kind] > 0 and counts[kind] >= counts[best]:
                    best = kind
            total = 0.0
            for dy in range(2):
                for dx in range(2):
                    if role[2 * y + dy, 2 * x + dx] == best:
                        total += value[2 * y + dy, 2 * x + dx]
            coarse_role[y, x] = best
            coarse_value[y, x] = total / counts[best]
    return coarse_role, coarse_value


def solve(
    role: NDArray[np.uint8], value: NDArray[np.floating], rhs: NDArray[np.floating]
) -> NDArray[np.float32]:
    """The field (H, W) float32.

    Args:
        role: (H, W) `HEAD`, `BODY`, `FIXED` or `FIXED_FOR_HEAD`.
        value: (H, W) the field on fixed pixels; ignored elsewhere.
        rhs: (H, W) the wanted Laplacian, per squared pixel.
    """
    return _solve(np.ascontiguousarray(role), np.asarray(value, np.float32), np.asarray(rhs, np.float32))


def _solve(role: NDArray[np.uint8], value: NDArray[np.float32], rhs: NDArray[np.float32]) -> NDArray[np.float32]:
    unknown = (role == HEAD) | (role == BODY)
    field = np.where(unknown, np.float32(0), value)
    if min(role.shape) <= _COARSEST or role.shape[0] % 2 or role.shape[1] % 2:
        _relax(field, role, rhs, _COARSE_SWEEPS, _OVERRELAXATION)
        return field
    coarse_role, coarse_value = _coarsen(role, field)
    size = (role.shape[1] // 2, role.shape[0] // 2)
    coarse_rhs = 4.0 * cv2.resize(rhs, size, interpolation=cv2.INTER_AREA)
    coarse = _solve(coarse_role, coarse_value, np.asarray(coarse_rhs, np.float32))
    guess = cv2.resize(coarse, role.shape[::-1], interpolation=cv2.INTER_LINEAR)
    field = np.where(unknown, guess, value).astype(np.float32)
    _relax(field, role, rhs, _SWEEPS, _OVERRELAXATION)
    return field
