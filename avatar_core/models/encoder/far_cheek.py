"""The far cheek of a turned head: the near one's mirror image, in shape, colour and coordinates, on the layout.

In: `Relief`. Out: `FarCheek`.

A photo turned by more than some ten degrees ends, on the far side, at the cheek's own outline; jaw, ear and the cheek
behind it are hidden. Heads are symmetric enough for the near side to stand for them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import pixel_grid, unproject
from avatar_core.lift.far_side import FOREHEAD
from avatar_core.lift.fill import push_pull
from avatar_core.lift.maps import smoothstep
from avatar_core.lift.relief import Relief
from avatar_core.lift.torso import LOWER_LIP
from avatar_core.models.encoder.layout import cell_azimuth, cell_means, locate, rays

TURNED_FROM, TURNED_FULLY = 8.5, 11.5  # degrees of the photo's yaw
NEAREST, FARTHEST, COVERED = (26.0, 36.0), (85.0, 100.0), (58.0, 72.0)
"""Degrees from the face's middle over which the mirror image sets in and ends, behind a bare ear and before a covered
one: eyes and mouth move, hair differs."""
HIGHEST = (0.5, 0.25)  # canonical y over which it sets in below the temple
SOLID, INSET = 0.9, 11
"""Coverage of a pixel that counts as the person's, and twice the pixels that it keeps from the outline: there the
surface is steep and its colours are mixed."""
LARGEST_GAIN = 1.6
BURIED = 0.05  # canonical units that it lies deeper: no two sides of a face are quite alike
GAP = 13  # cells, side of the brush that closes what pixels, strands of hair and the body leave between them
FEWEST_CELLS = 60
HAIR_FROM, HAIR_FULLY = 0.1, 0.25  # inter-ocular distances that hair beyond the far outline is wide
NOSE_BRIDGE = 6


@dataclass(frozen=True)
class FarCheek:
    """Maps on the layout of some fineness.

    Args:
        share: (R, C) in [0, 1] how far the mirror image counts.
        radius: (R, C) canonical; colour: (R, C, 3) in [0, 1]; u: (R, C, 3) canonical coordinate on the mean face.
    """

    share: NDArray[np.float32]
    radius: NDArray[np.float32]
    colour: NDArray[np.float32]
    u: NDArray[np.float32]


def mirror_cheek(relief: Relief, rows: int, columns: int) -> FarCheek | None:
    """The far cheek of a photo on a layout of ``rows`` x ``columns``; None where the photo shows both sides."""
    rotation = relief.face.to_head.rotation
    yaw = float(np.degrees(np.arctan2(rotation[0, 2], rotation[2, 2])))
    turned = float(smoothstep(np.array([(abs(yaw) - TURNED_FROM) / (TURNED_FULLY - TURNED_FROM)]))[0])
    if turned == 0:
        return None
    seen, known = _on_layout(relief, rows, columns)
    flipped, flipped_known = seen[:, ::-1].copy(), known[:, ::-1]
    flipped[..., 4] *= -1
    far = np.sign(yaw) * cell_azimuth(columns)  # a face that looks to the image's left hides the left
    region = smoothstep((far - NEAREST[0]) / (NEAREST[1] - NEAREST[0]))
    bare = _far_outline_bare(relief, yaw)
    full, end = (covered + bare * (free - covered) for covered, free in zip(COVERED, FARTHEST, strict=True))
    region = region * smoothstep((end - far) / (end - full))
    origin, direction = rays(rows, columns)
    level = (origin + direction)[..., 1]
    share = turned * region[None, :] * smoothstep((HIGHEST[0] - level) / (HIGHEST[0] - HIGHEST[1])) * flipped_known
    chosen = share > 0
    if chosen.sum() < FEWEST_CELLS:
        return None
    both = chosen & known
    gain = np.ones(3, np.float32)
    if both.sum() >= FEWEST_CELLS:
        gain = seen[both, 1:4].mean(0) / np.maximum(flipped[both, 1:4].mean(0), 0.02)
    colour = np.clip(flipped[..., 1:4] * np.clip(gain, 1 / LARGEST_GAIN, LARGEST_GAIN), 0, 1)
    return FarCheek(
        share.astype(np.float32), flipped[..., 0] - np.float32(BURIED), colour.astype(np.float32), flipped[..., 4:7]
    )


def _far_outline_bare(relief: Relief, yaw: float) -> float:
    """1 where the face's far outline is the person's, 0 where hair hangs beyond it."""
    face = relief.face
    top, bottom = (int(face.landmarks[index, 1]) for index in (NOSE_BRIDGE, LOWER_LIP))
    far = np.sign(yaw) * (np.arange(face.body.shape[1])[None, :] - face.landmarks[NOSE_BRIDGE, 0]) > 0
    beyond = (relief.matte.alpha > 0.5) & ~face.mesh.inside & far
    width = beyond[max(top, 0) : bottom].sum(1).mean() / face.eye_distance if bottom > max(top, 0) else 0.0
    return 1 - float(smoothstep(np.array([(width - HAIR_FROM) / (HAIR_FULLY - HAIR_FROM)]))[0])


def _on_layout(relief: Relief, rows: int, columns: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Radius, colour and u (R, C, 7) of the head's visible surface, and where (R, C) the photo shows it."""
    face, matte = relief.face, relief.matte
    sure = cv2.erode((matte.alpha > SOLID).astype(np.uint8), np.ones((INSET, INSET), np.uint8)) > 0
    sure &= ~face.body & relief.canvas.valid
    sure[: max(int(face.landmarks[FOREHEAD, 1]), 0)] = False
    chosen = np.flatnonzero(sure)
    x, y = (axis.reshape(-1)[chosen] for axis in pixel_grid())
    points = unproject(x, y, relief.surfaces.head.reshape(-1)[chosen])
    canonical = face.to_head.invert(points).astype(np.float32)
    place = locate(canonical, rows, columns)
    cheek = (place[:, 0] < rows) & (canonical[:, 1] < HIGHEST[0])
    chosen, canonical, place = chosen[cheek], canonical[cheek], place[cheek]
    inside = face.mesh.inside.reshape(-1)[chosen, None]
    offset = relief.registered.offset.reshape(-1, 3)[chosen]
    u = np.where(inside, relief.registered.u.reshape(-1, 3)[chosen], canonical + offset)
    values = np.concatenate([place[:, 2:], matte.foreground.reshape(-1, 3)[chosen], u], axis=1)
    mean, shown = cell_means(place, values, rows, columns)
    closed = cv2.morphologyEx(shown.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((GAP, GAP), np.uint8)) > 0
    known = shown.astype(np.float32)
    return np.dstack([push_pull(mean[..., :4], known), push_pull(mean[..., 4:], known)]), closed
