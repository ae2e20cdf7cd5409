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
from avatar_core.lift.coordinates import head_part
from avatar_core.lift.fill import push_pull
from avatar_core.lift.layer import Layer, join
from avatar_core.lift.mesh import polygon_mask
from avatar_core.lift.pose import FacePlacement
from avatar_core.tracking.topology import INNER_LIPS, LEFT_EYE_RING, OUTER_LIPS, RIGHT_EYE_RING

UPPER_LID_REACH, LOWER_LID_REACH = 0.13, 0.06  # inter-ocular distances from the lid margin
UPPER_LID_ROWS, LOWER_LID_ROWS, LIP_ROWS = 6, 3, 2
LASH_REACH = 0.045  # inter-ocular distances above the margin where dark pixels are lashes
LID_SKIN_FROM, LID_SKIN_TO = 0.035, 0.17  # where the lid's own colour is looked for
LASH_DARKNESS = 0.22  # share of the lid's brightness that a lash lacks
LASH_LIFT = 0.8  # pixels that the lashes lie above the lid

_RINGS = (RIGHT_EYE_RING, LEFT_EYE_RING)


@dataclass(frozen=True)
class SkinMaps:
    """What samples of the head are interpolated from, all (S, S, 3): points, their steps, colour, and u."""

    points: NDArray[np.float32]
    across: NDArray[np.float32]
    upward: NDArray[np.float32]
    colour: NDArray[np.float32]
    u: NDArray[np.float32]


def rows_per_pixel(face: FacePlacement) -> NDArray[np.uint8]:
    """(S, S) how many rows of samples a pixel is split into; 0 where one sample does."""
    size = face.mouth.shape[0]
    rows = np.zeros((size, size), np.uint8)
    rows[polygon_mask(face.landmarks[list(OUTER_LIPS), :2], size)] = LIP_ROWS
    for side in range(2):
        if face.eyes[side].any():
            distance, upper = _from_margin(face, side)
            rows[(distance < LOWER_LID_REACH) & ~upper] = LOWER_LID_ROWS
            rows[(distance < UPPER_LID_REACH) & upper] = UPPER_LID_ROWS
    return rows


def _from_margin(face: FacePlacement, side: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Distance (S, S) to an eye's opening in inter-ocular distances, and whether a pixel is above its corners."""
    x, y = pixel_grid(face.mouth.shape[0])
    ring = _RINGS[side]
    distance = cv2.distanceTransform((~face.eyes[side]).astype(np.uint8), cv2.DIST_L2, 5) / face.eye_distance
    (x0, y0), (x1, y1) = sorted((tuple(face.landmarks[ring[0], :2]), tuple(face.landmarks[ring[8], :2])))
    level = y0 + (x - x0) * (y1 - y0) / max(x1 - x0, 1.0)
    return distance.astype(np.float32), y < level


def split_layer(maps: SkinMaps, rows: NDArray[np.uint8], face: FacePlacement, mean: NDArray[np.floating]) -> Layer:
    """Samples of all pixels with ``rows`` (S, S) above 0; those inside an opening's outline are left out."""
    colour, _ = _without_lashes(maps, face)
    rings = (*_RINGS, INNER_LIPS) if face.mouth.any() else _RINGS
    outlines = [face.landmarks[list(ring), :2] for ring in rings]
    layers = []
    for count in sorted({int(value) for value in np.unique(rows)} - {0}):
        y, x = np.nonzero(rows == count)
        shift = (np.arange(count, dtype=np.float32) + 0.5) / count - 0.5
        sample_x = np.repeat(x.astype(np.float32), count)
        sample_y = (y[:, None].astype(np.float32) + shift[None, :]).reshape(-1)
        outside = np.ones(len(sample_x), bool)
        for outline in outlines:
            outside &= ~within(sample_x + 0.5, sample_y + 0.5, outline)
        sample_x, sample_y = sample_x[outside], sample_y[outside]
        u = interpolate(maps.u, sample_x, sample_y)
        layers.append(
            Layer(
                position=interpolate(maps.points, sample_x, sample_y),
                across=interpolate(maps.across, sample_x, sample_y),
                upward=interpolate(maps.upward, sample_x, sample_y) / count,
                colour=interpolate(colour, sample_x, sample_y),
                coverage=np.ones(len(u), np.float32),
                u=u,
                part=head_part(u, np.zeros(len(u), np.float32), mean),
                neck_weight=np.ones(len(u), np.float32),
                seen=np.full(len(u), count == LIP_ROWS),
            )
        )
    return join(layers)


def _without_lashes(maps: SkinMaps, face: FacePlacement) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
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
        darkness = 1 - brightness / np.maximum(lid.mean(-1), 1e-3)
        near = (distance < LASH_REACH) & upper & ~face.eyes[side]
        share = np.clip(darkness / LASH_DARKNESS, 0, 1) * near[rows, columns]
        colour[rows, columns] = patch * (1 - share[..., None]) + lid * share[..., None]
        lashes[rows, columns] |= share > 0.5
    return colour, lashes


def lash_layer(maps: SkinMaps, face: FacePlacement, mean: NDArray[np.floating]) -> list[Layer]:
    """The upper lashes as they are in the photo, bound to the lid's margin; empty when none stand out."""
    _, lashes = _without_lashes(maps, face)
    if not lashes.any():
        return []
    opening = face.eyes.any(0)
    _, label = cv2.distanceTransformWithLabels(
        (~opening).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    margin_u = np.zeros((int(label.max()) + 1, 3), np.float32)
    margin_u[label[opening]] = maps.u[opening]
    u = margin_u[label[lashes]]
    lifted = maps.points[lashes]
    lifted[:, 2] += np.float32(LASH_LIFT * UNITS_PER_PIXEL)
    return [
        Layer(
            position=lifted,
            across=maps.across[lashes],
            upward=maps.upward[lashes],
            colour=maps.colour[lashes],
            coverage=np.ones(len(u), np.float32),
            u=u,
            part=head_part(u, np.zeros(len(u), np.float32), mean),
            neck_weight=np.ones(len(u), np.float32),
            seen=np.ones(len(u), bool),
        )
    ]


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
