"""Where the network's depth correction goes: into the relief of head, ears and hair.

In: `Relief` and a correction map. Out: the corrected `Relief`.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import CANVAS_SIZE, pixel_grid, unproject
from avatar_core.lift.fill import continuation
from avatar_core.lift.maps import distance_from, smoothstep
from avatar_core.lift.relief import Relief
from avatar_core.models.encoder.far_cheek import yaw_of

FACE_MARGIN = 0.18  # inter-ocular distances inside the mesh over which corrections fade out
JAW_MARGIN = 0.15  # inter-ocular distances from the jaw's lower edge over which they set in
TURNED = (14.0, 20.0)  # degrees of the photo's yaw over which its far side stays where it is
FAR_SIDE, CROWN = 0.3, (0.1, 0.5)  # canonical |x| and y over which that side begins and ends
OFF_NECK = (0.45, 0.7)  # canonical |x| over which what hangs below the jaw is hair, and no neck
HANGING_BLUR, HANGING_REACH = 0.05, 1.2
"""Inter-ocular distances below the head over which hanging hair goes with the hair above it."""
SIDE_REACH = 1.2  # canonical |x| of the head's sides


def correctable(relief: Relief) -> NDArray[np.float32]:
    """(S, S) where the network may correct: head and hair, not the inner face (lids, eyes and lips are fitted to the
    mesh) and not the body. The network sees this map."""
    face = relief.face
    depth = distance_from(~face.mesh.inside) / face.eye_distance
    outside = 1 - smoothstep(depth / FACE_MARGIN)
    return np.where(face.body, 0, outside).astype(np.float32)


def believed(relief: Relief) -> NDArray[np.float32]:
    """(S, S) share of what it says that is taken: none at the jaw, close behind which the mouth lies, nor on the far
    side of a turned face, which ends in front of what lies beyond: no smooth map moves one and not the other."""
    face = relief.face
    near_jaw = 1 - smoothstep(distance_from(face.body) / (JAW_MARGIN * face.eye_distance))
    kept = 1 - near_jaw * face.mesh.inside
    yaw = yaw_of(relief)
    turned = smoothstep(np.array((abs(yaw) - TURNED[0]) / (TURNED[1] - TURNED[0])))
    if turned > 0:
        x, y = pixel_grid()
        canonical = face.to_head.invert_map(unproject(x, y, relief.surfaces.head))
        far = smoothstep(np.sign(yaw) * canonical[..., 0] / FAR_SIDE)
        below = 1 - smoothstep((canonical[..., 1] - CROWN[0]) / (CROWN[1] - CROWN[0]))
        kept = kept * (1 - turned * far * below)
    return np.asarray(kept, np.float32)


def with_correction(relief: Relief, correction: NDArray[np.float32], bare: tuple[float, float]) -> Relief:
    """``relief`` with the heights of the head corrected, and of hair that hangs from it.

    Args:
        correction: (160, 160) inter-ocular distances towards the viewer.
        bare: how far nothing hangs beside the neck, on the sides of canonical -x and +x; hair that does goes with the
            hair above it.
    """
    size, unit = (CANVAS_SIZE, CANVAS_SIZE), float(relief.face.eye_distance)
    full = np.float32(unit) * cv2.resize(correction, size, interpolation=cv2.INTER_CUBIC)
    full *= correctable(relief) * believed(relief)
    head = relief.surfaces.head + full
    body = relief.surfaces.body
    if min(bare) < 1:
        body = body + _hanging(relief, full, bare)
    return replace(relief, surfaces=replace(relief.surfaces, head=head.astype(np.float32), body=body))


def _hanging(relief: Relief, change: NDArray[np.float32], bare: tuple[float, float]) -> NDArray[np.float32]:
    """(S, S) the head's ``change`` of height (S, S) led down into hair that hangs beside the neck."""
    unit = float(relief.face.eye_distance)
    x, y = pixel_grid()
    across = relief.face.to_head.invert_map(unproject(x, y, relief.surfaces.body))[..., 0]
    left_to_right = np.clip(across / (2 * SIDE_REACH) + 0.5, 0, 1)
    hangs = 1 - (bare[0] + (bare[1] - bare[0]) * left_to_right)
    hangs = hangs * smoothstep((np.abs(across) - OFF_NECK[0]) / (OFF_NECK[1] - OFF_NECK[0]))
    known = (relief.matte.alpha > 0.5) & ~relief.face.body
    below = continuation(change[..., None], known.astype(np.float32), HANGING_BLUR * unit)
    fade = np.exp(-((distance_from(known) / (HANGING_REACH * unit)) ** 2))
    return np.asarray(below * hangs * fade, np.float32)
