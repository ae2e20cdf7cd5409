"""Most Gaussians follow a few anchors: which those are, found once per avatar by showing it extreme expressions.

The networks' change is smooth over the face, so nearly all of it can be had from a few Gaussians of each neighbourhood:

    change = sum of weight_k * (change of anchor k),  the weights of one Gaussian sum to 1

Moving Gaussians are sorted into blocks of neighbours of one part; `animator_anchor_kernels` picks each block's anchors
and weights so that under `EXTREMES` no change is off by more than `ALLOWED`. Smooth skin takes about six anchors of 128
Gaussians, lids and lips up to thirty. As changes are differences to the photo's own expression, that one stays exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_core.camera import DEFAULT_FOV, DEFAULT_RADIUS, focal_from_fov
from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE
from avatar_core.models.animator_layout import ROWS
from avatar_core.models.gaussian_decoder import RAW_CHANNELS
from avatar_core.models.networks import FIRST_RESIDUAL, GAZE
from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.rendering.memory import aligned

PIXEL = DEFAULT_RADIUS / (512 * focal_from_fov(DEFAULT_FOV))
"""Head-space units per pixel of a picture of 512 pixels, at the head's centre."""


def _allowed() -> NDArray[np.float32]:
    allowed = np.empty(RAW_CHANNELS, np.float32)
    allowed[MEAN], allowed[SCALE], allowed[QUATERNION] = 0.2 * PIXEL, 0.2, 0.2
    allowed[OPACITY], allowed[COLOR] = 0.4, 2.0 / 255.0
    return allowed


ALLOWED = _allowed()
"""(14,) error of each channel (planar order: head-space units, log-scale, quaternion, logit, colour) that is as much as
a Gaussian may have under all `EXTREMES` together: the square root of the sum of squares of errors over these is 1."""
PLACE_ALLOWED = 2.0 * PIXEL
"""How far off the same weights may put a Gaussian's own position: this holds them to what is smooth over the face, and
with it expressions that are not among `EXTREMES`."""

EXTREMES: tuple[tuple[Mapping[str, float], tuple[float, float]], ...] = (
    ({"jawOpen": 1.0, "mouthStretch": 0.8, "mouthRight": 0.8, "browInnerUp": 1.0, "browOuterUp": 1.0, "eyeWide": 1.0},
     (0.4, 0.3)),
    ({"mouthSmile": 1.0, "cheekSquint": 1.0, "jawLeft": 0.8, "mouthRollLower": 0.8, "mouthRollUpper": 0.8,
      "eyeBlink": 1.0, "browDown": 1.0}, (0.0, 0.0)),
    ({"mouthPucker": 1.0, "mouthFunnel": 0.5, "mouthFrown": 1.0, "mouthUpperUp": 0.8, "mouthLowerDown": 0.8,
      "cheekPuff": 0.8, "noseSneer": 1.0, "eyeSquint": 1.0, "eyeLookDown": 0.7, "browInnerUp": 0.7}, (-0.4, -0.3)),
)  # fmt: skip
"""Named activations (both sides where no side is named) and gaze (yaw, pitch in radians) that together move each region
in all the ways it has. Five, each with fewer activations, gain 1.5 dB on expressions that are not among them and cost
half as much time again; two lose 2 dB."""
_RESIDUAL = 1.5  # strength of the residual modes that are added to each


@dataclass(frozen=True)
class Following:
    """Which Gaussians the others follow, in tiles of `ROWS`.

    Args:
        anchors: (A,) index of each anchor among the Gaussians in question.
        begins, counts: (tiles,) first anchor of each tile in ``anchors``, and how many there are; tiles share theirs.
        places: (tiles,) where a tile's rows begin in ``weights``.
        weights: (rows, ROWS) float32, one row per anchor of a tile; the weights of one Gaussian sum to 1.
    """

    anchors: NDArray[np.int64]
    begins: NDArray[np.int64]
    counts: NDArray[np.int64]
    places: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        owners: NDArray[np.int64],
        counts: NDArray[np.int64],
        anchors: NDArray[np.int64],
        weights: NDArray[np.float32],
    ) -> Following:
        """Close up the rectangular output of `animator_anchor_kernels.choose_anchors`."""
        used = np.arange(anchors.shape[1]) < counts[:, None]
        owning = owners == np.arange(len(owners))
        owned = np.where(owning, counts, 0)
        rows = aligned((int(counts.sum()), ROWS), np.float32)
        rows[:] = weights[used]
        begins = (np.cumsum(owned) - owned)[owners]
        return cls(anchors[used & owning[:, None]], begins, counts, np.cumsum(counts) - counts, rows)


_CELL_BITS = 10  # cells of one pixel, more of them than any portrait spans


def _every_third_bit() -> NDArray[np.int64]:
    values = np.arange(1 << _CELL_BITS)
    return sum(((values >> bit & 1) << 3 * bit for bit in range(_CELL_BITS)), np.zeros_like(values))


_THIRDS = _every_third_bit()


def extreme_activations(count: int) -> NDArray[np.float32]:
    """(len(`EXTREMES`), count) activations of `EXTREMES`, each with residual modes of its own."""
    activations = np.zeros((len(EXTREMES), count), np.float32)
    for row, (named, gaze) in zip(activations, EXTREMES, strict=True):
        for index, name in enumerate(ACTIVATION_NAMES):
            row[index] = named.get(name, named.get(name[:-2], 0.0) if name[-2:] in ("_L", "_R") else 0.0)
        row[GAZE] = np.tile(gaze, 2)
    residuals = np.random.default_rng(0).uniform(-_RESIDUAL, _RESIDUAL, (len(EXTREMES), count - FIRST_RESIDUAL))
    activations[:, FIRST_RESIDUAL:] = residuals
    return activations


def neighbourly_order(positions: NDArray[np.float32], part: NDArray[np.uint8]) -> NDArray[np.intp]:
    """(N,) an order that keeps neighbours together: by part, then along a Morton curve in space.

    Args:
        positions: (3, N) head space; part: (N,) labels.
    """
    keys = part.astype(np.int64) << 3 * _CELL_BITS
    for axis, along in enumerate(positions):
        cells = np.minimum((along - along.min()) * np.float32(1.0 / PIXEL), (1 << _CELL_BITS) - 1).astype(np.int64)
        keys |= _THIRDS[cells] << axis
    return np.argsort(keys, kind="stable")
