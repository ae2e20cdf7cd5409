"""The quality levels, and an avatar brought to one of them: lattice -> tree -> merge -> colours.

lighter = simplify(avatar, "balanced")
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core.avatar import PART_NAMES, Avatar
from avatar_core.camera import Camera
from avatar_core.gaussians import COLOR, MEAN, OPACITY, SCALE, Gaussians
from avatar_core.lift.canvas import CANVAS_SIZE, CROP_SIZE, project
from avatar_core.lift.maps import distance_from
from avatar_core.lift.mesh import polygon_mask
from avatar_core.lift.refine import refine_colours
from avatar_core.rendering.rasterizer import create
from avatar_core.simplify.lattice import sheets_of
from avatar_core.simplify.merge import merge
from avatar_core.simplify.tree import cheapest_merges, merge_costs
from avatar_core.tracking.topology import (
    LEFT_BROW,
    LEFT_EYE_OUTER,
    LEFT_EYE_RING,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE_OUTER,
    RIGHT_EYE_RING,
)

OPACITY_WEIGHT = 2.0
"""What a difference of opacity costs over one of a colour: it moves the outline, which is seen more than texture."""
FINE_COST = 100.0
"""Eyes, teeth, lids, lips and brows cost this many times as much: they are looked at and stretched most."""
LID_REACH, BROW_REACH = 0.13, 0.04  # inter-ocular distances round eyes and brows
FRONT_DEPTH = 3.0  # pixels behind the foremost Gaussian that still count as the surface in view

_SKIN = tuple(PART_NAMES.index(name) for name in ("upper_face", "lower_face"))
_EYES_AND_TEETH = tuple(
    PART_NAMES.index(name) for name in ("left_eyeball", "right_eyeball", "upper_teeth", "lower_teeth")
)


@dataclass(frozen=True)
class Level:
    """``kept``: share, in (0, 1], left of the Gaussians that go through the networks; ``whole`` parts stay as they
    are."""

    kept: float
    whole: tuple[int, ...] = ()


_LEVELS = {"full": Level(1.0), "balanced": Level(0.65, _EYES_AND_TEETH), "fast": Level(0.398)}
QUALITIES = tuple(_LEVELS)
"""Names of the levels, best first."""


def simplify(avatar: Avatar, quality: str) -> Avatar:
    """The avatar at ``quality``, one of `QUALITIES`; "full" is the avatar itself. Takes some tenths of a second.

    Fewer are merged than a level asks for where the avatar's samples are too sparse for it.

    Raises:
        ValueError: there is no such level.
    """
    if quality not in _LEVELS:
        raise ValueError(f"quality must be one of {', '.join(QUALITIES)}, got {quality!r}")
    level = _LEVELS[quality]
    if level.kept >= 1:
        return avatar
    rest, part = avatar.rest.numpy(), avatar.part.numpy()
    placed = project(rest[MEAN].T).astype(np.float32)
    sheets = sheets_of(rest, placed, part)
    shape = _active(rest)
    look = np.column_stack([rest[COLOR].T, OPACITY_WEIGHT * shape[OPACITY]])
    price = np.where(_fine_features(avatar, placed, part), FINE_COST, 1.0) * sheets.area
    price[np.isin(part, level.whole)] = np.inf
    nodes = merge_costs(sheets, look, price)
    starts = cheapest_merges(nodes, avatar.expression_weight.numpy()[sheets.order] > 0, level.kept)
    lighter = merge(avatar, sheets, starts)
    return replace(lighter, rest=_with_colours_of(shape, placed, lighter.rest.numpy()))


def _active(rest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rest attributes (14, N) as the rasteriser takes them."""
    active = rest.copy()
    active[SCALE] = np.exp(active[SCALE])
    active[OPACITY] = 1 / (1 + np.exp(-active[OPACITY]))
    return active


def _fine_features(avatar: Avatar, placed: NDArray[np.float32], part: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(N,) which Gaussians are eyes, teeth, lids, lips or brows, of canvas positions ``placed`` (N, 3)."""
    landmarks = project(avatar.landmarks)[:, :2]
    unit = float(np.linalg.norm(landmarks[RIGHT_EYE_OUTER] - landmarks[LEFT_EYE_OUTER]))
    region = polygon_mask(landmarks[list(OUTER_LIPS)], CANVAS_SIZE)
    for ring in (LEFT_EYE_RING, RIGHT_EYE_RING):
        region |= distance_from(polygon_mask(landmarks[list(ring)], CANVAS_SIZE)) < LID_REACH * unit
    for brow in (LEFT_BROW, RIGHT_BROW):
        outline = cv2.convexHull(landmarks[list(brow)].astype(np.float32))[:, 0].astype(np.float32)
        region |= distance_from(polygon_mask(outline, CANVAS_SIZE)) < BROW_REACH * unit
    x, y = _pixels(placed)
    on_top = placed[:, 2] > _front(placed)[y, x] - FRONT_DEPTH
    return (region[y, x] & on_top & np.isin(part, _SKIN)) | np.isin(part, _EYES_AND_TEETH)


def _front(placed: NDArray[np.float32]) -> NDArray[np.float32]:
    """(S, S) height of the foremost Gaussian of each pixel of the canvas, of positions ``placed`` (N, 3)."""
    front = np.full((CANVAS_SIZE, CANVAS_SIZE), -np.inf, np.float32)
    x, y = _pixels(placed)
    np.maximum.at(front, (y, x), placed[:, 2])
    return front


def _with_colours_of(full: NDArray[np.float32], placed: NDArray[np.float32], rest: NDArray[np.float32]) -> torch.Tensor:
    """``rest`` (14, K) with colours that make the photo's own view look as that of the ``full`` set (14, N) of active
    Gaussians at canvas positions ``placed`` (N, 3): wider Gaussians blur it."""
    drawn = create("cpu").render(Gaussians(torch.from_numpy(full)), Camera.orbit(), CROP_SIZE, CROP_SIZE).numpy()
    matte = np.ascontiguousarray(drawn[..., 3])
    now = project(rest[MEAN].T).astype(np.float32)
    x, y = _pixels(now)
    refine_colours(
        rest, now[:, 2] > _front(placed)[y, x] - FRONT_DEPTH, drawn[..., :3] / np.maximum(drawn[..., 3:], 1e-6), matte
    )
    return torch.from_numpy(rest)


def _pixels(placed: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Columns and rows of canvas positions (N, 3); those beside the canvas count to its border."""
    inside = np.clip(np.floor(placed[:, :2]), 0, CANVAS_SIZE - 1).astype(np.intp)
    return inside[:, 0], inside[:, 1]
