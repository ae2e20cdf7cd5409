"""Thickens the scalp until its silhouette meets the matte: hair as a closed shell round the skull.

The gap between the silhouette of the bare head and the matte is measured along rays from the head's centre in the
picture; each scalp vertex is pushed radially by the gap of its direction, the back of the head by the gap at the top.
Where hair hangs down beside the face, the sides and the nape are pushed out from the head's axis as far as it reaches:
a bare neck would show between the hair and the skull.
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
AXIS = -1.0  # cm in front of the ears' middle (negative: behind), of the upright axis that hanging hair lies round
HANGING_FROM, HANGING_TO = -11.0, 4.0  # cm: heights between which hair hangs
LEVELS = np.arange(HANGING_FROM, HANGING_TO + 1, 1.0)
LEAST_HANGING, MOST_HANGING = 1.2, 5.0  # cm beyond the bare head: at the chin's height, and anywhere
CHIN_HEIGHTS = (-6.0, -2.0)  # cm: above the shoulders and below the ears, where hanging hair tells itself from clothes
FRONT_EDGE = (60.0, 95.0)  # degrees from the front between which hanging hair begins
BEHIND = (100.0, 150.0)  # degrees from the front between which it falls from the dome of the hair instead
DOME_HEIGHTS = (4.0, 7.0)  # cm
TAPER = 0.012  # of the dome's reach that it draws in per cm below
UNEVEN = 1.5  # cm more than at most heights that it reaches out at some: farther ones are shoulders
HANGING_SMOOTHING = 25
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
    return (offset + _hanging(model, skin + offset, person, view)).astype(np.float32)


def _hanging(
    model: TeacherModel, skin: NDArray[np.float64], person: NDArray[np.bool_], view: View
) -> NDArray[np.float64]:
    """Displacement (11248, 3) of the ``skin`` to where hair hangs beside and behind it; none where it does not."""
    pixels, depth = view.project(skin)
    head = draw_depth(pixels, depth, model.skin_triangles, view.height, view.width) < FAR
    widths = np.stack([_beyond(head, person, view, side) for side in (-1, 1)])  # (2, L) cm, image left and right
    low, high = CHIN_HEIGHTS
    told = np.median(widths[:, (low <= LEVELS) & (high >= LEVELS)], axis=1)
    if not (told > LEAST_HANGING).any():
        return np.zeros_like(skin)
    widths[told <= LEAST_HANGING] = 0
    inner = np.abs(skin[np.abs(skin[:, 1] - np.mean(CHIN_HEIGHTS)) < 1, 0]).max()
    away = skin[:, [0, 2]] - np.array([0.0, AXIS])
    radius = np.linalg.norm(away, axis=1)
    angle = np.degrees(np.arctan2(np.abs(away[:, 0]), away[:, 1]))
    side = np.where(away[:, 0] < 0, 0, 1)
    level = np.clip((skin[:, 1] - HANGING_FROM), 0, len(LEVELS) - 1.001)
    low_index = level.astype(int)
    part = level - low_index
    reach = widths[side, low_index] * (1 - part) + widths[side, low_index + 1] * part
    falling = _dome(skin, radius, angle) * (1 - TAPER * np.clip(DOME_HEIGHTS[0] - skin[:, 1], 0, None))
    wanted = np.maximum(radius, inner) + reach
    wanted += step(angle, *BEHIND) * (falling - wanted)
    ends = step(skin[:, 1], HANGING_FROM - 1.5, HANGING_FROM) * (1 - step(skin[:, 1], HANGING_TO - 3, HANGING_TO))
    both = (told > LEAST_HANGING).all()
    share = step(angle, *FRONT_EDGE) * ends * np.where((reach > 0) | (both & (angle > BEHIND[1])), 1.0, 0.0)
    push = share * np.clip(wanted - radius, 0, MOST_HANGING + inner)
    move = np.zeros_like(skin)
    move[:, [0, 2]] = away / np.maximum(radius, 1e-6)[:, None] * push[:, None]
    for _ in range(HANGING_SMOOTHING):
        move = move - 0.5 * (model.laplacian @ move) * (share > 0)[:, None]
    return move


def _dome(skin: NDArray[np.float64], radius: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """(11248,) how far the head with its hair reaches from the axis above each vertex, at `DOME_HEIGHTS`."""
    low, high = DOME_HEIGHTS
    around = (skin[:, 1] > low) & (skin[:, 1] < high)
    bins = np.arange(0.0, 181.0, 10.0)
    reach = [radius[around & (np.abs(angle - middle) < 10)].max(initial=0.0) for middle in bins]
    return np.interp(angle, bins, reach)


def _beyond(head: NDArray[np.bool_], person: NDArray[np.bool_], view: View, side: int) -> NDArray[np.float64]:
    """(L,) cm by which the person reaches beyond the ``head``, thickened so far, at `LEVELS` on the image's left (-1)
    or right; levels that the picture does not hold go by the others."""
    result = np.full(len(LEVELS), np.nan)
    for index, height in enumerate(LEVELS):
        column, row = view.project(np.array([[0.0, height, AXIS]]))[0][0].astype(int)
        if not (0 <= row < view.height and 0 <= column < view.width):
            continue
        own, all_of_it = head[row, column::side], person[row, column::side]
        if not own.any():
            continue
        bare = int(np.flatnonzero(own)[-1]) + 1
        gone = ~all_of_it[bare:]
        length = int(np.argmax(gone)) if gone.any() else len(gone)
        result[index] = length * view.centimetres_per_pixel(np.array([0.0, height, AXIS]))
    known = np.flatnonzero(~np.isnan(result))
    if not len(known):
        return np.zeros(len(LEVELS))
    result = np.interp(np.arange(len(LEVELS)), known, result[known])
    return np.clip(np.minimum(result, np.median(result) + UNEVEN), 0, MOST_HANGING)


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
