"""Repair of wide-open mouths: MediaPipe's chin stays too high when the lower lip leaves the base mesh behind.

The lower lip of an open mouth is found by a refinement network while the chin comes from the base mesh, which lags:
the strip between them folds. The jaw arc is pushed down until the chin keeps (most of) its neutral distance from the
lower lip, and the landmarks between are spaced anew (design notes: enforce chin <= lower lip - 0.95 neutral).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_core.tracking.topology import (
    CHIN,
    INNER_LIPS,
    LOWER_LIP_INNER,
    MESH_COUNT,
    OUTER_LIPS,
    UPPER_LIP_INNER,
)

LOWER_LIP_OUTER = 17
KEPT_SHARE = 0.95
"""Share of the neutral lip-to-chin distance that an open mouth keeps."""
WIDE_OPEN = (0.22, 0.30)
"""Inner lip gap of a photo, inter-ocular distances, from which its neutral's chin is doubted, and wholly so."""
SHUT_SHARE = 1.05
"""Lip-to-chin distance of a wide-open mouth, whose lip is found too high, over the same person's shut one."""

_JAW_WEIGHTS = {
    152: 1.0, 148: 0.97, 377: 0.97, 176: 0.9, 400: 0.9, 149: 0.75, 378: 0.75,
    150: 0.55, 379: 0.55, 136: 0.35, 365: 0.35, 172: 0.15, 397: 0.15,
}  # fmt: skip
_LIP_TO_JAW_COLUMNS = ((84, 148), (17, 152), (314, 377), (181, 176), (405, 400), (91, 149), (321, 378))
_LIP_BAND = frozenset(INNER_LIPS) | frozenset(OUTER_LIPS) | {
    62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 407, 272, 271, 268, 12, 38, 41, 42, 183, 76, 77, 90, 180, 85,
    315, 404, 320, 307, 306, 408, 304, 303, 302, 11, 72, 73, 74, 184,
}  # fmt: skip
_HALF_WIDTH = 0.40  # canonical x beyond which the strip is left alone
_FEATHER = 0.12


def lip_to_chin(landmarks: NDArray[np.floating]) -> float:
    """Vertical distance from the lower lip to the chin, canonical units."""
    return float(landmarks[LOWER_LIP_OUTER, 1] - landmarks[CHIN, 1])


def repair_open_mouth(
    landmarks: NDArray[np.float64], mean: NDArray[np.float64], neutral_lip_to_chin: float
) -> NDArray[np.float64]:
    """Canonical landmarks (478, 3) with the jaw pushed down where the mouth is wide open.

    Args:
        landmarks: canonical landmarks as detected.
        mean: (478, 3) mean face; gives each landmark its place between lip and jaw.
        neutral_lip_to_chin: the person's `lip_to_chin` with the mouth closed.
    """
    shortfall = KEPT_SHARE * neutral_lip_to_chin - lip_to_chin(landmarks)
    if shortfall <= 0.005:
        return landmarks
    repaired = landmarks.copy()
    down = landmarks[CHIN] - landmarks[10]
    down = np.array([0.0, down[1], 0.3 * down[2]])
    down /= max(-down[1], 1e-6)
    for index, weight in _JAW_WEIGHTS.items():
        repaired[index] += down * shortfall * weight

    return _spaced_below_lip(repaired, mean, min(1.0, shortfall / 0.08))


def with_chin_no_longer(
    neutral: NDArray[np.float64], landmarks: NDArray[np.floating], mean: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``neutral`` (478, 3) with a chin no longer than ``landmarks`` (478, 3) of a wide-open mouth have it.

    A neutral is told from an open mouth by statistics alone, and comes out with the chin of the average face. The jaw
    is bone: what lies between lower lip and chin hardly grows when it shuts. Landmarks whose chin `repair_open_mouth`
    has put down, to a share of that same guess, shorten it by a tenth.

    Args:
        mean: (478, 3) mean face; gives each landmark its place between lip and jaw.
    """
    gap = float(landmarks[UPPER_LIP_INNER, 1] - landmarks[LOWER_LIP_INNER, 1])
    share = float(np.clip((gap - WIDE_OPEN[0]) / (WIDE_OPEN[1] - WIDE_OPEN[0]), 0, 1))
    excess = share * (lip_to_chin(neutral) - lip_to_chin(landmarks) / SHUT_SHARE)
    if excess <= 0:
        return neutral
    shorter = neutral.copy()
    for index, weight in _JAW_WEIGHTS.items():
        shorter[index, 1] += excess * weight
    return _spaced_below_lip(shorter, mean, share)


def _spaced_below_lip(
    landmarks: NDArray[np.float64], mean: NDArray[np.float64], strength: float
) -> NDArray[np.float64]:
    """Canonical landmarks (478, 3), those between lower lip and jaw as far from both as on the ``mean`` face."""
    spaced_out = landmarks.copy()
    columns = sorted(_LIP_TO_JAW_COLUMNS, key=lambda pair: mean[pair[0], 0])
    column_x = [mean[lip, 0] for lip, _ in columns]
    across = mean[:MESH_COUNT, 0]

    def along(points: NDArray[np.float64], end: int) -> NDArray[np.float64]:
        return np.interp(across, column_x, [points[pair[end], 1] for pair in columns])

    mean_lip, mean_jaw = along(mean, 0), along(mean, 1)
    lip, jaw = along(spaced_out, 0), along(spaced_out, 1)
    share = (mean_lip - mean[:MESH_COUNT, 1]) / (mean_lip - mean_jaw)
    between = (share > 0) & (share < 1) & (np.abs(across) < _HALF_WIDTH)
    between[[index for index in _LIP_BAND if index < MESH_COUNT]] = False
    between[list(_JAW_WEIGHTS)] = False
    spaced = lip - share * np.maximum(lip - jaw, 0.05)
    weight = np.clip((_HALF_WIDTH - np.abs(across)) / _FEATHER, 0, 1) * strength
    current = spaced_out[:MESH_COUNT, 1]
    spaced_out[:MESH_COUNT, 1] = np.where(between, current + (spaced - current) * weight, current)
    return spaced_out
