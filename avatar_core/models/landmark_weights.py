"""How much each landmark says about expression: (478,) weights for fitting activations to landmark displacements."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Trust:
    """Relative weights of landmark groups and axes; ``noise`` is the standard deviation of a landmark of weight 1,
    tracking noise and what no activation explains, in canonical units."""

    lids: float
    lips: float
    brows: float
    skin: float
    sides: float
    outline: float
    depth: float
    noise: float


STATISTICS = Trust(lids=4.0, lips=2.5, brows=0.8, skin=0.5, sides=0.15, outline=0.08, depth=0.3, noise=0.01)
"""For what is learned from many frames: landmarks at the sides slide along a turned head, and would teach that."""
SOLVING = Trust(lids=5.0, lips=3.0, brows=1.0, skin=0.8, sides=0.4, outline=0.15, depth=0.4, noise=0.006)
"""For one frame, whose every landmark helps against noise."""

_SIDES = (
    127, 234, 93, 132, 58, 454, 323, 361, 288, 356, 227, 447, 137, 366, 177, 401, 215, 435, 345, 116, 143, 372, 34, 264,
)  # fmt: skip


def landmark_weights(trust: Trust) -> NDArray[np.float64]:
    """(478,) relative weights; the outline slides along the silhouette and iris points belong to the gaze."""
    weights = np.full(LANDMARK_COUNT, trust.skin)
    weights[list(_SIDES)] = trust.sides
    weights[list(OVAL)] = trust.outline
    weights[list(RIGHT_BROW + LEFT_BROW)] = trust.brows
    weights[list(OUTER_LIPS)] = 0.7 * trust.lips
    weights[list(INNER_LIPS)] = trust.lips
    weights[list(RIGHT_EYE_RING + LEFT_EYE_RING)] = trust.lids
    weights[MESH_COUNT:] = 0.0
    return weights


def axis_weights(trust: Trust) -> NDArray[np.float64]:
    """(3,) weights of x, y, z: depth is MediaPipe's guess and counts little."""
    return np.array([1.0, 1.0, trust.depth])


def coordinate_weights(trust: Trust) -> NDArray[np.float64]:
    """(478, 3) inverse variances of landmark displacements."""
    return landmark_weights(trust)[:, None] * axis_weights(trust) / trust.noise**2
