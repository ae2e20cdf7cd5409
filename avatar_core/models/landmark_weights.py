"""How much each landmark says about expression: (478,) weights for fitting activations to landmark displacements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_core.tracking.topology import (
    INNER_LIPS,
    LANDMARK_COUNT,
    LEFT_BROW,
    LEFT_EYE_RING,
    MESH_COUNT,
    OUTER_LIPS,
    OVAL,
    RIGHT_BROW,
    RIGHT_EYE_RING,
)

LID_WEIGHT, LIP_WEIGHT, BROW_WEIGHT, SKIN_WEIGHT, OUTLINE_WEIGHT = 5.0, 3.0, 1.0, 0.8, 0.15
SIDE_WEIGHT = 0.4
_SIDES = (
    127, 234, 93, 132, 58, 454, 323, 361, 288, 356, 227, 447, 137, 366, 177, 401, 215, 435, 345, 116, 143, 372, 34, 264,
)  # fmt: skip
AXIS_WEIGHTS = np.array([1.0, 1.0, 0.4])
"""x, y, z: depth is MediaPipe's guess and counts little."""
LANDMARK_NOISE = 0.006
"""Standard deviation of a landmark of weight 1, tracking noise and what no activation explains, in canonical units."""


def landmark_weights() -> NDArray[np.float64]:
    """(478,) relative weights; the outline slides along the silhouette and iris points belong to the gaze."""
    weights = np.full(LANDMARK_COUNT, SKIN_WEIGHT)
    weights[list(_SIDES)] = SIDE_WEIGHT
    weights[list(OVAL)] = OUTLINE_WEIGHT
    weights[list(RIGHT_BROW + LEFT_BROW)] = BROW_WEIGHT
    weights[list(OUTER_LIPS)] = 0.7 * LIP_WEIGHT
    weights[list(INNER_LIPS)] = LIP_WEIGHT
    weights[list(RIGHT_EYE_RING + LEFT_EYE_RING)] = LID_WEIGHT
    weights[MESH_COUNT:] = 0.0
    return weights


def coordinate_weights() -> NDArray[np.float64]:
    """(478, 3) inverse variances of landmark displacements."""
    return landmark_weights()[:, None] * AXIS_WEIGHTS / LANDMARK_NOISE**2
