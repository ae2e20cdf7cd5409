"""Cuts the working canvas out of a photo and relates its pixels to head space.

In: photo uint8 RGB (H, W, 3) and landmarks (478, 3) in its pixels (x right, y down, z away, pixel centres at .5).
Out: `Canvas`: a square picture of `CANVAS_SIZE` pixels whose inner `CROP_SIZE` square is what `Camera.orbit()` sees.
The border round that square is what the camera sees once the head or the viewer moves; there a body without a border
would end in a hard cut.

Heights are pixels of the canvas, towards the viewer, above the plane through the head's centre that faces the camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.camera import DEFAULT_FOV, DEFAULT_RADIUS, focal_from_fov
from avatar_core.lift.maps import distance_from
from avatar_core.rendering.jit import kernel
from avatar_core.tracking.topology import LEFT_MOUTH_CORNER, RIGHT_MOUTH_CORNER

CROP_SIZE = 512
MARGIN_LEFT, MARGIN_TOP = 64, 32
CANVAS_SIZE = CROP_SIZE + 2 * MARGIN_LEFT
FOCAL = focal_from_fov(DEFAULT_FOV) * CROP_SIZE  # pixels
UNITS_PER_PIXEL = DEFAULT_RADIUS / FOCAL
"""Head-space units that one pixel spans at the distance of the head's centre."""

BOX_SCALE = 2.75
"""Side of the crop over the half-side of FFHQ's eye and mouth box: the head with hair, and the shoulders' beginning."""
CENTRE_SHIFT = 0.12
"""The crop's centre lies this share of the way from the eyes to the mouth: hair above needs more room than below."""

EDGE_SHARE = 0.004  # of the photo's side
BLURS, BLUR_SLOPE, BLUR_SIDE, FINEST_BLUR = (2.0, 5.0, 12.0, 28.0), 2.0, 5.0, 2.0
"""Standard deviations in pixels; how many of them outside the photo each blur begins to count; side of its window; the
standard deviation in the picture that it is made in."""

_MAX_SHRINK = 0.7  # below this scale the photo is averaged down before it is resampled
_RIGHT_EYE_CORNERS, _LEFT_EYE_CORNERS = (33, 133), (263, 362)
Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True)
class Canvas:
    """image (S, S, 3) uint8, valid (S, S) bool: inside the photo; landmarks (478, 3) in canvas pixels, z away;
    image_to_crop (2, 3) photo pixels -> crop pixels (pixel centres at .5 on both sides)."""

    image: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    landmarks: NDArray[np.float64]
    image_to_crop: NDArray[np.float64]


def cut_canvas(image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> Canvas:
    """The canvas round the face; outside the photo its border goes on, ever more blurred."""
    points = np.asarray(landmarks, np.float64)
    centre, side = _crop_square(points)
    scale = CROP_SIZE / side
    to_crop = np.zeros((2, 3))
    to_crop[[0, 1], [0, 1]] = scale
    to_crop[:, 2] = CROP_SIZE / 2 - scale * centre
    offset = np.array([MARGIN_LEFT, MARGIN_TOP])
    picture, valid = _resample(image, scale, to_crop[:, 2] + offset)
    if not valid.all():
        picture = _soften(picture, valid)
    placed = points.copy()
    placed[:, :2] = scale * points[:, :2] + to_crop[:, 2] + offset
    placed[:, 2] *= scale
    return Canvas(picture, valid, placed, to_crop)


def cut_view(image: NDArray[np.uint8], landmarks: NDArray[np.floating], fov: float) -> Canvas:
    """What a camera of ``fov`` degrees sees from the front: a canvas of `CROP_SIZE` pixels without a border."""
    points = np.asarray(landmarks, np.float64)
    centre, side = _crop_square(points)
    scale = CROP_SIZE / side * focal_from_fov(fov) / focal_from_fov(DEFAULT_FOV)
    shift = CROP_SIZE / 2 - scale * centre
    picture, valid = _resample(image, scale, shift, CROP_SIZE)
    if not valid.all():
        picture = _soften(picture, valid)
    placed = points * scale
    placed[:, :2] += shift
    return Canvas(picture, valid, placed, np.column_stack([scale * np.eye(2), shift]))


def _crop_square(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Centre (2,) and side of the crop in photo pixels: FFHQ's box, upright."""
    right, left = points[list(_RIGHT_EYE_CORNERS), :2].mean(0), points[list(_LEFT_EYE_CORNERS), :2].mean(0)
    eyes = 0.5 * (right + left)
    down = points[[RIGHT_MOUTH_CORNER, LEFT_MOUTH_CORNER], :2].mean(0) - eyes
    across = left - right - np.array([-down[1], down[0]])
    across *= max(2.0 * np.linalg.norm(left - right), 1.8 * np.linalg.norm(down)) / np.linalg.norm(across)
    return eyes + CENTRE_SHIFT * down, float(BOX_SCALE * np.linalg.norm(across))


def _resample(
    image: NDArray[np.uint8], scale: float, shift: NDArray[np.float64], side: int = CANVAS_SIZE
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Picture of ``side`` pixels and validity: pixel = scale * photo + shift, pixel centres at .5 on both sides."""
    first, last = _usable(np.array(image.shape[1::-1]), scale, shift, side)
    pad = 4.0 / scale + 4
    low = np.clip(np.floor(-shift / scale - pad), first, last - 1).astype(int)
    high = np.clip(np.ceil((side - shift) / scale + pad), low + 1, last).astype(int)
    window = np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]])
    window_scale, window_shift = np.array([scale, scale]), shift + scale * low
    if scale < _MAX_SHRINK:
        size = np.maximum(np.round(np.array(window.shape[1::-1]) * scale * 1.25), 1).astype(int)
        window_scale = window_scale * np.array(window.shape[1::-1]) / size
        window = cv2.resize(window, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    affine = np.zeros((2, 3))
    affine[[0, 1], [0, 1]] = window_scale
    affine[:, 2] = window_shift + 0.5 * window_scale - 0.5
    size = (side, side)
    picture = cv2.warpAffine(window, affine, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    xs = (np.arange(side) + 0.5 - shift[0]) / scale
    ys = (np.arange(side) + 0.5 - shift[1]) / scale
    valid = ((ys >= first[1]) & (ys <= last[1]))[:, None] & ((xs >= first[0]) & (xs <= last[0]))[None, :]
    return picture.astype(np.uint8), valid


def _usable(
    size: NDArray[np.signedinteger], scale: float, shift: NDArray[np.float64], side: int
) -> tuple[NDArray[np.signedinteger], NDArray[np.signedinteger]]:
    """First (2,) and last (2,) pixel of the photo to use, x and y: where the canvas goes on beyond the photo, its
    outermost pixels are left out, which scans and crops often leave white or black."""
    edge = np.maximum(1, np.round(EDGE_SHARE * size)).astype(int)
    first = np.where((shift > 0) & (size > 4 * edge), edge, 0)
    last = np.where((scale * size + shift < side) & (size > 4 * edge), size - edge, size)
    return first, last


def _soften(picture: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """What lies outside the photo, blurred the more the farther out: repeated border pixels would show as streaks."""
    distance = distance_from(valid)
    result = picture.astype(np.float32)
    full = result.shape[1::-1]
    for sigma in BLURS:
        shrink = max(1, int(sigma / FINEST_BLUR))  # a wide blur needs no full picture
        small = cv2.resize(result, (full[0] // shrink, full[1] // shrink), interpolation=cv2.INTER_AREA)
        side = int(BLUR_SIDE * sigma / shrink) | 1
        blurred = cv2.resize(cv2.stackBlur(small, (side, side)), full, interpolation=cv2.INTER_LINEAR)
        approach(result, blurred, distance, np.float32(1 / (BLUR_SLOPE * sigma)))
    return np.round(result).astype(np.uint8)


@kernel()
def approach(picture, blurred, distance, slope):
    """``picture`` (S, S, 3) turns into ``blurred``, in place, where ``distance`` (S, S) is above 0.5 / ``slope``."""
    for y in range(distance.shape[0]):
        for x in range(distance.shape[1]):
            share = min(distance[y, x] * slope - np.float32(0.5), np.float32(1))
            if share > 0:
                for channel in range(3):
                    picture[y, x, channel] += share * (blurred[y, x, channel] - picture[y, x, channel])


def inner_crop(values: NDArray[Value]) -> NDArray[Value]:
    """The (512, 512, ...) part of a canvas map that the default camera sees."""
    return values[MARGIN_TOP : MARGIN_TOP + CROP_SIZE, MARGIN_LEFT : MARGIN_LEFT + CROP_SIZE]


def unproject(x: NDArray[np.floating], y: NDArray[np.floating], height: NDArray[np.floating]) -> NDArray[np.float32]:
    """Head-space points (..., 3) that `Camera.orbit()` sees at canvas position (x, y) with ``height`` pixels."""
    shape = np.broadcast_shapes(np.shape(x), np.shape(y), np.shape(height))
    flat = (
        np.require(np.broadcast_to(np.asarray(values, np.float32), shape), requirements=("C", "W")).reshape(-1)
        for values in (x, y, height)
    )
    return _unproject(*flat).reshape(*shape, 3)


@kernel()
def _unproject(x, y, height):
    result = np.empty((x.shape[0], 3), np.float32)
    centre_x, centre_y = np.float32(MARGIN_LEFT + CROP_SIZE / 2), np.float32(MARGIN_TOP + CROP_SIZE / 2)
    for i in range(x.shape[0]):
        z = height[i] * np.float32(UNITS_PER_PIXEL)
        distance = (np.float32(DEFAULT_RADIUS) - z) / np.float32(FOCAL)
        result[i, 0] = (x[i] - centre_x) * distance
        result[i, 1] = (centre_y - y[i]) * distance
        result[i, 2] = z
    return result


def project(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Canvas position and height (N, 3) of head-space ``points`` (N, 3): the inverse of `unproject`."""
    points = np.asarray(points, np.float64)
    distance = (DEFAULT_RADIUS - points[:, 2]) / FOCAL
    x = points[:, 0] / distance + (MARGIN_LEFT + CROP_SIZE / 2)
    y = (MARGIN_TOP + CROP_SIZE / 2) - points[:, 1] / distance
    return np.stack([x, y, points[:, 2] / UNITS_PER_PIXEL], axis=-1)


@kernel()
def seen_at(points):
    """Canvas positions (N, 2) float32 of head-space ``points`` (N, 3) float32, see `project`."""
    places = np.empty((points.shape[0], 2), np.float32)
    for i in range(points.shape[0]):
        pixels = np.float32(FOCAL) / (np.float32(DEFAULT_RADIUS) - points[i, 2])
        places[i, 0] = points[i, 0] * pixels + np.float32(MARGIN_LEFT + CROP_SIZE / 2)
        places[i, 1] = np.float32(MARGIN_TOP + CROP_SIZE / 2) - points[i, 1] * pixels
    return places


def pixel_grid(size: int = CANVAS_SIZE) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """x and y (size, size) of the pixel centres."""
    centres = np.arange(size, dtype=np.float32) + np.float32(0.5)
    x, y = np.meshgrid(centres, centres)
    return x, y
