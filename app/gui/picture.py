"""Small pictures for the panels: crops that fill a frame, the driver's face with its landmarks, the viewport's glow.

Everything is uint8 RGB (H, W, 3) in and out; no window is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.tracking import topology

_MAX_CROP = 0.35  # share of a picture that filling a frame may cut away; beyond it the picture is shown whole
_CARD = (31, 35, 43)
_CONTOUR = (104, 240, 170)
_IRIS = (255, 214, 102)
_MESH = (120, 200, 255)
_SUBPIXEL_BITS = 3  # OpenCV's fixed-point coordinates: eighths of a pixel
GLOW_SIDE = 48
_GLOW_STRENGTH = 0.42

_CLOSED = (topology.OVAL, topology.RIGHT_EYE_RING, topology.LEFT_EYE_RING, topology.OUTER_LIPS, topology.INNER_LIPS)
_OPEN = tuple(brow[:5] for brow in (topology.RIGHT_BROW, topology.LEFT_BROW))
_EDGES = np.unique(np.sort(topology.TRIANGLES[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)


@dataclass(frozen=True)
class Framing:
    """How a picture was placed in a frame: frame pixel = picture pixel * ``scale`` + ``offset`` (x, y)."""

    scale: float
    offset: tuple[float, float]


def framing(picture: tuple[int, int], frame: tuple[int, int]) -> Framing:
    """Fill ``frame`` (width, height) with ``picture`` (width, height), or show it whole if too much would be lost.

    A crop keeps the middle of the width, and of the height the part around 45 % from the top, where faces are.
    """
    ratios = frame[0] / picture[0], frame[1] / picture[1]
    scale = max(ratios)
    lost = 1.0 - (frame[0] * frame[1]) / (picture[0] * scale * picture[1] * scale)
    if lost > _MAX_CROP:
        scale = min(ratios)
    spare_x, spare_y = frame[0] - picture[0] * scale, frame[1] - picture[1] * scale
    return Framing(scale, (spare_x * 0.5, spare_y * (0.45 if spare_y < 0 else 0.5)))


def framed(rgb: NDArray[np.uint8], width: int, height: int) -> tuple[NDArray[np.uint8], Framing]:
    """``rgb`` (h, w, 3) placed in a (height, width, 3) picture, with the placement used."""
    place = framing((rgb.shape[1], rgb.shape[0]), (width, height))
    shrink = place.scale
    if shrink < 0.5:  # area averaging first: a single affine step this far down would alias
        small = (max(1, round(rgb.shape[1] * shrink)), max(1, round(rgb.shape[0] * shrink)))
        rgb = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        shrink = 1.0
    centre = 0.5 * (shrink - 1.0)  # pixel centres, not corners, are what the warp maps
    matrix = np.array([[shrink, 0.0, place.offset[0] + centre], [0.0, shrink, place.offset[1] + centre]])
    filled = cv2.warpAffine(
        rgb, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=_CARD
    )
    return filled.astype(np.uint8, copy=False), place


def draw_landmarks(rgb: NDArray[np.uint8], points: NDArray[np.floating], *, mesh: bool) -> None:
    """Draw face contours and irises, or the whole mesh, into ``rgb`` in place.

    Args:
        points: (478, 2) landmarks in pixels of ``rgb``.
    """
    fixed = np.round(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    if mesh:
        shade = rgb.copy()
        cv2.polylines(shade, list(fixed[_EDGES]), False, _MESH, 1, cv2.LINE_AA, _SUBPIXEL_BITS)
        cv2.addWeighted(shade, 0.55, rgb, 0.45, 0.0, dst=rgb)
    closed = [fixed[list(ring)] for ring in _CLOSED]
    cv2.polylines(rgb, closed, True, _CONTOUR, 1, cv2.LINE_AA, _SUBPIXEL_BITS)
    cv2.polylines(rgb, [fixed[list(brow)] for brow in _OPEN], False, _CONTOUR, 1, cv2.LINE_AA, _SUBPIXEL_BITS)
    for first in (topology.RIGHT_IRIS, topology.LEFT_IRIS):
        radius = float(np.linalg.norm(points[first + 1 : first + 5] - points[first], axis=1).mean())
        centre = (int(fixed[first, 0]), int(fixed[first, 1]))
        size = round(max(1.0, radius) * (1 << _SUBPIXEL_BITS))
        cv2.circle(rgb, centre, size, _IRIS, 1, cv2.LINE_AA, _SUBPIXEL_BITS)


def driver_picture(
    rgb: NDArray[np.uint8], landmarks: NDArray[np.floating] | None, width: int, height: int, *, mesh: bool
) -> NDArray[np.uint8]:
    """The driver's frame with its landmarks (478, 2, pixels of ``rgb``) drawn, as a (height, width, 3) picture."""
    picture, place = framed(rgb, width, height)
    if landmarks is not None:
        draw_landmarks(picture, landmarks * place.scale + np.asarray(place.offset), mesh=mesh)
    return picture


def glow(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A small, blurred, darkened copy that lights the viewport's empty sides with the picture's own colours."""
    small = cv2.resize(rgb, (GLOW_SIDE, GLOW_SIDE), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), GLOW_SIDE / 7.0)
    return cv2.convertScaleAbs(blurred, alpha=_GLOW_STRENGTH).astype(np.uint8, copy=False)
