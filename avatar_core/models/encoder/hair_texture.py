"""Strands on the hair that the photo hides: the texture next to it, folded on round the head.

In: `HairPixels`. Out: maps on the layout. The decoder knows the colours of the back of a head but not its strands, and
a head whose hair turns into smooth plastic behind the ears looks wrong at once.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.fill import fold_rows, push_pull
from avatar_core.models.encoder.hair_pixels import HairPixels
from avatar_core.models.encoder.layout import cell_means, locate

CLOSED = 5  # cells, side of the brush that closes what pixels leave between them
COARSE = 0.07  # of the rows: what is larger than that is no texture


class ShownHair(NamedTuple):
    """Hair that the photo shows, on the layout.

    Args:
        colour: (R, C, 3) its mean in each cell, led on smoothly where there is none.
        known: (R, C) 1 where there is some, gaps between pixels closed, else 0.
    """

    colour: NDArray[np.float32]
    known: NDArray[np.float32]


def shown_hair(pixels: HairPixels, rows: int, columns: int) -> ShownHair:
    """Means of the hair's ``pixels`` over the layout's ``rows`` x ``columns`` cells."""
    place = locate(pixels.points, rows, columns)
    inside = place[:, 0] < rows
    mean, seen = cell_means(place[inside], pixels.colour[inside], rows, columns)
    known = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((CLOSED, CLOSED), np.uint8))
    return ShownHair(push_pull(mean, seen.astype(np.float32)), known.astype(np.float32))


def hair_texture(hair: ShownHair) -> NDArray[np.float32]:
    """(R, C, 3) what to add to smooth colours where the photo shows no hair; zero where there is none beside it."""
    coarse = means_round_about(hair.colour, hair.known, COARSE)
    return fold_rows(((hair.colour - coarse) * hair.known[..., None]).astype(np.float32), hair.known > 0)


def means_round_about(values: NDArray[np.float32], known: NDArray[np.float32], reach: float) -> NDArray[np.float32]:
    """Means (R, C, K) of ``values`` (R, C, K) where ``known`` (R, C) is 1, over ``reach`` of the rows to every side."""
    size = (2 * int(reach * len(known)) + 1,) * 2
    weight = np.maximum(cv2.blur(known, size), 1e-6)[..., None]
    return np.asarray(cv2.blur(values * known[..., None], size) / weight, np.float32)
