"""The lift's far side where no template stands for it, above all where hair hangs: in the layout's colours.

In: a `Layer` and colours on the layout. Out: the `Layer`. Its own are the outline's, folded inwards in the photo's
plane, and show seams where the outline turns from hair to a cap or an ear.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.layer import Layer
from avatar_core.lift.maps import smoothstep
from avatar_core.models.encoder.layout import locate

FROM_HAIR = (-1.0, -0.6)  # canonical y over which clothes and the ends of hair give way to the head
_WIDTH = 4096  # cv2.remap holds at most 32767 columns


def in_colours(back: Layer, colour: NDArray[np.float32], present: NDArray[np.float32]) -> Layer:
    """``back`` with the layout's ``colour`` (R, C, 3) on the head, as far as its cells are ``present`` (R, C)."""
    if not len(back):
        return back
    rows, columns = present.shape
    place = locate(back.u, rows, columns)
    values = _at(np.dstack([colour, np.clip(present, 0, 1)]), place)
    share = smoothstep((back.u[:, 1] - FROM_HAIR[0]) / (FROM_HAIR[1] - FROM_HAIR[0])) * values[:, 3]
    mixed = back.colour + share[:, None] * (values[:, :3] - back.colour)
    return replace(back, colour=np.asarray(mixed, np.float32))


def _at(values: NDArray[np.float32], place: NDArray[np.floating]) -> NDArray[np.float32]:
    """Bilinear ``values`` (R, C, K) of the layout at rows and columns ``place`` (N, 2 or more): (N, K)."""
    ring = np.pad(values, ((0, 0), (1, 1), (0, 0)), mode="wrap")
    count = len(place)
    where = np.zeros((-(-count // _WIDTH) * _WIDTH, 2), np.float32)
    where[:count] = place[:, 1::-1] + np.array([0.5, -0.5])
    across, down = (where[:, axis].reshape(-1, _WIDTH) for axis in (0, 1))
    taken = cv2.remap(ring, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(taken.reshape(len(where), -1)[:count], np.float32)
