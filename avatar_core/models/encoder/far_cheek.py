"""The far cheek of a turned head: the near one's mirror image, in shape, colour and coordinates, on the layout.

In: `Relief`. Out: `FarCheek`.

A photo turned by more than some ten degrees ends, on the far side, at the cheek's own outline; jaw, ear and the cheek
behind it are hidden. Heads are symmetric enough for the near side to stand for them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import CROP_SIZE, FOCAL, MARGIN_LEFT, MARGIN_TOP, pixel_grid, unproject
from avatar_core.lift.far_side import FOREHEAD, lit_skin
from avatar_core.lift.fill import push_pull
from avatar_core.lift.maps import smoothstep
from avatar_core.lift.relief import Relief
from avatar_core.lift.torso import LOWER_LIP
from avatar_core.models.encoder.layout import PRESENT, cell_azimuth, cell_means, locate, rays

TURNED_FROM, TURNED_FULLY = 8.5, 11.5  # degrees of the photo's yaw
NEAREST, FARTHEST, COVERED = (26.0, 36.0), (85.0, 100.0), (58.0, 72.0)
"""Degrees from the face's middle over which the mirror image sets in and ends, behind a bare ear and before a covered
one: eyes and mouth move, hair differs."""
HIGHEST = (0.5, 0.25)  # canonical y over which it sets in below the temple
SOLID, INSET = 0.9, 11
"""Coverage of a pixel that counts as the person's, and twice the pixels that it keeps from the outline: there the
surface is steep and its colours are mixed."""
JAW_SHADE = 9  # twice the pixels that it keeps from the jaw's lower edge, which lies in the shade
LARGEST_GAIN, LARGEST_OFFSET, DARKEST = 2.0, 0.15, 0.03
"""How much brighter or darker, and how many canonical units farther out or in this side may be; a colour's floor."""
SMOOTHING = 4.0  # cells over which the sides' difference is averaged
BURIED = 0.015  # canonical units that it lies deeper than the photo's own
GAP = 13  # cells, side of the brush that closes what pixels, strands of hair and the body leave between them
FEWEST_CELLS, FEWEST_ALIKE = 60, 20
GRAZING, FACING = 0.15, 0.3
"""Cosines to the view below which the photo's own pixels leave the cheek to its mirror image, and above which they
stay: seen from the side, a pixel of the outline is a streak."""
ALIKE, UNLIKE = 0.06, 0.14
"""Mean difference of colours up to which a pixel gives way, and from which it stays: a hand, hair, a deep shade."""
SMOOTH_HEIGHT = 1.0  # pixels
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

    def uncovered(self, relief: Relief) -> Relief:
        """``relief`` whose pixels give way where they graze the cheek that the mirror image stands for."""
        face = relief.face
        grazing = 1 - smoothstep((view_cosine(relief.surfaces.head) - GRAZING) / (FACING - GRAZING))
        near = (grazing > 0) & (relief.matte.alpha > 0) & ~face.body & ~face.eyes.any(0) & ~face.mouth
        chosen = np.flatnonzero(near)
        x, y = pixel_grid()
        place = (axis.reshape(-1)[chosen] for axis in (x, y, relief.surfaces.head))
        rows, columns = self.share.shape
        located = locate(face.to_head.invert(unproject(*place)), rows, columns).astype(int)
        inside = located[:, 0] < rows
        chosen, cell = chosen[inside], (located[inside, 0], located[inside, 1] % columns)
        differs = np.abs(self.colour[cell] - relief.matte.foreground.reshape(-1, 3)[chosen]).mean(-1)
        alike = 1 - smoothstep((differs - ALIKE) / (UNLIKE - ALIKE))
        gives = np.zeros(near.size, np.float32)
        gives[chosen] = np.where(self.share[cell] > PRESENT, self.share[cell], 0) * alike
        gives = gives.reshape(near.shape) * grazing
        return replace(relief, face=replace(face, gives_way=np.maximum(face.gives_way, gives)))


def view_cosine(height: NDArray[np.float32]) -> NDArray[np.float32]:
    """(S, S) cosine between the photo's rays and the normals of a surface of ``height`` (S, S), pixels."""
    smooth = cv2.GaussianBlur(height, (0, 0), SMOOTH_HEIGHT)
    down, across = np.gradient(smooth)
    middle = (MARGIN_LEFT + CROP_SIZE / 2, MARGIN_TOP + CROP_SIZE / 2)
    x, y = (axis - np.float32(centre) for axis, centre in zip(pixel_grid(), middle, strict=True))
    # A point at height h stands at (x, y) s and FOCAL s from the camera, s = 1 - h / FOCAL.
    near = 1 - smooth / np.float32(FOCAL)
    towards = near - (x * across + y * down) / np.float32(FOCAL)
    ray = np.sqrt(1 + (x * x + y * y) / np.float32(FOCAL**2))
    return np.asarray(near / (ray * np.sqrt(across * across + down * down + towards * towards)), np.float32)


def yaw_of(relief: Relief) -> float:
    """Degrees by which the face looks to the image's right."""
    rotation = relief.face.to_head.rotation
    return float(np.degrees(np.arctan2(rotation[0, 2], rotation[2, 2])))


def mirror_cheek(relief: Relief, rows: int, columns: int) -> FarCheek | None:
    """The far cheek of a photo on a layout of ``rows`` x ``columns``; None where the photo shows both sides."""
    yaw = yaw_of(relief)
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
    if (share > 0).sum() < FEWEST_CELLS:
        return None
    radius, colour = _joined(seen, flipped, (share > 0) & known)
    return FarCheek(share.astype(np.float32), radius - np.float32(BURIED), colour, flipped[..., 4:7])


def _joined(
    seen: NDArray[np.float32], mirrored: NDArray[np.float32], both: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Radius and colour of the ``mirrored`` side, led smoothly over to what is ``seen`` of this one.

    Light and shape differ from side to side: by how much is known where ``both`` are, and continued from there. Where
    they differ by more, hair is held against skin, and nothing is learned.
    """
    brighter = np.log(np.maximum(seen[..., 1:4], DARKEST) / np.maximum(mirrored[..., 1:4], DARKEST))
    farther = seen[..., 0] - mirrored[..., 0]
    alike = both & (np.abs(brighter) < np.log(LARGEST_GAIN)).all(-1) & (np.abs(farther) < LARGEST_OFFSET)
    if alike.sum() < FEWEST_ALIKE:
        return mirrored[..., 0], mirrored[..., 1:4]
    change = np.dstack([farther, brighter]).astype(np.float32) * alike[..., None]
    weight = cv2.GaussianBlur(alike.astype(np.float32), (0, 0), SMOOTHING)
    smooth = cv2.GaussianBlur(change, (0, 0), SMOOTHING) / np.maximum(weight, 1e-3)[..., None]
    change = push_pull(smooth, (weight > 0.1).astype(np.float32))
    return mirrored[..., 0] + change[..., 0], np.clip(mirrored[..., 1:4] * np.exp(change[..., 1:]), 0, 1)


def _far_outline_bare(relief: Relief, yaw: float) -> float:
    """1 where the face's far outline is the person's, 0 where hair hangs beyond it."""
    face = relief.face
    top, bottom = (max(int(face.landmarks[index, 1]), 0) for index in (NOSE_BRIDGE, LOWER_LIP))
    if bottom <= top:
        return 1.0
    rows = slice(top, bottom)
    far = np.sign(yaw) * (np.arange(face.body.shape[1])[None, :] - face.landmarks[NOSE_BRIDGE, 0]) > 0
    beyond = (relief.matte.alpha[rows] > 0.5) & ~face.mesh.inside[rows] & far
    beyond &= ~lit_skin(relief.matte.foreground, face.mesh.inside, rows)
    width = beyond.sum(1).mean() / face.eye_distance
    return 1 - float(smoothstep(np.array([(width - HAIR_FROM) / (HAIR_FULLY - HAIR_FROM)]))[0])


def _on_layout(relief: Relief, rows: int, columns: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Radius, colour and u (R, C, 7) of the head's visible surface, and where (R, C) the photo shows it."""
    face, matte = relief.face, relief.matte
    sure = cv2.erode((matte.alpha > SOLID).astype(np.uint8), np.ones((INSET, INSET), np.uint8)) > 0
    jaw = cv2.dilate((face.body | (face.jaw_edge > 0)).astype(np.uint8), np.ones((JAW_SHADE, JAW_SHADE), np.uint8)) > 0
    sure &= ~jaw & relief.canvas.valid
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
