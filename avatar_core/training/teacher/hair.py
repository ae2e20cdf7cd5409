"""Thickens the scalp until its silhouette meets the matte: hair as a closed shell round the skull.

The gap between the silhouette of the bare head and the matte is measured along rays from the head's centre in the
picture; each scalp vertex is pushed radially by the gap of its direction, the back of the head by the gap at the top.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher.regions import step
from avatar_core.training.teacher.view import View
from avatar_core.training.teacher.zbuffer import FAR, draw_depth
from avatar_core.training.teacher_geometry import SKIN

CENTRE = np.array([0.0, 5.0, 0.0])
"""The point that hair grows away from, cm."""
ROUNDS = 6
ANGLES = np.radians(np.arange(0.0, 360.0, 3.0))
LOWEST = 0.25
"""Sine of the angle below the horizontal where hair is left to the relief of clothes and long hair."""
THINNEST, THICKEST, MOST_PER_ROUND = -1.2, 8.0, 6.0  # cm
CUT_MARGIN = 6.0  # pixels before the photo's edge from which hair counts as cut
_SMOOTHING = 5


def thicken(
    model: TeacherModel, source: NDArray[np.floating], matte: NDArray[np.float32], view: View,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:  # fmt: skip
    """Displacement (11248, 3) of the skin of ``source`` (V, 3) that makes the head fill the ``matte`` (H, W).

    Where the photo ends (``valid`` (H, W) is False) before the hair does, the hair goes on as beside the cut.
    """
    skin = source[SKIN].astype(np.float64)
    scalp = model.regions.scalp
    outward = model.neutral[SKIN] - CENTRE
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    thickness, offset = np.zeros(len(skin)), np.zeros_like(skin)
    person = matte > 0.5
    inside = None if valid is None or valid.all() else valid
    for _ in range(ROUNDS):
        pixels, depth = view.project(skin + offset)
        head = draw_depth(pixels, depth, model.skin_triangles, view.height, view.width) < FAR
        middle = view.project(CENTRE[None])[0][0]
        edge = _first_outside(person, middle)
        cut = np.zeros(len(ANGLES), bool) if inside is None else edge > _first_outside(inside, middle) - CUT_MARGIN
        reach = _last_inside(head, middle)
        gap = (edge - reach) * view.centimetres_per_pixel(CENTRE)
        gap = np.clip(np.where(np.sin(ANGLES) > LOWEST, 0, gap), -1.0, MOST_PER_ROUND)
        gap = _across_cut(gap, cut)
        gap = np.convolve(np.r_[gap[-4:], gap, gap[:4]], np.ones(5) / 5, "same")[4:-4]
        away = pixels - middle
        angle = np.mod(np.arctan2(away[:, 1], away[:, 0]), 2 * np.pi)
        around = np.r_[ANGLES, 2 * np.pi]
        share = np.linalg.norm(away, axis=1) / np.maximum(np.interp(angle, around, np.r_[reach, reach[0]]), 1)
        share = np.clip(share, 0, 1) ** 1.5
        top = float(np.median(gap[np.sin(ANGLES) < -0.5]))
        growth = share * np.interp(angle, around, np.r_[gap, gap[0]]) + (1 - share) * top * 0.8
        thickness = np.clip(thickness + 1.1 * growth, THINNEST, THICKEST)
        offset = (thickness * scalp)[:, None] * outward
        offset += model.regions.ear_flattening * step(thickness, 0.3, 1.5)[:, None]
        for _ in range(_SMOOTHING):
            offset = offset - 0.5 * (model.laplacian @ offset) * (scalp > 0)[:, None]
    return offset.astype(np.float32)


def _across_cut(gap: NDArray[np.float64], cut: NDArray[np.bool_]) -> NDArray[np.float64]:
    """``gap`` (A,) with the directions whose hair the photo's edge cuts off filled in from those beside them."""
    if not cut.any() or cut.sum() > 0.6 * len(cut):
        return gap
    known = np.flatnonzero(~cut)
    filled = np.interp(np.arange(len(gap)), known, gap[known], period=len(gap))
    return np.where(cut, np.maximum(gap, filled), gap)


def _rays(mask: NDArray[np.bool_], middle: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """``mask`` (A, R) along rays from ``middle``, and the radii (R,) in pixels."""
    radii = np.arange(20.0, 0.7 * max(mask.shape))
    points = middle + np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)[:, None] * radii[None, :, None]
    pixels = np.floor(points).astype(int)
    inside = ((pixels >= 0) & (pixels < np.array(mask.shape[::-1]))).all(-1)
    held = np.clip(pixels, 0, np.array(mask.shape[::-1]) - 1)
    return mask[held[..., 1], held[..., 0]] & inside, radii


def _last_inside(mask: NDArray[np.bool_], middle: NDArray[np.float64]) -> NDArray[np.float64]:
    along, radii = _rays(mask, middle)
    last = len(radii) - 1 - np.argmax(along[:, ::-1], axis=1)
    return np.where(along.any(1), radii[last], 0.0)


def _first_outside(mask: NDArray[np.bool_], middle: NDArray[np.float64]) -> NDArray[np.float64]:
    along, radii = _rays(mask, middle)
    gone = ~along[:, 20:]
    first = np.argmax(gone, axis=1) + 19
    return np.where(gone.any(1), radii[first], radii[-1])
