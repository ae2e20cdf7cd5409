"""The template layer as samples: drawn in to the person's outline, behind what the photo shows.

In: canonical points, presence and colours on the layout, `Relief`. Out: `Layer`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from avatar_core.avatar import PART_NAMES
from avatar_core.lift.canvas import CANVAS_SIZE, pixel_grid, project, unproject
from avatar_core.lift.coordinates import HAIR_DISTANCE, head_expression_weight, head_part, neck_weight
from avatar_core.lift.fill import nearest
from avatar_core.lift.layer import Layer
from avatar_core.lift.maps import distance_from
from avatar_core.lift.relief import Relief
from avatar_core.lift.torso import hidden_height, hide_body
from avatar_core.models.encoder.layout import CENTRE, rays
from avatar_core.tracking.topology import MESH_COUNT

BURIED = 0.012
"""Canonical units that the template lies under what the photo shows, where both are."""
OPAQUE, INSET, CLEARANCE = 0.9, 6.0, 0.01
"""How far within the person's outline (coverage, pixels) and behind the visible surface (inter-ocular distances) the
template stays: its samples are soft discs."""
VACATED = 0.1  # how far the photo's pixels give way from which the far cheek may be seen in their place
STEEP_SPAN = 5  # pixels: it stays behind all that is visible so near
FARTHEST_OUT = 0.3  # inter-ocular distances outside the outline beyond which a sample is left out
LONGEST_STEP, SMALLEST_AREA = 2.5, 0.02  # of a sample, over the median one
NECK_MIDDLE = -1.3  # canonical y: below it no expression moves the template
HEAD_NECK = PART_NAMES.index("head_neck")


def cut_sheet(
    points: NDArray[np.float32],
    u: NDArray[np.float32],
    present: NDArray[np.bool_],
    colour: NDArray[np.float32],
    cheek: NDArray[np.bool_],
    relief: Relief,
    mean: NDArray[np.float64],
) -> Layer:
    """The template's samples that the photo hides.

    Args:
        points: (R, C, 3) canonical, on a layout of any fineness; u: (R, C, 3) their coordinate on the mean face.
        present: (R, C); colour: (R, C, 3) in [0, 1]; cheek: (R, C) cells of the far cheek, which hides the throat.
        mean: (478, 3) the mean face.
    """
    inward = points - CENTRE
    inward /= np.linalg.norm(inward, axis=-1, keepdims=True)
    placed, hidden = _behind_photo(relief.face.to_head.apply(points - BURIED * inward), cheek, relief)
    chosen, stride = _thin_out(present & hidden)
    across = 0.5 * (np.roll(placed, -1, axis=1) - np.roll(placed, 1, axis=1)) * stride[:, None, None]
    upward = -np.gradient(placed, axis=0)
    area = np.linalg.norm(np.cross(across, upward), axis=-1)
    chosen &= area > (SMALLEST_AREA * float(np.median(area[chosen])) if chosen.any() else 0.0)
    canonical = u[chosen]
    distance = _from_face(canonical, mean)
    moves = head_expression_weight(distance) * (canonical[:, 1] > NECK_MIDDLE)
    part = np.where(moves > 0, head_part(canonical, distance, mean), HEAD_NECK).astype(np.uint8)
    return Layer(
        position=placed[chosen],
        across=_not_longer(across[chosen]),
        upward=_not_longer(upward[chosen]),
        colour=np.clip(colour[chosen], 0, 1).astype(np.float32),
        coverage=np.ones(len(canonical), np.float32),
        u=canonical.astype(np.float32),
        part=part,
        neck_weight=neck_weight(canonical),
        expression_weight=moves.astype(np.float32),
        seen=np.zeros(len(canonical), bool),
    )


def _from_face(canonical: NDArray[np.float32], mean: NDArray[np.float64]) -> NDArray[np.float32]:
    """Distance (N,) to the mean face's mesh."""
    away, _ = cKDTree(mean[:MESH_COUNT]).query(canonical, distance_upper_bound=2 * HAIR_DISTANCE)
    return np.minimum(away, 2 * HAIR_DISTANCE).astype(np.float32)


def _not_longer(steps: NDArray[np.floating]) -> NDArray[np.float32]:
    """Steps (N, 3) between samples, the longest of them shortened: drawn in to the outline, neighbours may part."""
    length = np.linalg.norm(steps, axis=1, keepdims=True)
    limit = LONGEST_STEP * float(np.median(length)) if len(steps) else 0.0
    return np.asarray(steps * np.minimum(1, limit / np.maximum(length, 1e-9)), np.float32)


def _behind_photo(
    points: NDArray[np.floating], cheek: NDArray[np.bool_], relief: Relief
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Head-space points (R, C, 3) drawn in to the person's outline, and whether (R, C) each lies behind what the photo
    shows there, and those of no ``cheek`` (R, C) behind the throat where that goes on unseen: the template must not be
    seen in the photo's own view. Beyond the photo's edge nothing is known."""
    place = project(points.reshape(-1, 3))
    column, row = np.floor(place[:, 0]).astype(int), np.floor(place[:, 1]).astype(int)
    outside = (column < 0) | (column >= CANVAS_SIZE) | (row < 0) | (row >= CANVAS_SIZE)
    row, column = np.clip(row, 0, CANVAS_SIZE - 1), np.clip(column, 0, CANVAS_SIZE - 1)
    free = outside | ~relief.canvas.valid[row, column]
    inner = distance_from(relief.matte.alpha < OPAQUE) > INSET
    x, y = pixel_grid()
    inmost = nearest(np.stack([x, y], axis=-1), inner)[row, column]
    vacated = cheek.reshape(-1) & (relief.face.gives_way[row, column] > VACATED)
    moves = ~inner[row, column] & ~free & ~vacated
    target = np.where(moves[:, None], inmost, place[:, :2])
    near = np.linalg.norm(target - place[:, :2], axis=1) < FARTHEST_OUT * relief.face.eye_distance
    row, column = (np.clip(target[:, axis].astype(int), 0, CANVAS_SIZE - 1) for axis in (1, 0))
    front = np.where(relief.face.body, relief.surfaces.body, relief.surfaces.head)
    throat = hide_body(relief.matte, relief.face)
    deeper = np.where(throat.hidden, np.minimum(front, hidden_height(relief.surfaces, throat, relief.face)), front)
    brush = np.ones((STEEP_SPAN, STEEP_SPAN), np.uint8)
    of_cheek, of_others = (cv2.erode(height, brush)[row, column] for height in (front, deeper))
    shown = np.where(cheek.reshape(-1), of_cheek, of_others)
    behind = vacated | (place[:, 2] < shown - CLEARANCE * relief.face.eye_distance)
    moved = np.where(moves[:, None], unproject(target[:, 0], target[:, 1], place[:, 2]), points.reshape(-1, 3))
    hidden = free | (near & behind)
    return moved.reshape(points.shape).astype(np.float32), hidden.reshape(points.shape[:2])


def _thin_out(present: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Cells to keep, fewer towards the crown where columns run together, and each row's step between kept columns."""
    rows, columns = present.shape
    _, direction = rays(rows, 1)
    flat = np.hypot(direction[:, 0, 0], direction[:, 0, 2])
    stride = 2 ** np.clip(np.floor(np.log2(1 / np.maximum(flat, 1e-3))), 0, 5).astype(int)
    kept = np.arange(columns)[None, :] % stride[:, None] == 0
    return present & kept, stride.astype(np.float32)
