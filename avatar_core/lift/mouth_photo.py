"""The photo's own picture of an open mouth: teeth on their arches, and what lies behind or beside them.

In: what the photo shows between the lips (`ShownMouth`), `Jaws`. Out: `Layer`s, pixel by pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import UNITS_PER_PIXEL, unproject
from avatar_core.lift.jaws import LIP_CLEARANCE, Jaws, share_below
from avatar_core.lift.layer import Layer, surface_steps
from avatar_core.lift.maps import lattice
from avatar_core.lift.mouth_sheets import (
    ARCH_FRONT_LOWER,
    ARCH_FRONT_UPPER,
    FIXED,
    LOWER_TEETH,
    SOCKET,
    UPPER_GUMS,
    UPPER_TEETH,
    arch,
    socket_depth,
)
from avatar_core.lift.pose import FacePlacement
from avatar_core.lift.shown_mouth import LipFrame, ShownMouth
from avatar_core.lift.stretch import clear_of_lip_line
from avatar_core.models.anatomy import LOWER_FACE
from avatar_core.tracking.topology import UPPER_LIP_INNER

DEPTH_OF_CURTAIN, ROOM_FOR_TONGUE = 0.14, 0.31  # canonical units behind the teeth, and more behind a tongue
EDGE_DEPTH = 0.01  # inter-ocular distances that the lower lip's edge, where the mouth opens, lies behind the lip
NEAR_LIPS = 7  # pixels, twice the distance to the opening beyond which every other pixel of the curtain does
CURTAIN_HEIGHTS = (2.0, -3.0, 1000)  # canonical y, more than any curtain's, at which the socket's motion is tabulated
CURTAIN_STRETCH = 1.3  # of the curtain's samples, which the photo's own view shows and the socket backs
ARCH_ROUNDS, WIDEST_ARCH = 8, 0.28  # of meeting an arch along a ray; canonical |x| that arches bend up to


def shown_teeth(skin_height: NDArray[np.float32], face: FacePlacement, jaws: Jaws, shown: ShownMouth) -> Layer:
    """The photo's own teeth, and a little further under the lips: on the arch, each row bound to its jaw."""
    chosen = shown.upper | shown.lower
    y, x = np.nonzero(chosen)
    lowered = shown.lower[y, x]
    surface = np.zeros((*chosen.shape, 3), np.float32)
    u, surface[y, x] = _onto_arch(
        x + shown.left, y + shown.top, np.where(lowered[:, None], jaws.lower, jaws.upper),
        np.where(lowered, ARCH_FRONT_LOWER, ARCH_FRONT_UPPER), skin_height, 0.5 * LIP_CLEARANCE, face,
    )  # fmt: skip
    across, upward = surface_steps(surface, chosen)
    part = np.where(lowered, LOWER_TEETH, UPPER_TEETH).astype(np.uint8)
    return Layer(
        position=surface[y, x],
        across=across[y, x],
        upward=upward[y, x],
        colour=shown.teeth[y, x],
        coverage=np.ones(len(x), np.float32),
        u=u.astype(np.float32),
        part=part,
        neck_weight=np.ones(len(x), np.float32),
        expression_weight=(~np.isin(part, FIXED)).astype(np.float32),
        seen=shown.opening[y, x],
    )


def beside_teeth(
    skin_height: NDArray[np.float32], face: FacePlacement, mean: NDArray[np.floating], jaws: Jaws,
    shown: ShownMouth,
) -> Layer:  # fmt: skip
    """What the photo shows between lips and teeth, gums, gaps and edges of lips: above bound to the skull, below to the
    lip."""
    y, x = np.nonzero(shown.opening & ~shown.upper & ~shown.lower)
    frame = LipFrame(face)
    along, down = frame.locate(x + shown.left + 0.5, y + shown.top + 0.5)
    below = down > 0.5
    count = len(x)
    u, position = _onto_arch(
        x + shown.left, y + shown.top, np.broadcast_to(jaws.upper, (count, 3)),
        np.full(count, ARCH_FRONT_UPPER), skin_height, 0.5 * LIP_CLEARANCE, face,
    )  # fmt: skip
    row, column = y[below] + shown.top, x[below] + shown.left
    at_lip = skin_height[row, column] - EDGE_DEPTH * face.eye_distance
    position[below] = unproject(column + 0.5, row + 0.5, at_lip)
    part = np.where(below, LOWER_FACE, UPPER_GUMS).astype(np.uint8)
    on_lip = frame.on_lower_lip(along, mean).astype(np.float32)
    return Layer(
        position=position,
        across=UNITS_PER_PIXEL * np.tile(np.eye(3, dtype=np.float32)[0], (count, 1)),
        upward=UNITS_PER_PIXEL * np.tile(np.eye(3, dtype=np.float32)[1], (count, 1)),
        colour=shown.behind[y, x],
        coverage=np.ones(count, np.float32),
        u=np.where(below[:, None], clear_of_lip_line(on_lip, part, mean), u).astype(np.float32),
        part=part,
        neck_weight=np.ones(count, np.float32),
        expression_weight=below.astype(np.float32),
        seen=np.ones(count, bool),
    )


def curtain(skin_height: NDArray[np.float32], face: FacePlacement, jaws: Jaws, shown: ShownMouth) -> Layer:
    """What the photo shows behind the teeth, one sheet across the mouth and under the lips that stretches with the
    jaws like the socket. Where it shows nothing there, a shadow behind the tongue."""
    near = cv2.dilate(shown.opening.astype(np.uint8), np.ones((NEAR_LIPS, NEAR_LIPS), np.uint8)) > 0
    sparse = (shown.share > 0) & lattice(near.shape, 2)
    chosen = near | sparse
    y, x = np.nonzero(chosen)
    surface = np.zeros((*chosen.shape, 3), np.float32)
    room = np.zeros(len(x)) if shown.deep else shown.share[y, x] * ROOM_FOR_TONGUE
    placed, surface[y, x] = _onto_arch(
        x + shown.left, y + shown.top, np.broadcast_to(jaws.upper, (len(x), 3)),
        ARCH_FRONT_UPPER - DEPTH_OF_CURTAIN - room, skin_height, LIP_CLEARANCE, face,
    )  # fmt: skip
    heights = np.linspace(*CURTAIN_HEIGHTS)
    u = placed.copy()
    u[:, 1] = np.interp(-placed[:, 1], jaws.drop * share_below(heights) - heights, heights)
    u[:, 2] = socket_depth(u[:, 0], u[:, 1])
    across, upward = (
        np.where(near[..., None], fine, coarse)[y, x]
        for fine, coarse in zip(surface_steps(surface, near), surface_steps(surface, sparse, 2), strict=True)
    )
    return Layer(
        position=surface[y, x],
        across=across,
        upward=upward * np.float32(max(CURTAIN_STRETCH / jaws.stretch, 1.0)),
        colour=shown.behind[y, x] if shown.deep else np.broadcast_to(shown.shadow, (len(x), 3)).astype(np.float32),
        coverage=np.ones(len(x), np.float32),
        u=u.astype(np.float32),
        part=np.full(len(x), SOCKET, np.uint8),
        neck_weight=np.ones(len(x), np.float32),
        expression_weight=np.ones(len(x), np.float32),
        seen=(shown.opening & ~shown.upper & ~shown.lower & shown.deep)[y, x],
    )


def _onto_arch(
    column: NDArray[np.integer], row: NDArray[np.integer], offset: NDArray[np.floating], front: NDArray[np.floating],
    skin_height: NDArray[np.float32], clearance: float, face: FacePlacement,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:  # fmt: skip
    """What the canvas's pixels ``column``, ``row`` (N,) show on dental arches: coordinates u (N, 3) and head space.

    Args:
        offset: (N, 3) from u to the photo's canonical space; front: (N,) canonical z of the arches' middle.
        clearance: inter-ocular distances that they keep behind the skin.
    """
    x, y = column + 0.5, row + 0.5
    height = np.full(len(x), face.head[UPPER_LIP_INNER, 2] / UNITS_PER_PIXEL)
    towards = float(face.to_head.rotation[2, 2])
    for _ in range(ARCH_ROUNDS):  # steps of less than Newton's, which would not settle on an arch's steep sides
        u = face.to_head.invert(unproject(x, y, height)) - offset
        wanted = arch(np.clip(u[:, 0], -WIDEST_ARCH, WIDEST_ARCH), front)
        height = height + (wanted - u[:, 2]) * face.eye_distance * towards
    u = face.to_head.invert(unproject(x, y, height)) - offset
    u[:, 2] = arch(np.clip(u[:, 0], -WIDEST_ARCH, WIDEST_ARCH), front)
    height = np.minimum(height, skin_height[row, column] - clearance * face.eye_distance)
    return u, unproject(x, y, height).astype(np.float32)
