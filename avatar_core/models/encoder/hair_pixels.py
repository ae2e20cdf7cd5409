"""Which pixels of a photo show hair: what is of the head and neither face, ear nor forehead.

In: `Relief`. Out: `HairPixels`. Skin that passed for hair would be led round the whole head.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import pixel_grid, unproject
from avatar_core.lift.far_side import skin_coloured
from avatar_core.lift.maps import median_colour
from avatar_core.lift.relief import Relief

SOLID = 0.9  # coverage that counts as the person's
BESIDE_FACE = 0.05  # inter-ocular distances from the face mesh where hair may begin
PAST_EARS = 0.35  # inter-ocular distances beyond which even what has the face's colour is hair
EAR, ABOVE_EARS = 0.5, 0.35  # inter-ocular distances beside the face mesh, and canonical y, to which ears reach
REDDER = 0.05  # share of red beyond that of skin and hair
DARKEST = 0.03  # of a colour: what is darker has no hue
FEWEST = 50  # looked-at pixels far from the face that tell the colour of hair
SPECK = 3  # looked-at pixels: what is smaller is no hair
SLOPE_BLUR = 1.5  # pixels
STRIDE = 2  # one pixel of so many is looked at, both ways: a cell is some pixels wide


class HairPixels(NamedTuple):
    """Pixels of the photo that show hair.

    Args:
        points: (N, 3) canonical; colour: (N, 3) in [0, 1]; facing: (N,) cosine of the surface to the view.
    """

    points: NDArray[np.float64]
    colour: NDArray[np.float32]
    facing: NDArray[np.float32]


def hair_pixels(relief: Relief) -> HairPixels:
    """What the photo shows of the head that is neither face nor skin. It reaches to the outline: what lies behind takes
    its light from there."""
    face, sparse = relief.face, (slice(None, None, STRIDE), slice(None, None, STRIDE))
    foreground = np.ascontiguousarray(relief.matte.foreground[sparse])
    distance = relief.registered.distance[sparse]
    inside = face.mesh.inside[sparse]
    sure = (
        (relief.matte.alpha[sparse] > SOLID)
        & ~face.body[sparse]
        & relief.canvas.valid[sparse]
        & (distance > BESIDE_FACE)
    )
    sure &= (distance > PAST_EARS) | ~skin_coloured(foreground, inside)
    height, colour = relief.surfaces.head, foreground[sure]
    points = face.to_head.invert(unproject(*(values[sparse][sure] for values in (*pixel_grid(), height))))
    near, low = distance[sure] < EAR, points[:, 1] < ABOVE_EARS
    looks = _like_skin(colour, foreground[inside], colour[~(near | low)])
    hair = np.zeros(sure.shape, np.uint8)
    hair[sure] = ~(near & np.where(low, looks.bright | looks.redder, looks.bright & looks.hued))
    kept = cv2.morphologyEx(hair, cv2.MORPH_OPEN, np.ones((SPECK, SPECK), np.uint8))[sure] > 0
    slope = (values[sparse][sure][kept] for values in np.gradient(cv2.GaussianBlur(height, (0, 0), SLOPE_BLUR)))
    facing = np.asarray(1 / np.sqrt(1 + sum(each**2 for each in slope)), np.float32)
    return HairPixels(points[kept], colour[kept], facing)


class _LikeSkin(NamedTuple):
    """(N,) which colours are nearer to skin than to hair in brightness, which are in hue, and which are redder than
    both and brighter than hair, as ears are that light shines through."""

    bright: NDArray[np.bool_]
    hued: NDArray[np.bool_]
    redder: NDArray[np.bool_]


def _like_skin(colour: NDArray[np.float32], face: NDArray[np.float32], hair: NDArray[np.float32]) -> _LikeSkin:
    """How ``colour`` (N, 3) compares with those of the ``face`` (M, 3) and of the ``hair`` (K, 3): a forehead has its
    own light, and ears are of another colour than the face."""
    if len(hair) < FEWEST:  # nothing tells what hair is like: what is so near the face is none
        return _LikeSkin(*np.ones((3, len(colour)), bool))
    skin, other = median_colour(face), median_colour(hair)
    bright, hued = (
        np.linalg.norm(scale(colour) - scale(skin), axis=-1) < np.linalg.norm(scale(colour) - scale(other), axis=-1)
        for scale in (_brightness, _hue)
    )
    redder = _hue(colour)[:, 0] > max(_hue(skin)[0], _hue(other)[0]) + REDDER
    return _LikeSkin(bright, hued, redder & (colour.sum(-1) > other.sum()))


def _brightness(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logarithms of colours (..., 3)."""
    return np.asarray(np.log(np.maximum(colour, DARKEST)), np.float32)


def _hue(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shares of the channels in colours (..., 3)."""
    return np.asarray(colour / np.maximum(colour.sum(-1, keepdims=True), DARKEST), np.float32)
