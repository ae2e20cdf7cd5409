"""Skin that motion will stretch: lids and lips get several samples per pixel, lashes a sheet of their own.

A closing lid pulls its few visible pixels of skin over the whole eye. The pixels are therefore split into rows of
samples. Their dark lashes must not be pulled along: the skin under the lashes takes the colour of the lid, and the
lashes lie on it as a sheet that moves as one with the lid's margin (all its samples carry the margin's u).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import UNITS_PER_PIXEL, pixel_grid
from avatar_core.lift.coordinates import LOWER_FACE, head_part
from avatar_core.lift.fill import nearest, push_pull
from avatar_core.lift.layer import Layer, join
from avatar_core.lift.maps import distance_from
from avatar_core.lift.mesh import polygon_mask
from avatar_core.lift.pose import FacePlacement
from avatar_core.models.anatomy import lip_line
from avatar_core.tracking.topology import INNER_LIPS, LEFT_EYE_RING, OUTER_LIPS, RIGHT_EYE_RING

UPPER_LID_REACH, LOWER_LID_REACH = 0.13, 0.06  # inter-ocular distances from the lid margin
UPPER_LID, LOWER_LID, LIPS = 1, 2, 3
SPLITS = {UPPER_LID: (5, 1), LOWER_LID: (3, 1), LIPS: (3, 1)}
"""Rows and columns of samples per pixel: closing lids and opening lips stretch along the vertical."""
LIP_LINE_CLEARANCE = 0.005, 0.012
"""Canonical units of the upper and the lower lip's u next to the lip line that the networks blend with the other lip:
measured on the lower lip of a smile, whose motion reaches its full size .011 below the line."""
LIP_CORNER = 0.06  # canonical units from a mouth corner within which the clearance grows to that
LASH_REACH = 0.045  # inter-ocular distances above the margin where dark pixels are lashes
LID_SKIN_FROM, LID_SKIN_TO = 0.035, 0.17  # where the lid's own colour is looked for
LASH_DARKNESS = 0.22  # share of the lid's brightness that a lash lacks
BESIDE_LASHES, BESIDE_BLUR = 0.085, 0.03  # inter-ocular distances: skin beside the lashes lies up to there; its blur
BRIGHTER_LID, BRIGHTEST_LID = 1.15, 1.4
"""Brightness beside that skin's up to which a lid's colour is believed, and from which on it is not at all."""
FAINT_LASH = 0.05  # coverage below which there is no lash

_RINGS = (RIGHT_EYE_RING, LEFT_EYE_RING)


@dataclass(frozen=True)
class SkinMaps:
    """What samples of the head are interpolated from, all (S, S, 3): points, their steps, colour, and u."""

    points: NDArray[np.float32]
    across: NDArray[np.float32]
    upward: NDArray[np.float32]
    colour: NDArray[np.float32]
    u: NDArray[np.float32]


def stretched_skin(face: FacePlacement) -> NDArray[np.uint8]:
    """(S, S) which entry of `SPLITS` a pixel belongs to; 0 where one sample does."""
    size = face.mouth.shape[0]
    kind = np.zeros((size, size), np.uint8)
    kind[polygon_mask(face.landmarks[list(OUTER_LIPS), :2], size)] = LIPS
    for side in range(2):
        if face.eyes[side].any():
            distance, upper = _from_margin(face, side)
            kind[(distance < LOWER_LID_REACH) & ~upper] = LOWER_LID
            kind[(distance < UPPER_LID_REACH) & upper] = UPPER_LID
    return kind


def _from_margin(face: FacePlacement, side: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Distance (S, S) to an eye's opening in inter-ocular distances, and whether a pixel is above its corners."""
    x, y = pixel_grid(face.mouth.shape[0])
    ring = _RINGS[side]
    distance = distance_from(face.eyes[side]) / face.eye_distance
    (x0, y0), (x1, y1) = sorted((tuple(face.landmarks[ring[0], :2]), tuple(face.landmarks[ring[8], :2])))
    level = y0 + (x - x0) * (y1 - y0) / max(x1 - x0, 1.0)
    return distance.astype(np.float32), y < level


def split_layer(
    maps: SkinMaps,
    colour: NDArray[np.float32],
    kind: NDArray[np.uint8],
    face: FacePlacement,
    mean: NDArray[np.floating],
) -> Layer:
    """Samples of all pixels with ``kind`` (S, S) above 0; those inside an opening's outline are left out.

    Args:
        colour: (S, S, 3) the skin's colours, see `without_lashes`.
    """
    rings = (*_RINGS, INNER_LIPS) if face.mouth.any() else _RINGS
    outlines = [face.landmarks[list(ring), :2] for ring in rings]
    layers = []
    for chosen, (rows, columns) in SPLITS.items():
        y, x = np.nonzero(kind == chosen)
        down = np.repeat((np.arange(rows, dtype=np.float32) + 0.5) / rows - 0.5, columns)
        right = np.tile((np.arange(columns, dtype=np.float32) + 0.5) / columns - 0.5, rows)
        sample_x = (x[:, None].astype(np.float32) + right[None, :]).reshape(-1)
        sample_y = (y[:, None].astype(np.float32) + down[None, :]).reshape(-1)
        outside = np.ones(len(sample_x), bool)
        for outline in outlines:
            outside &= ~within(sample_x + 0.5, sample_y + 0.5, outline)
        sample_x, sample_y = sample_x[outside], sample_y[outside]
        u = interpolate(maps.u, sample_x, sample_y)
        part = head_part(u, np.zeros(len(u), np.float32), mean)
        if chosen == LIPS:
            u = clear_of_lip_line(u, part, mean)
        layers.append(
            Layer(
                position=interpolate(maps.points, sample_x, sample_y),
                across=interpolate(maps.across, sample_x, sample_y) / columns,
                upward=interpolate(maps.upward, sample_x, sample_y) / rows,
                colour=interpolate(colour, sample_x, sample_y),
                coverage=np.ones(len(u), np.float32),
                u=u,
                part=part,
                neck_weight=np.ones(len(u), np.float32),
                expression_weight=np.ones(len(u), np.float32),
                seen=np.full(len(u), chosen == LIPS),
            )
        )
    return join(layers)


def clear_of_lip_line(
    u: NDArray[np.float32], part: NDArray[np.uint8], mean: NDArray[np.floating]
) -> NDArray[np.float32]:
    """u (N, 3) of lip samples, those next to the line where the lips meet moved off it to their own side.

    The networks are smooth: within `LIP_LINE_CLEARANCE` of the line a lip's motion passes over into the other lip's,
    and opening lips would tear this band into stripes. Towards the corners, where lips do not part, the band narrows.
    """
    line = lip_line(mean)
    height = np.interp(u[:, 0], line[:, 0], line[:, 1])
    half = 0.5 * (line[-1, 0] - line[0, 0])
    inward = np.clip((half - np.abs(u[:, 0])) / LIP_CORNER, 0, 1)
    upper, lower = (clearance * inward for clearance in LIP_LINE_CLEARANCE)
    moved = u.copy()
    moved[:, 1] = np.where(part == LOWER_FACE, np.minimum(u[:, 1], height - lower), np.maximum(u[:, 1], height + upper))
    return moved


def without_lashes(maps: SkinMaps, face: FacePlacement) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Colours (S, S, 3) with the upper lashes replaced by lid skin, and where (S, S) the lashes are."""
    colour = maps.colour.copy()
    lashes = np.zeros(face.mouth.shape, bool)
    for side in range(2):
        if not face.eyes[side].any():
            continue
        distance, upper = _from_margin(face, side)
        around = (distance < LID_SKIN_TO) & upper & ~face.eyes[side]
        skin = around & (distance > LID_SKIN_FROM)
        if skin.sum() < 10:
            continue
        rows, columns = (slice(int(v.min()), int(v.max()) + 1) for v in np.nonzero(distance < LID_SKIN_TO))
        patch = colour[rows, columns]
        brightness = patch.mean(-1)
        known = skin[rows, columns]
        known = known & (brightness >= np.percentile(brightness[known], 45))
        lid = cv2.GaussianBlur(push_pull(patch, known.astype(np.float32)), (0, 0), 1.0)
        beside = around & (distance > LASH_REACH) & (distance < BESIDE_LASHES)
        lid = _as_painted(np.asarray(lid, np.float32), patch, beside[rows, columns], BESIDE_BLUR * face.eye_distance)
        darkness = 1 - brightness / np.maximum(lid.mean(-1), 1e-3)
        near = (distance < LASH_REACH) & upper & ~face.eyes[side]
        share = np.clip(darkness / LASH_DARKNESS, 0, 1) * near[rows, columns]
        colour[rows, columns] = patch * (1 - share[..., None]) + lid * share[..., None]
        lashes[rows, columns] |= share > 0.5
    return colour, lashes


def _as_painted(
    lid: NDArray[np.float32], patch: NDArray[np.float32], beside: NDArray[np.bool_], blur: float
) -> NDArray[np.float32]:
    """The ``lid``'s colours (h, w, 3), where they are far brighter than the skin ``beside`` the lashes that skin's,
    a little brighter: the lid wears make-up or lies in the shadow of its fold."""
    if not beside.any():
        return lid
    near = cv2.GaussianBlur(push_pull(patch, beside.astype(np.float32)), (0, 0), blur)
    excess = lid.mean(-1) / np.maximum(near.mean(-1), 1e-3) - BRIGHTER_LID
    share = np.clip(excess / (BRIGHTEST_LID - BRIGHTER_LID), 0, 1)[..., None]
    return np.asarray(lid + share * (np.clip(BRIGHTER_LID * near, 0, 1) - lid), np.float32)


def lash_layer(
    maps: SkinMaps,
    colour: NDArray[np.float32],
    coverage: NDArray[np.float32],
    follow: NDArray[np.float32],
    lift: float,
    face: FacePlacement,
    mean: NDArray[np.floating],
) -> list[Layer]:
    """Lashes as a sheet bound to the lid's margin; empty when none stand out.

    Args:
        colour: (S, S, 3) and coverage: (S, S) of lashes and their shadow on lids or in openings.
        follow: (S, S) share of the margin's motion that they follow.
        lift: pixels that the sheet lies above the skin.
    """
    lashes = coverage > FAINT_LASH
    if not lashes.any():
        return []
    u = _margin_u(maps.u, face.eyes.any(0), lashes)
    lifted = maps.points[lashes]
    lifted[:, 2] += np.float32(lift * UNITS_PER_PIXEL)
    return [
        Layer(
            position=lifted,
            across=maps.across[lashes],
            upward=maps.upward[lashes],
            colour=colour[lashes],
            coverage=coverage[lashes],
            u=u,
            part=head_part(u, np.zeros(len(u), np.float32), mean),
            neck_weight=np.ones(len(u), np.float32),
            expression_weight=follow[lashes],
            seen=np.ones(len(u), bool),
        )
    ]


def _margin_u(u: NDArray[np.float32], opening: NDArray[np.bool_], lashes: NDArray[np.bool_]) -> NDArray[np.float32]:
    """u (N, 3) of the lid's margin next to each of the ``lashes``, which lie within the ``opening`` or beside it."""
    y, x = np.nonzero(opening | lashes)
    near = slice(max(y.min() - 2, 0), y.max() + 3), slice(max(x.min() - 2, 0), x.max() + 3)
    patch, within_it, chosen = u[near], opening[near], lashes[near]
    return np.where(within_it[..., None], nearest(patch, ~within_it), nearest(patch, within_it))[chosen]


def interpolate(values: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bilinear values (N, C) of a map at pixel indices (x, y); rows are folded because cv2 limits a map's height."""
    width = 1024
    padded = -(-len(x) // width) * width
    both = np.zeros((2, padded), np.float32)
    both[0, : len(x)], both[1, : len(x)] = x, y
    sampled = cv2.remap(values, both[0].reshape(-1, width), both[1].reshape(-1, width), cv2.INTER_LINEAR)
    return np.ascontiguousarray(sampled.reshape(padded, -1)[: len(x)], np.float32)


def within(x: NDArray[np.float32], y: NDArray[np.float32], outline: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether points lie inside a polygon (K, 2), by the even-odd rule."""
    inside = np.zeros(len(x), bool)
    near = (x >= outline[:, 0].min()) & (x <= outline[:, 0].max())
    near &= (y >= outline[:, 1].min()) & (y <= outline[:, 1].max())
    px, py = x[near], y[near]
    hits = np.zeros(len(px), bool)
    for (ax, ay), (bx, by) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if ay != by:
            hits ^= ((ay > py) != (by > py)) & (px < ax + (py - ay) * (bx - ax) / (by - ay))
    inside[near] = hits
    return inside
