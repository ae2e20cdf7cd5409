"""Where the network's depth correction goes: into the relief of head, ears and short hair.

In: `Relief` and a correction map. Out: the corrected `Relief`.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import CANVAS_SIZE, pixel_grid, unproject
from avatar_core.lift.maps import distance_from, smoothstep
from avatar_core.lift.relief import Relief

FACE_MARGIN = 0.18  # inter-ocular distances inside the mesh over which corrections fade out
SIDE_HAIR, CROWN = 0.1, 0.5
"""Canonical y: hair that hangs beside the face joins it and stays where the lift puts it; above, and where nothing
hangs, the head's own shape is believed."""
SIDE_REACH = 1.2  # canonical |x| of the head's sides


def correctable(relief: Relief) -> NDArray[np.float32]:
    """(S, S) share of a depth correction that a pixel takes: head and hair, not the inner face (lids, eyes and lips
    are fitted to the mesh) and not the body."""
    face = relief.face
    depth = distance_from(~face.mesh.inside) / face.eye_distance
    outside = 1 - smoothstep(depth / FACE_MARGIN)
    return np.where(face.body, 0, outside).astype(np.float32)


def with_correction(relief: Relief, correction: NDArray[np.float32], bare: tuple[float, float]) -> Relief:
    """``relief`` with the head's heights corrected.

    Args:
        correction: (160, 160) inter-ocular distances towards the viewer.
        bare: how far the head's sides, canonical -x and +x, show ears and neck, and no hair over them.
    """
    size = (CANVAS_SIZE, CANVAS_SIZE)
    full = np.float32(relief.face.eye_distance) * cv2.resize(correction, size, interpolation=cv2.INTER_CUBIC)
    x, y = pixel_grid()
    canonical = relief.face.to_head.invert_map(unproject(x, y, relief.surfaces.head))
    above = smoothstep((canonical[..., 1] - SIDE_HAIR) / (CROWN - SIDE_HAIR))
    left_to_right = np.clip(canonical[..., 0] / (2 * SIDE_REACH) + 0.5, 0, 1)
    beside = bare[0] + (bare[1] - bare[0]) * left_to_right
    head = relief.surfaces.head + full * correctable(relief) * (above + (1 - above) * beside)
    return replace(relief, surfaces=replace(relief.surfaces, head=head.astype(np.float32)))
