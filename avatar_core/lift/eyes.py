"""Eyeballs behind the lids: spheres that carry the photo's iris and sclera and go on under the skin.

In: canvas colours, the skin's height map and `FacePlacement`. Out: one `Layer` per eye.

The coordinate u of an eyeball sample is the place it has when the eye looks straight ahead: the iris is the same
region of u in every photo, whatever it looks at.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.avatar import PART_NAMES
from avatar_core.lift.canvas import project, unproject
from avatar_core.lift.eye_sockets import (
    BACKING_SHADE,
    BALL_SHARE,
    BEHIND_BALL,
    EYE_SOCKET,
    backing,
    ball_height,
    coarser,
    sampled,
    socket_behind,
    uncovered_by_turning,
)
from avatar_core.lift.fill import push_pull
from avatar_core.lift.layer import Layer
from avatar_core.lift.maps import median_colour
from avatar_core.lift.mesh import polygon_mask
from avatar_core.lift.pose import FacePlacement
from avatar_core.lift.stretch import FAINT_LASH
from avatar_core.models.anatomy import EYEBALL_CENTRES, EYEBALL_RADIUS, gaze_rotation
from avatar_core.tracking.measures import eye_opening
from avatar_core.tracking.topology import LEFT_EYE_RING, LEFT_IRIS, RIGHT_EYE_RING, RIGHT_IRIS

LID_CLEARANCE = 0.014  # inter-ocular distances between the eyeball and the lids over it
SAMPLE_STEP = 0.5  # pixels
REACH_UP, REACH_DOWN, REACH_SIDE = 0.15, 0.13, 0.09  # beyond the lid margins, inter-ocular distances
IRIS_OF_EYE_WIDTH = (0.19, 0.29)
"""Iris radius over the width of the opening: an iris is 12 mm across in an opening of 30 mm."""
SHADOW_SHARE = 0.72  # of the white's brightness: darker pixels beside the iris are lashes or their shadow
LASH_SHADOW = 0.045  # inter-ocular distances below the upper lid's margin that lashes and their shadow reach
RIM_SHARE = 0.9  # of the eye's brightness: darker pixels on the opening's edge are the lid's
LASH_BRIGHTNESS = 0.25  # of what they hide
LIT_IRIS = 0.2  # of its radius above the iris's centre: from there down the lid throws no shadow
DIM_WHITE = 0.9  # of the white's guessed brightness: below it what is seen of it is taken for shaded
SHUT_OPENING = 0.13  # height of the opening over its width below which an eye counts as shut
PUPIL, UNSEEN_IRIS = np.array([0.04, 0.03, 0.03], np.float32), np.array([0.16, 0.10, 0.07], np.float32)
SMALLEST_OPENING = 25  # pixels of iris and sclera below which the eye counts as shut

_SIDES = ((RIGHT_EYE_RING, RIGHT_IRIS, "right_eyeball"), (LEFT_EYE_RING, LEFT_IRIS, "left_eyeball"))


@dataclass(frozen=True)
class _Window:
    """A cut-out of the canvas round one eye: slices, and pixel centres x, y (h, w) in canvas coordinates."""

    rows: slice
    columns: slice
    x: NDArray[np.float32]
    y: NDArray[np.float32]


@dataclass(frozen=True)
class OverEye:
    """Lashes and their shadow inside the eyes' openings.

    Args:
        coverage: (S, S) in [0, 1]; colour: (S, S, 3).
        follow: (S, S) the share of the upper lid's motion that they follow: all of it next to the upper lid, none of it
            at the lower one, so that a closing lid presses them to a line.
    """

    coverage: NDArray[np.float32]
    colour: NDArray[np.float32]
    follow: NDArray[np.float32]


def build_eyes(
    picture: NDArray[np.float32], skin_height: NDArray[np.float32], face: FacePlacement, mean: NDArray[np.floating]
) -> tuple[list[Layer], OverEye]:
    """Both eyeballs, and what lies over them in the openings: the lids must carry that.

    Args:
        picture: (S, S, 3) the photo in [0, 1].
        skin_height: (S, S) canvas pixels.
        mean: (478, 3) the mean face.
    """
    over_eye = OverEye(
        *(np.zeros(shape, np.float32) for shape in (picture.shape[:2], picture.shape, picture.shape[:2]))
    )
    right, left = (_eyeball(side, picture, skin_height, face, np.asarray(mean), over_eye) for side in (0, 1))
    return right + left, over_eye


def _eyeball(
    side: int, picture: NDArray[np.float32], skin_height: NDArray[np.float32], face: FacePlacement,
    mean: NDArray[np.floating], over_eye: OverEye,
) -> list[Layer]:  # fmt: skip
    ring, iris_index, part_name = _SIDES[side]
    outline = face.landmarks[list(ring), :2]
    window = _window(outline, face.eye_distance, picture.shape[0])
    opening = face.eyes[side][window.rows, window.columns]
    corners = [ring[0], ring[8]]
    centre = EYEBALL_CENTRES[side] + (face.neutral[corners] - mean[corners]).mean(0)
    middle = project(face.to_head.apply(centre)[None])[0]
    shut = eye_opening(face.canonical, ring) < SHUT_OPENING
    iris = face.landmarks[iris_index, :2]
    if shut:  # nobody knows where it looks: straight ahead
        iris = project(face.to_head.apply(centre + np.array([0.0, 0.0, EYEBALL_RADIUS]))[None])[0, :2]
    width = float(np.linalg.norm(outline[0] - outline[8]))
    rim = np.linalg.norm(face.landmarks[iris_index + 1 : iris_index + 5, :2] - iris, axis=1).mean()
    iris_radius = float(np.clip(rim, IRIS_OF_EYE_WIDTH[0] * width, IRIS_OF_EYE_WIDTH[1] * width))
    patch = picture[window.rows, window.columns]
    colours, sclera, lashes = _paint(patch, opening, window, iris, iris_radius, face, picture, shut)
    coverage = np.where(lashes, 1.0 if shut else _coverage(patch, colours), 0).astype(np.float32)
    free = (patch - (1 - coverage[..., None]) * colours) / np.maximum(coverage[..., None], FAINT_LASH)
    over_eye.coverage[window.rows, window.columns] += coverage
    over_eye.colour[window.rows, window.columns] = np.clip(free, 0, 1)
    depth, height = np.cumsum(opening, axis=0), opening.sum(0)
    follow = 1 - np.maximum(depth - 1, 0) / np.maximum(height, 1)
    over_eye.follow[window.rows, window.columns] = follow

    around_eye = picture[window.rows, window.columns][~opening]
    white_and_skin = np.float32(BACKING_SHADE) * 0.5 * (colours.mean((0, 1)) + median_colour(around_eye))
    radius = EYEBALL_RADIUS * face.eye_distance
    skin = skin_height[window.rows, window.columns]
    near = polygon_mask(_grown(outline, 0.10 * face.eye_distance), picture.shape[0])[window.rows, window.columns]
    excess = ball_height(window.x, window.y, middle, radius) - (skin - LID_CLEARANCE * face.eye_distance)
    lids = near & ~opening
    middle[2] -= max(0.0, float(np.percentile(excess[lids], 97))) if lids.any() else 0.0

    x, y = (np.arange(axis.min(), axis.max(), SAMPLE_STEP, dtype=np.float32) for axis in (window.x, window.y))
    grid_x, grid_y = np.meshgrid(x, y)
    inner_x, inner_y = grid_x - window.x.min(), grid_y - window.y.min()
    height = ball_height(grid_x, grid_y, middle, radius)
    height = np.minimum(height, sampled(skin, inner_x, inner_y) - 0.5 * LID_CLEARANCE * face.eye_distance)
    position = unproject(grid_x, grid_y, height)
    colour, white = sampled(colours, inner_x, inner_y), sampled(sclera, inner_x, inner_y)
    off_axis = np.hypot(grid_x - middle[0], grid_y - middle[1])
    ball = (off_axis < BALL_SHARE * radius).reshape(-1)
    across, upward = np.gradient(position, axis=1), -np.gradient(position, axis=0)

    points = position.reshape(-1, 3)
    head_centre = unproject(middle[0], middle[1], middle[2])
    direction = face.to_head.rotation.T @ (points - head_centre).T / face.to_head.scale
    iris_height = ball_height(iris[0], iris[1], middle, radius)
    towards_iris = unproject(iris[0], iris[1], iris_height) - head_centre
    towards_iris = face.to_head.rotation.T @ towards_iris / np.linalg.norm(towards_iris)
    gaze = gaze_rotation(np.array([np.arctan2(towards_iris[0], towards_iris[2]), np.arcsin(towards_iris[1])]))
    straight = (gaze.T @ direction).T + EYEBALL_CENTRES[side]
    resting = direction.T + EYEBALL_CENTRES[side]
    count = len(points)
    shown = cv2.erode(opening.astype(np.uint8), np.ones((3, 3), np.uint8)) * ~lashes
    visible = sampled(shown.astype(np.float32), inner_x, inner_y).reshape(-1)
    around = cv2.GaussianBlur(opening.astype(np.float32), (0, 0), max(0.04 * face.eye_distance, 1.0))
    kept = ball | (sampled(around, inner_x, inner_y).reshape(-1) > 0.03)
    layer = Layer(
        position=points,
        across=across.reshape(-1, 3),
        upward=upward.reshape(-1, 3),
        colour=colour.reshape(-1, 3),
        coverage=np.ones(count, np.float32),
        u=np.where(ball[:, None], straight, resting).astype(np.float32),
        part=np.where(ball, PART_NAMES.index(part_name), EYE_SOCKET).astype(np.uint8),
        neck_weight=np.ones(count, np.float32),
        expression_weight=np.ones(count, np.float32),
        seen=visible > 0.5,
    )
    hidden = ball & kept & uncovered_by_turning(off_axis, radius).reshape(-1)
    deeper = np.minimum(BALL_SHARE * radius - off_axis.reshape(-1)[hidden], BEHIND_BALL * face.eye_distance)
    socket = socket_behind(layer.take(hidden), deeper, white.reshape(-1, 3)[hidden], resting[hidden])
    coarse = coarser(layer, kept & ~ball & ~layer.seen, grid_x.shape)
    return [
        layer.take(kept & (ball | layer.seen)),
        coarse,
        socket,
        backing(outline, middle, white_and_skin, skin_height, face, mean),
    ]


def _window(outline: NDArray[np.floating], unit: float, size: int) -> _Window:
    low, high = outline.min(0), outline.max(0)
    x0, x1 = int(low[0] - REACH_SIDE * unit), int(high[0] + REACH_SIDE * unit) + 2
    y0, y1 = int(low[1] - REACH_UP * unit), int(high[1] + REACH_DOWN * unit) + 2
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, size), min(y1, size)
    x, y = np.meshgrid(np.arange(x0, x1, dtype=np.float32) + 0.5, np.arange(y0, y1, dtype=np.float32) + 0.5)
    return _Window(slice(y0, y1), slice(x0, x1), x, y)


def _grown(outline: NDArray[np.floating], by: float) -> NDArray[np.float64]:
    """A polygon (K, 2) moved outwards from its centre by ``by`` pixels."""
    centre = outline.mean(0)
    offset = outline - centre
    length = np.linalg.norm(offset, axis=1, keepdims=True)
    return centre + offset * (length + by) / np.maximum(length, 1e-6)


def _paint(
    patch: NDArray[np.float32], opening: NDArray[np.bool_], window: _Window, iris: NDArray[np.floating],
    iris_radius: float, face: FacePlacement, picture: NDArray[np.float32], shut: bool,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:  # fmt: skip
    """Eyeball colours (h, w, 3), the photo's where the eye shows, continued under lids and lashes; those of its white
    alone; and the lashes.

    Of a shut eye the photo shows lashes only: its eyeball is made up.
    """
    core = cv2.erode(opening.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if core.sum() < SMALLEST_OPENING:
        core = opening
    if shut:
        core = np.zeros_like(opening)
    off_iris = np.hypot(window.x - iris[0], window.y - iris[1])
    white = _sclera(patch, core & (off_iris > 1.2 * iris_radius), face, picture)
    in_iris = core & (off_iris <= 1.02 * iris_radius)
    lit = in_iris & (window.y > iris[1] - LIT_IRIS * iris_radius)
    expected = np.where(off_iris <= iris_radius, _ring_brightness(patch, lit, off_iris / iris_radius), _grey(white))
    dark = _grey(patch) < SHADOW_SHARE * expected
    beside = opening & (_grey(patch) < SHADOW_SHARE * _grey(white)) & (off_iris > 1.25 * iris_radius)
    lashes = opening if shut else beside | _hanging(opening, dark, LASH_SHADOW * face.eye_distance)
    disc = _complete_iris(patch, in_iris & ~lashes, window, iris, iris_radius, off_iris)
    blend = np.clip((1.06 * iris_radius - off_iris) / (0.14 * iris_radius) + 0.3, 0, 1)[..., None]
    continued = disc * blend + white * (1 - blend)
    own = core & ~lashes
    share = np.where(own, np.float32(1), cv2.GaussianBlur(own.astype(np.float32), (0, 0), 0.7))
    rim = opening & ~core & (_grey(patch) < RIM_SHARE * _grey(continued))
    share = (share * ~(lashes | rim))[..., None]
    return np.asarray(patch * share + continued * (1 - share), np.float32), white, lashes


def _grey(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    return colour @ np.full(3, 1 / 3, np.float32)


def _coverage(patch: NDArray[np.float32], behind: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much (h, w) of ``behind`` lashes must hide that the picture is as dark as ``patch``."""
    missing = 1 - _grey(patch) / np.maximum(_grey(behind), 1e-3)
    return np.asarray(np.clip(missing / (1 - LASH_BRIGHTNESS), 0, 1), np.float32)


def _hanging(opening: NDArray[np.bool_], dark: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """The ``dark`` pixels that hang from the upper lid without a break, ``reach`` pixels at most, and their soft edge:
    the shadow and the lashes in front of the eye."""
    above = np.zeros_like(opening)
    depth = np.cumsum(opening, axis=0)
    above[0], above[1:] = opening[0], opening[1:] & ~opening[:-1]
    hangs = above & dark
    for row in range(1, len(opening)):
        hangs[row] |= hangs[row - 1] & dark[row] & opening[row]
    hangs &= depth <= reach
    hangs = (cv2.blur(hangs.astype(np.float32), (5, 1)) > 0.5) & opening
    hangs[1:] |= hangs[:-1] & opening[1:]
    return hangs


def _ring_brightness(
    patch: NDArray[np.float32], seen: NDArray[np.bool_], radius: NDArray[np.floating]
) -> NDArray[np.float64]:
    """What a pixel at its ``radius`` (h, w; the iris ends at 1) should have, by the ``seen`` ones of that radius."""
    brightness = _grey(patch)
    ring = np.clip((radius * 6).astype(int), 0, 6)
    levels = np.zeros(7)
    for index in range(7):
        members = seen & (ring == index)
        if members.sum() > 2:
            levels[index] = np.median(brightness[members])
    return levels[ring]


def _sclera(
    patch: NDArray[np.float32], seen: NDArray[np.bool_], face: FacePlacement, picture: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The white of the eye everywhere: the brighter half of what is seen of it; where that is little or dim, lids
    throw their shadow on it, and a guess from the skin's brightness counts as well."""
    skin = np.median(picture[::4, ::4][face.mesh.inside[::4, ::4]], axis=0)
    guess = np.clip(0.85 * (0.4 * skin + 0.6 * skin.mean()) + 0.12, 0, 1).astype(np.float32)
    if seen.sum() <= 8:
        return np.broadcast_to(guess, patch.shape).astype(np.float32)
    brightness = _grey(patch)
    bright = seen & (brightness >= np.percentile(brightness[seen], 50))
    softened = np.asarray(cv2.GaussianBlur(patch, (0, 0), 0.5), np.float32)
    found = push_pull(softened, bright.astype(np.float32))
    share = np.clip(_grey(found)[..., None] / (DIM_WHITE * guess.mean()), 0, 1) ** 2
    return np.asarray(found * share + guess * (1 - share), np.float32)


def _complete_iris(
    patch: NDArray[np.float32], seen: NDArray[np.bool_], window: _Window, iris: NDArray[np.floating], radius: float,
    off_iris: NDArray[np.floating],
) -> NDArray[np.float32]:  # fmt: skip
    """The whole iris: what the lids hide is mirrored from what is seen, the rest a mean of rings."""
    disc, known = patch.copy(), seen.copy()
    rows, columns = seen.shape
    x0, y0 = window.x.min(), window.y.min()
    wanted = off_iris <= 1.15 * radius
    for flip_x, flip_y in ((1, -1), (-1, 1), (-1, -1)):
        other_x = np.round(iris[0] + flip_x * (window.x - iris[0]) - x0).astype(int)
        other_y = np.round(iris[1] + flip_y * (window.y - iris[1]) - y0).astype(int)
        inside = (other_x >= 0) & (other_x < columns) & (other_y >= 0) & (other_y < rows)
        other_x, other_y = np.clip(other_x, 0, columns - 1), np.clip(other_y, 0, rows - 1)
        take = wanted & ~known & inside & seen[other_y, other_x]
        disc[take] = patch[other_y[take], other_x[take]]
        known |= take
    rings = np.clip((off_iris / radius * 8).astype(int), 0, 9)
    for ring in range(10):
        members, missing = (rings == ring) & known, (rings == ring) & ~known
        if members.sum() > 1:
            disc[missing] = disc[members].mean(0)
        else:
            disc[missing] = PUPIL if ring < 3 else UNSEEN_IRIS * (1 + 0.15 * (9 - ring))
    return disc
