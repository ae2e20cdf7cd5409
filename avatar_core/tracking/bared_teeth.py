"""How far the jaw is open, as teeth between the lips tell.

In: a picture and its face's landmarks. Out: the largest distance of the two rows of teeth that the picture allows.

Landmarks show lips, and a clenched smile parts them as far as an open mouth does. What lies between them tells the two
apart: teeth are brighter than the mouth's inside and less red than skin, tongue, gums and lips are redder. Between
the lips nothing but teeth means a jaw that is shut.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from avatar_core.motion import TEETH_UNTOLD
from avatar_core.tracking.measures import inter_ocular_distance
from avatar_core.tracking.topology import CHEEKS, INNER_LIPS

LOOKED_AT = 100.0  # pixels between the outer eye corners to which the face is scaled down
SMALLEST = (40.0, 50.0)  # pixels between them from which a row of teeth begins to be seen, and is
COLUMNS, ROWS, ACROSS = 17, 16, (0.2, 0.8)
"""Samples between the lips, and from where to where between the corners of the mouth they lie: beside it is dark."""
TEETH_LIGHT, INSIDE_LIGHT = (0.45, 0.70), (0.35, 0.60)
"""Lightness over the skin's: from where it may be teeth and surely is bright enough, and of the mouth's dark inside."""
PALER = (-2.0, 2.5)
"""CIELAB a* that teeth have less than skin: from where they may be teeth, and from where they are."""
GAPS, MISSED = 0.0135, 0.068
"""Inter-ocular distances of dark between rows of teeth that meet, and of red between the lips' landmarks that is lips
and gums: more of it is the tongue."""
SHUT = (0.035, 0.07)  # inter-ocular distances between the lips from which they begin to show what is behind, and do
REDNESS = (2.0, 5.0)  # CIELAB a* of the skin from which colours begin to tell teeth from tongue, and do
TELLING = (0.1, 0.3)  # share of the opening that teeth fill from which they say something, and from which all


def rows_apart(image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> float:
    """Inter-ocular distances, 0 to `TEETH_UNTOLD`, that the rows of teeth are apart at most.

    Args:
        image: RGB uint8 (H, W, 3); landmarks: (478, 3) its pixels, x right, y down, z in the same unit. A mouth that
            reaches out of the picture tells nothing.
    """
    points = np.asarray(landmarks, np.float64)
    unit = inter_ocular_distance(points[:, :2])
    upper, lower = _inner_lips(points)
    opening = np.linalg.norm(lower - upper, axis=1) / max(inter_ocular_distance(points), 1e-9)
    visible = float(_ramp(opening.mean(), *SHUT) * _ramp(unit, *SMALLEST))
    down = ((np.arange(ROWS) + 0.5) / ROWS)[:, None, None]
    between = (upper[None] + down * (lower - upper)[None])[..., :2].reshape(-1, 2)
    if not visible > 0 or (between < 0).any() or (between >= image.shape[1::-1]).any():
        return TEETH_UNTOLD
    seen = _lab(image, np.concatenate([between, points[list(CHEEKS), :2]]), unit)
    skin = np.median(seen[-len(CHEEKS) :], axis=0)
    inside = seen[: -len(CHEEKS)].reshape(ROWS, COLUMNS, 3)
    light = inside[..., 0] / max(float(skin[0]), 1.0)
    teeth = _ramp(light, *TEETH_LIGHT) * _ramp(skin[1] - inside[..., 1], *PALER)
    lit = _ramp(light, *INSIDE_LIGHT)
    dark, red = (float((opening * ((1 - teeth) * share).mean(0)).mean()) for share in (1 - lit, lit))
    told = visible * float(_ramp(teeth.mean(), *TELLING) * _ramp(skin[1], *REDNESS))
    apart = max(dark - GAPS, 0.0) + max(red - MISSED, 0.0)
    return min(apart + (1 - told) * TEETH_UNTOLD, TEETH_UNTOLD)


def _inner_lips(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (COLUMNS, 3) of the inner upper and lower lip, one above the other, from the right to the left."""
    half = len(INNER_LIPS) // 2
    ring = points[list(INNER_LIPS)]
    right, axis = ring[0], ring[half] - ring[0]
    wanted = np.linspace(*ACROSS, COLUMNS)
    lips = []
    for lip in (ring[: half + 1], np.concatenate([ring[:1], ring[: half - 1 : -1]])):
        along = (lip - right) @ axis / max(float(axis @ axis), 1e-9)
        lips.append(np.stack([np.interp(wanted, along, lip[:, k]) for k in range(3)], axis=-1))
    return lips[0], lips[1]


def _lab(image: NDArray[np.uint8], places: NDArray[np.float64], unit: float) -> NDArray[np.float32]:
    """CIELAB colours (N, 3) at pixel coordinates (N, 2), looked at with `LOOKED_AT` pixels between the eyes."""
    height, width = image.shape[:2]
    low = np.clip(np.floor(places.min(0)).astype(int) - 2, 0, [width - 1, height - 1])
    high = np.clip(np.ceil(places.max(0)).astype(int) + 3, low + 1, [width, height])
    part = np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]])
    scale = min(1.0, LOOKED_AT / unit)
    if scale < 1:
        size = (max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    here = ((places - low) * [part.shape[1], part.shape[0]] / (high - low) - 0.5).astype(np.float32)
    seen = cv2.remap(
        part, here[None, :, 0], here[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)
    return np.asarray(cv2.cvtColor(seen / 255, cv2.COLOR_RGB2LAB)[0], np.float32)


def _ramp(values: ArrayLike, low: float, high: float) -> NDArray[np.float64]:
    """0 below ``low``, 1 above ``high``, smooth between."""
    share = np.clip((np.asarray(values, np.float64) - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))
