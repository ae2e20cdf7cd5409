"""Clothes and long hair: what the matte holds beyond the head, as a relief with a back layer.

Depth solves a Poisson equation on a coarse grid: it joins the head where they touch, bulges towards the camera, and
ends a little behind the nearest part of the head at the silhouette; the picture's border is free.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from avatar_core.tracking.topology import CHIN
from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher.view import View
from avatar_core.training.teacher.zbuffer import FAR, draw_depth
from avatar_core.training.teacher_geometry import SKIN

COARSE = 4  # pixels per cell
CHEST = np.array([0.0, 2.0, -1.0])
BULGE = 0.05
EDGE_BEHIND = 0.4  # cm
FARTHEST = 2.5  # cm behind the head's middle: beyond it the model's shoulders are not believed
LEAST_COVERAGE = 0.35
OVERLAP = 9  # pixels that the clothes reach over the neck's end
THIN = 7  # pixels
SMALLEST_TUFT = 150  # pixels; above the chin, what is smaller or thinner is the hair shell's own edge
BELOW_CHIN = 3.2  # cm below the chin where rims are kept
RIM_WIDTH = 4.0  # pixels from the silhouette within which every pixel gets a Gaussian, elsewhere every second
BACK_STRIDE, FRONT_SIZE, RIM_SIZE, BACK_SIZE = 3, 0.85, 0.6, 0.8
"""Standard deviations in pixels; the back's over its stride."""
RIM_FLAT = 9  # pixels, twice the width of the rim that takes its depth from further in
FRONT_THICKNESS, BACK_THICKNESS = 0.15, 0.7  # over the size; the back falls off too fast for flat discs
STEEPEST = 1.0  # slope up to which a disc follows the surface
CLIFF = 8.0  # slope from which a pixel bridges two surfaces and is left out


@dataclass(frozen=True)
class Relief:
    """position, normal, colour (n, 3), size (n,) cm, opacity (n,), thickness (n,) over the size; may be empty."""

    position: NDArray[np.float32]
    normal: NDArray[np.float32]
    colour: NDArray[np.float32]
    size: NDArray[np.float32]
    opacity: NDArray[np.float32]
    thickness: NDArray[np.float32]


def build_relief(
    model: TeacherModel, source: NDArray[np.floating], view: View, picture: NDArray[np.float32],
    matte: NDArray[np.float32], landmarks: NDArray[np.floating],
) -> Relief:  # fmt: skip
    """The relief of what the head ``source`` (V, 3) leaves of ``matte`` (H, W); ``picture`` (H, W, 3) in [0, 1]."""
    pixels, depth = view.project(source[SKIN])
    nearest = draw_depth(pixels, depth, model.skin_triangles, view.height, view.width)
    head = nearest < FAR
    upper = model.skin_triangles[model.regions.bust[model.skin_triangles].all(1)]
    body = head & (draw_depth(pixels, depth, upper, view.height, view.width) >= FAR)
    needed = _needed(matte, head, landmarks, view) | (_widened(body, OVERLAP) & (matte > LEAST_COVERAGE))
    middle = float(view.project(CHEST[None])[1][0])
    solved = _solve(head, nearest, needed, matte, middle, view)
    core = _narrowed((matte > 0.5) & (needed | head), RIM_FLAT)
    if solved is None:
        nothing = np.zeros((0, 3), np.float32)
        return Relief(nothing, nothing, nothing, nothing[:, 0], nothing[:, 0], nothing[:, 0])
    if core.any():  # depth falls off steeply at the silhouette, and the rim would fray when seen from the side
        solved = np.asarray(cv2.GaussianBlur(_nearest_value(solved, core), (0, 0), 2), np.float32)
    return _points(solved, needed, picture, matte, middle, view)


def _needed(
    matte: NDArray[np.float32], head: NDArray[np.bool_], landmarks: NDArray[np.floating], view: View
) -> NDArray[np.bool_]:
    out = ((matte > LEAST_COVERAGE) & ~head).astype(np.uint8)
    thick = cv2.morphologyEx(out, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (THIN, THIN)))
    count, label, stats, _ = cv2.connectedComponentsWithStats(thick)
    large = np.zeros(count, bool)
    large[1:] = stats[1:, cv2.CC_STAT_AREA] > SMALLEST_TUFT
    keep = _widened(large[label], 7) & (out > 0)
    low = int(landmarks[CHIN, 1] + BELOW_CHIN / view.centimetres_per_pixel(CHEST))
    keep[max(low, 0) :] = out[max(low, 0) :] > 0
    near = _widened(keep, 7)
    inner = _narrowed(head, 3)
    return (matte > LEAST_COVERAGE) & ~inner & (keep | (near & head))


def _widened(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    return cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0


def _narrowed(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    return cv2.erode(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0


def _nearest_value(values: NDArray[np.floating], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    _, label = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(label.max()) + 1, np.float32)
    table[label[known]] = values[known]
    return table[label]


def _solve(
    head: NDArray[np.bool_], nearest: NDArray[np.float32], needed: NDArray[np.bool_], matte: NDArray[np.float32],
    middle: float, view: View,
) -> NDArray[np.float32] | None:  # fmt: skip
    """Depth (H, W), or None where there is nothing to lift."""
    rows, columns = view.height // COARSE, view.width // COARSE
    inside = ((matte > 0.5) & (needed | head)).astype(np.float32)
    domain = cv2.resize(inside, (columns, rows), interpolation=cv2.INTER_AREA) > 0.4
    cells = nearest[: rows * COARSE, : columns * COARSE].reshape(rows, COARSE, columns, COARSE)
    cells = cells.transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    fixed = (cells < FAR).all(-1)
    known = np.where(fixed, np.minimum(np.where(fixed, cells.max(-1), 0), middle + FARTHEST), 0)
    free = domain & ~fixed
    if free.sum() < 30 or not fixed.any():
        return None
    edge = cv2.GaussianBlur(_nearest_value(np.minimum(known, middle + 2.0), fixed), (0, 0), 3) + EDGE_BEHIND
    index = np.full((rows + 2, columns + 2), -1)
    inner = np.full((rows, columns), -1)
    inner[free] = np.arange(int(free.sum()))
    index[1:-1, 1:-1] = inner
    y, x = np.nonzero(free)
    own = np.arange(len(y))
    cell = COARSE * middle / view.intrinsics[0, 0]
    diagonal, right = np.zeros(len(y)), np.full(len(y), -BULGE * cell**2)
    entries: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for down, across in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        other_y, other_x = y + down, x + across
        in_grid = (other_y >= 0) & (other_y < rows) & (other_x >= 0) & (other_x < columns)
        held_y, held_x = np.clip(other_y, 0, rows - 1), np.clip(other_x, 0, columns - 1)
        diagonal += in_grid
        neighbour = index[other_y + 1, other_x + 1]
        joined = neighbour >= 0
        entries.append((own[joined], neighbour[joined]))
        touching = in_grid & ~joined & fixed[held_y, held_x]
        right += np.where(touching, known[held_y, held_x], 0)
        right += np.where(in_grid & ~joined & ~touching, edge[y, x], 0)
    first = np.concatenate([own, *(a for a, _ in entries)])
    second = np.concatenate([own, *(b for _, b in entries)])
    values = np.concatenate([np.maximum(diagonal, 1e-3), -np.ones(len(first) - len(own))])
    depth = np.where(fixed, known, 0).astype(np.float32)
    matrix = coo_matrix((values, (first, second)), shape=(len(y), len(y))).tocsc()
    depth[free] = np.clip(spsolve(matrix, right), middle - 15, middle + 15)
    depth = _nearest_value(depth, fixed | free)
    full = cv2.resize(depth, (view.width, view.height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.GaussianBlur(full, (0, 0), 2), np.float32)


def _points(
    surface: NDArray[np.float32], needed: NDArray[np.bool_], picture: NDArray[np.float32], matte: NDArray[np.float32],
    middle: float, view: View,
) -> Relief:  # fmt: skip
    focal = view.intrinsics[0, 0]
    down, across = np.gradient(surface)
    rows, columns = np.nonzero(needed)
    rim = cv2.distanceTransform((matte > 0.5).astype(np.uint8), cv2.DIST_L2, 3)[rows, columns]
    chosen = ((rows + columns) % 2 == 0) | (rim < RIM_WIDTH)
    behind = (rows % BACK_STRIDE == 0) & (columns % BACK_STRIDE == 0)
    depth = surface[rows, columns]
    pixel = depth / focal
    slope = np.stack([across[rows, columns], down[rows, columns]], axis=1) / pixel[:, None]
    steepness = np.linalg.norm(slope, axis=1)
    slope *= np.minimum(1, STEEPEST / np.maximum(steepness, 1e-9))[:, None]
    normal = np.column_stack([slope, -np.ones(len(rows))])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    towards = -normal[:, 2]
    centre = np.stack([columns + 0.5, rows + 0.5], axis=1)
    alpha = np.where(steepness > CLIFF, 0.0, matte[rows, columns])
    colour = picture[rows, columns]
    far = depth + np.clip(1.2 * rim * middle / focal, 0.4, 5.0)
    front = view.unproject(centre[chosen], depth[chosen])
    back = view.unproject(centre[behind], far[behind])
    size = np.where(rim < RIM_WIDTH, RIM_SIZE, FRONT_SIZE) * pixel / np.sqrt(towards)
    back_size = BACK_SIZE * BACK_STRIDE * pixel[behind]
    turned = normal @ view.rotation
    mirrored = (normal * np.array([1, 1, -1])) @ view.rotation
    return Relief(
        position=np.concatenate([front, back]).astype(np.float32),
        normal=np.concatenate([turned[chosen], mirrored[behind]]).astype(np.float32),
        colour=np.concatenate([colour[chosen], 0.85 * colour[behind]]).astype(np.float32),
        size=np.concatenate([size[chosen], back_size]).astype(np.float32),
        opacity=np.concatenate([np.clip(alpha[chosen], 0.05, 0.97), np.full(int(behind.sum()), 0.9)]).astype(
            np.float32
        ),
        thickness=np.repeat(
            np.array([FRONT_THICKNESS, BACK_THICKNESS], np.float32), [int(chosen.sum()), int(behind.sum())]
        ),
    )
