"""What the encoder sees: the person cut out, with the lift's maps, at a quarter of the canvas's resolution.

In: `Relief`. Out: `Guide`, arrays alone, so that a training set can keep them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import CANVAS_SIZE, pixel_grid, unproject
from avatar_core.lift.maps import distance_from, smoothstep
from avatar_core.lift.relief import Relief

GUIDE_SIZE = CANVAS_SIZE // 4
GUIDE_CHANNELS = 12
COLOUR_SIZE = CANVAS_SIZE // 2
FACE_MARGIN = 0.18  # inter-ocular distances inside the mesh over which corrections fade out
SIDE_HAIR, CROWN = 0.1, 0.5
"""Canonical y: hair that hangs beside the face joins it and stays where the lift puts it; above, the head's own shape
is believed."""
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


def correctable(relief: Relief) -> NDArray[np.float32]:
    """(S, S) share of a depth correction that a pixel takes: head and hair, not the inner face (lids, eyes and lips
    are fitted to the mesh) and not the body."""
    face = relief.face
    depth = distance_from(~face.mesh.inside) / face.eye_distance
    outside = 1 - smoothstep(depth / FACE_MARGIN)
    return np.where(face.body, 0, outside).astype(np.float32)


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


def with_correction(relief: Relief, correction: NDArray[np.float32]) -> Relief:
    """``relief`` with the head's heights changed by ``correction`` (160, 160), inter-ocular distances."""
    size = (CANVAS_SIZE, CANVAS_SIZE)
    x, y = pixel_grid()
    canonical = relief.face.to_head.invert_map(unproject(x, y, relief.surfaces.head))
    above = smoothstep((canonical[..., 1] - SIDE_HAIR) / (CROWN - SIDE_HAIR))
    full = cv2.resize(correction, size, interpolation=cv2.INTER_CUBIC) * correctable(relief) * above
    head = relief.surfaces.head + np.float32(relief.face.eye_distance) * full
    return replace(relief, surfaces=replace(relief.surfaces, head=head.astype(np.float32)))
