"""What is known about activations before a frame is seen: spread, bounds, antagonists, left-right coupling.

Out: arrays over the 53 named activations, then 4 gaze angles and K residual modes, as `MotionNetworks` stores them. The
precision is positive definite, so the solver's problem is convex. Values: design notes on the teacher's fit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_core.models.networks import FIRST_RESIDUAL, GAZE, NAMED_COUNT
from avatar_core.motion import ACTIVATION_NAMES

DEFAULT_SPREAD = 0.35
_SPREAD = {
    "mouthClose": 0.12, "jawForward": 0.12, "cheekPuff_L": 0.15, "cheekPuff_R": 0.15, "mouthRollLower": 0.25,
    "mouthRollUpper": 0.25, "mouthShrugLower": 0.25, "mouthShrugUpper": 0.25, "jawLeft": 0.15, "jawRight": 0.15,
    "jawOpen": 0.6, "eyeBlink_L": 0.7, "eyeBlink_R": 0.7,
}  # fmt: skip
_ANTAGONISTS = (
    ("mouthLeft", "mouthRight"), ("jawLeft", "jawRight"), ("eyeLookIn_L", "eyeLookOut_L"),
    ("eyeLookIn_R", "eyeLookOut_R"), ("eyeLookUp_L", "eyeLookDown_L"), ("eyeLookUp_R", "eyeLookDown_R"),
    ("mouthSmile_L", "mouthFrown_L"), ("mouthSmile_R", "mouthFrown_R"), ("eyeBlink_L", "eyeWide_L"),
    ("eyeBlink_R", "eyeWide_R"), ("browDown_L", "browOuterUp_L"), ("browDown_R", "browOuterUp_R"),
    ("mouthPucker", "mouthStretch_L"), ("mouthPucker", "mouthStretch_R"), ("browInnerUp_L", "browDown_L"),
    ("browInnerUp_R", "browDown_R"), ("jawOpen", "mouthClose"),
)  # fmt: skip
ANTAGONIST_COST = 5.0
COUPLING_COST = 8.0
SPARSITY_COST = 0.5
GAZE_SPREAD = 0.3  # radians
RESIDUAL_LIMIT = 3.0
_GENEROUS = ("browInnerUp", "browOuterUp", "UpperUp", "mouthSmile")


def antagonists() -> list[tuple[int, int]]:
    """Pairs of named activations that do not act together."""
    return [(ACTIVATION_NAMES.index(first), ACTIVATION_NAMES.index(second)) for first, second in _ANTAGONISTS]


def coupled() -> list[tuple[int, int]]:
    """Pairs of named activations that usually act alike on both sides."""
    pairs = [("eyeLookIn_L", "eyeLookOut_R"), ("eyeLookOut_L", "eyeLookIn_R")]
    for name in ACTIVATION_NAMES:
        if name.endswith("_L") and any(key in name for key in ("brow", "Sneer", "LookUp", "LookDown", "Blink")):
            pairs.append((name, name[:-1] + "R"))
    return [(ACTIVATION_NAMES.index(first), ACTIVATION_NAMES.index(second)) for first, second in pairs]


def mirrored_names() -> NDArray[np.int64]:
    """(53,) index of each named activation's mirror image."""
    names = list(ACTIVATION_NAMES)
    pairs = (("_L", "_R"), ("_R", "_L"), ("Left", "Right"), ("Right", "Left"))
    mirror = []
    for name in names:
        ending = next(((old, new) for old, new in pairs if name.endswith(old)), None)
        mirror.append(names.index(name if ending is None else name[: -len(ending[0])] + ending[1]))
    return np.array(mirror)


def prior(residual_count: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """precision (A, A), sparsity cost (A,) and upper bound (A,) for A = 57 + ``residual_count`` activations."""
    count = FIRST_RESIDUAL + residual_count
    spread = np.ones(count)
    sparsity, upper = np.zeros(count), np.full(count, RESIDUAL_LIMIT)
    for index, name in enumerate(ACTIVATION_NAMES):
        spread[index] = _SPREAD.get(name, 0.4 if "eyeLook" in name else DEFAULT_SPREAD)
        sparsity[index] = 0.0 if "Blink" in name else SPARSITY_COST
        upper[index] = 1.3
        if any(key in name for key in _GENEROUS):
            upper[index] = 1.4
        if "eyeWide" in name:
            upper[index] = 2.0
    spread[GAZE], upper[GAZE] = GAZE_SPREAD, 0.8
    precision = np.diag(1.0 / spread**2)
    for pairs, cost, sign in ((antagonists(), ANTAGONIST_COST, 1.0), (coupled(), COUPLING_COST, -1.0)):
        for first, second in pairs:
            precision[first, first] += cost
            precision[second, second] += cost
            precision[first, second] += sign * cost
            precision[second, first] += sign * cost
    assert sparsity[NAMED_COUNT:].max(initial=0.0) == 0.0
    return precision, sparsity, upper
