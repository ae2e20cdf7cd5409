"""What an open mouth shows in the photo, as Gaussians: teeth on their arches, and what lies behind or beside them.

In: what the photo shows between the lips (`ShownMouth`), `Jaws`. Out: `Layer`s, pixel by pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import UNITS_PER_PIXEL, unproject
from avatar_core.lift.layer import Layer, join, surface_steps
from avatar_core.lift.maps import lattice
from avatar_core.lift.mouth_jaws import LIP_CLEARANCE, Jaws, share_below
from avatar_core.lift.mouth_sheets import (
    ARCH_FRONT_LOWER,
    ARCH_FRONT_UPPER,
    FIXED,
    LOWER_GUMS,
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

DEPTH_OF_CURTAIN, THROAT_ROOM = 0.14, 0.31  # canonical units behind the teeth, and more where a made tongue lies
EDGE_DEPTH = 0.01  # inter-ocular distances that the rest of the lower lip's edge lies behind the lip
NEAR_LIPS = 7  # pixels, twice the distance to the opening beyond which every other pixel is enough for the curtain
CURTAIN_HEIGHTS = (2.0, -3.0, 1000)  # canonical y, more than any curtain's, at which the socket's motion is tabulated
CURTAIN_STRETCH = 1.3  # of the curtain's samples, which the photo's own view shows and the socket backs
ARCH_ROUNDS, WIDEST_ARCH = 8, 0.28  # of meeting an arch along a ray; canonical |x| that arches bend up to


def shown_teeth(skin_height: NDArray[np.float32], face: FacePlacement, jaws: Jaws, shown: ShownMouth) -> Layer:
    """The photo's own teeth, and a little further under the lips: on the arch, each row bound to its jaw.

    ``skin_height``: (S, S) height of the skin, canvas pixels.
    """
    rows, parts = (shown.upper, shown.lower), (UPPER_TEETH, LOWER_TEETH)
    return _on_arches(rows, parts, shown.teeth, skin_height, face, jaws, shown)


def beside_teeth(
    skin_height: NDArray[np.float32], face: FacePlacement, mean: NDArray[np.floating], jaws: Jaws, shown: ShownMouth
) -> Layer:
    """What the photo shows between the lips beside teeth, where it shows nothing behind them: gums and gaps, bound to
    the row of teeth at which they lie, and what lies at the lower lip below all teeth, bound to the lip.

    Args:
        skin_height: (S, S) height of the skin, canvas pixels; mean: (478, 3) the mean face.
    """
    tooth, lower = (shown.upper | shown.lower) & shown.opening, shown.lower & shown.opening
    gap = shown.opening & ~tooth
    at_lip = gap & ~_somewhere_below(tooth) & _in_lower_half(shown, face)
    at_lower_teeth = gap & ~at_lip & _somewhere_above(lower)
    rows, parts = (gap & ~at_lip & ~at_lower_teeth, at_lower_teeth), (UPPER_GUMS, LOWER_GUMS)
    gums = _on_arches(rows, parts, shown.behind, skin_height, face, jaws, shown)
    return join([gums, _lip_edge(skin_height, face, mean, at_lip, shown)])


def _somewhere_above(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(H, W) at or below any of ``mask`` in the same column."""
    return np.logical_or.accumulate(mask, axis=0)


def _somewhere_below(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(H, W) at or above any of ``mask`` in the same column."""
    return np.logical_or.accumulate(mask[::-1], axis=0)[::-1]


def _in_lower_half(shown: ShownMouth, face: FacePlacement) -> NDArray[np.bool_]:
    """(H, W) nearer to the lower lip than to the upper one."""
    y, x = np.indices(shown.opening.shape)
    _, down = LipFrame(face).locate(x.ravel() + shown.left + 0.5, y.ravel() + shown.top + 0.5)
    return (down > 0.5).reshape(shown.opening.shape)


def _on_arches(
    rows: tuple[NDArray[np.bool_], NDArray[np.bool_]], parts: tuple[int, int], colour: NDArray[np.float32],
    skin_height: NDArray[np.float32], face: FacePlacement, jaws: Jaws, shown: ShownMouth,
) -> Layer:  # fmt: skip
    """Pixels of the window, the upper and the lower of two ``rows`` (H, W), on the dental arches, each bound to its jaw
    as one of ``parts``; ``colour`` (H, W, 3)."""
    chosen = rows[0] | rows[1]
    y, x = np.nonzero(chosen)
    lowered = rows[1][y, x]
    surface = np.zeros((*chosen.shape, 3), np.float32)
    u, surface[y, x] = _onto_arch(
        x + shown.left, y + shown.top, np.where(lowered[:, None], jaws.lower, jaws.upper),
        np.where(lowered, ARCH_FRONT_LOWER, ARCH_FRONT_UPPER), skin_height, 0.5 * LIP_CLEARANCE, face,
    )  # fmt: skip
    across, upward = surface_steps(surface, chosen)
    part = np.where(lowered, parts[1], parts[0]).astype(np.uint8)
    return Layer(
        position=surface[y, x],
        across=across[y, x],
        upward=upward[y, x],
        colour=colour[y, x],
        coverage=np.ones(len(x), np.float32),
        u=u.astype(np.float32),
        part=part,
        neck_weight=np.ones(len(x), np.float32),
        expression_weight=(~np.isin(part, FIXED)).astype(np.float32),
        seen=shown.opening[y, x],
    )


def _lip_edge(
    skin_height: NDArray[np.float32], face: FacePlacement, mean: NDArray[np.floating], chosen: NDArray[np.bool_],
    shown: ShownMouth,
) -> Layer:  # fmt: skip
    """The photo's pixels ``chosen`` (H, W) of the window as the lower lip's edge, which landmarks miss by little."""
    y, x = np.nonzero(chosen)
    count, row, column = len(x), y + shown.top, x + shown.left
    height = skin_height[row, column] - EDGE_DEPTH * face.eye_distance
    frame = LipFrame(face)
    along, _ = frame.locate(column + 0.5, row + 0.5)
    part = np.full(count, LOWER_FACE, np.uint8)
    facing = UNITS_PER_PIXEL * np.eye(3, dtype=np.float32)
    return Layer(
        position=unproject(column + 0.5, row + 0.5, height).astype(np.float32),
        across=np.tile(facing[0], (count, 1)),
        upward=np.tile(facing[1], (count, 1)),
        colour=shown.behind[y, x],
        coverage=np.ones(count, np.float32),
        u=clear_of_lip_line(frame.on_lower_lip(along, mean).astype(np.float32), part, mean),
        part=part,
        neck_weight=np.ones(count, np.float32),
        expression_weight=np.ones(count, np.float32),
        seen=np.ones(count, bool),
    )


def curtain(
    skin_height: NDArray[np.float32], face: FacePlacement, jaws: Jaws, shown: ShownMouth, shadow: NDArray[np.floating]
) -> Layer:
    """What the photo shows behind the teeth, one sheet across the mouth and under the lips that stretches with the
    jaws like the socket. Unless the photo tells the inside, all of it has the colour ``shadow`` (3,) in [0, 1], the
    dark at the end of the made tongue.

    ``skin_height``: (S, S) height of the skin, canvas pixels.
    """
    near = cv2.dilate(shown.opening.astype(np.uint8), np.ones((NEAR_LIPS, NEAR_LIPS), np.uint8)) > 0
    sparse = (shown.share > 0) & lattice(near.shape, 2)
    chosen = near | sparse
    y, x = np.nonzero(chosen)
    surface = np.zeros((*chosen.shape, 3), np.float32)
    room = np.zeros(len(x)) if shown.tells_inside else shown.share[y, x] * THROAT_ROOM
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
        colour=shown.behind[y, x] if shown.tells_inside else np.broadcast_to(shadow, (len(x), 3)).astype(np.float32),
        coverage=np.ones(len(x), np.float32),
        u=u.astype(np.float32),
        part=np.full(len(x), SOCKET, np.uint8),
        neck_weight=np.ones(len(x), np.float32),
        expression_weight=np.ones(len(x), np.float32),
        seen=(shown.opening & ~shown.upper & ~shown.lower & shown.tells_inside)[y, x],
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
