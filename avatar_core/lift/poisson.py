"""Multigrid Poisson solver on a pixel grid with per-pixel roles, for relief from a silhouette.

laplace(field) = rhs on unknown pixels; fixed pixels keep their value; missing neighbours (the grid's border, and pixels
an unknown may not see) are reflected, which makes the border free.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.rendering.jit import kernel

HEAD, BODY = 1, 2
"""Unknown pixels."""
FIXED, FACE = 3, 4
"""Known pixels; a `BODY` pixel feels a `FACE` neighbour by its coupling: the chin stands free of the throat."""

_COARSEST = 24
_COARSE_SWEEPS, _SWEEPS = 150, 28
_OVERRELAXATION = 1.7


@kernel()
def _relax(field, role, rhs, coupling, sweeps, omega):
    """Red-black successive over-relaxation of ``field`` (H, W) in place."""
    rows, columns = field.shape
    for _ in range(sweeps):
        for colour in range(2):
            for y in range(rows):
                for x in range((y + colour) & 1, columns, 2):
                    own = role[y, x]
                    if own != 1 and own != 2:
                        continue
                    face_weight = 1.0 if own == 1 else coupling[y, x]
                    total = 0.0
                    weights = 0.0
                    if y > 0:
                        weight = face_weight if role[y - 1, x] == 4 else 1.0
                        total += weight * field[y - 1, x]
                        weights += weight
                    if y < rows - 1:
                        weight = face_weight if role[y + 1, x] == 4 else 1.0
                        total += weight * field[y + 1, x]
                        weights += weight
                    if x > 0:
                        weight = face_weight if role[y, x - 1] == 4 else 1.0
                        total += weight * field[y, x - 1]
                        weights += weight
                    if x < columns - 1:
                        weight = face_weight if role[y, x + 1] == 4 else 1.0
                        total += weight * field[y, x + 1]
                        weights += weight
                    if weights > 1e-6:
                        field[y, x] += omega * ((total - rhs[y, x]) / weights - field[y, x])


@kernel()
def _coarsen(role, value):
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
    role: NDArray[np.uint8],
    value: NDArray[np.floating],
    rhs: NDArray[np.floating],
    coupling: NDArray[np.floating] | None = None,
) -> NDArray[np.float32]:
    """The field (H, W) float32.

    Args:
        role: (H, W) `HEAD`, `BODY`, `FIXED` or `FACE`.
        value: (H, W) the field on fixed pixels; ignored elsewhere.
        rhs: (H, W) the wanted Laplacian, per squared pixel.
        coupling: (H, W) in [0, 1] how strongly body pixels feel face neighbours; default 0.
    """
    weights = np.zeros(role.shape, np.float32) if coupling is None else np.asarray(coupling, np.float32)
    values, wanted = np.asarray(value, np.float32), np.ascontiguousarray(rhs, np.float32)
    return _solve(np.ascontiguousarray(role), values, wanted, np.ascontiguousarray(weights))


def _solve(
    role: NDArray[np.uint8], value: NDArray[np.float32], rhs: NDArray[np.float32], coupling: NDArray[np.float32]
) -> NDArray[np.float32]:
    unknown = (role == HEAD) | (role == BODY)
    field = np.where(unknown, np.float32(0), value)
    if min(role.shape) <= _COARSEST or role.shape[0] % 2 or role.shape[1] % 2:
        _relax(field, role, rhs, coupling, _COARSE_SWEEPS, _OVERRELAXATION)
        return field
    coarse_role, coarse_value = _coarsen(role, field)
    coarse_rhs, coarse_coupling = 4.0 * _shrink(rhs), _shrink(coupling)
    coarse = _solve(coarse_role, coarse_value, coarse_rhs, coarse_coupling)
    guess = cv2.resize(coarse, role.shape[::-1], interpolation=cv2.INTER_LINEAR)
    field = np.where(unknown, guess, value).astype(np.float32)
    _relax(field, role, rhs, coupling, _SWEEPS, _OVERRELAXATION)
    return field


def _shrink(values: NDArray[np.float32]) -> NDArray[np.float32]:
    size = (values.shape[1] // 2, values.shape[0] // 2)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)
