"""What the encoder sees: the person cut out, with the lift's maps, at a quarter of the canvas's resolution.

In: `Relief`. Out: `Guide`, arrays alone, so that a training set can keep them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import CANVAS_SIZE, pixel_grid, unproject
from avatar_core.lift.relief import Relief
from avatar_core.models.encoder.correction import correctable

GUIDE_SIZE = CANVAS_SIZE // 4
GUIDE_CHANNELS = 12
COLOUR_SIZE = CANVAS_SIZE // 2
_FARTHEST = 3.0  # canonical units


@dataclass(frozen=True)
class Guide:
    """Inputs of the encoder for one photo.

    Args:
        maps: (12, 160, 160) float32: cut-out RGB, coverage, body, face mesh, canonical position of the head's surface
            (3), distance to the face mesh, canonical depth of the far side, correctable (see `correctable`).
        front, back: (320, 320, 3) float32 colours of the person and of the far side, in [0, 1].
        coverage: (320, 320) float32.
        canonical_to_head: (4, 4) similarity.
    """

    maps: NDArray[np.float32]
    front: NDArray[np.float32]
    back: NDArray[np.float32]
    coverage: NDArray[np.float32]
    canonical_to_head: NDArray[np.float64]


def build_guide(relief: Relief) -> Guide:
    """The guide maps of a photo's relief."""
    x, y = pixel_grid()
    face, matte = relief.face, relief.matte
    canonical = face.to_head.invert_map(unproject(x, y, relief.surfaces.head))
    far = face.to_head.invert_map(unproject(x, y, relief.surfaces.back))[..., 2]
    planes = [
        matte.foreground * matte.alpha[..., None],
        matte.alpha[..., None],
        face.body[..., None],
        face.mesh.inside[..., None],
        np.clip(canonical, -_FARTHEST, _FARTHEST),
        np.minimum(relief.registered.distance, _FARTHEST)[..., None],
        np.clip(far, -_FARTHEST, _FARTHEST)[..., None],
        correctable(relief)[..., None],
    ]
    halved = [
        cv2.resize(np.asarray(plane, np.float32), (GUIDE_SIZE, GUIDE_SIZE), interpolation=cv2.INTER_AREA)
        for plane in planes
    ]
    small = np.dstack(halved)
    size = (COLOUR_SIZE, COLOUR_SIZE)
    return Guide(
        maps=np.ascontiguousarray(np.moveaxis(small, -1, 0), np.float32),
        front=np.asarray(cv2.resize(matte.foreground, size, interpolation=cv2.INTER_AREA), np.float32),
        back=np.asarray(cv2.resize(relief.far_colour, size, interpolation=cv2.INTER_AREA), np.float32),
        coverage=np.asarray(cv2.resize(matte.alpha, size, interpolation=cv2.INTER_AREA), np.float32),
        canonical_to_head=face.to_head.matrix(),
    )
