"""The lips' inner lining: a sheet from the line where they meet back to the mouth's socket.

Protruding or parting lips would otherwise leave a gap at the side, through which a turned view looks past the socket.
It is hung on the lips (it carries their u) and follows them the less the farther back it lies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import UNITS_PER_PIXEL, project
from avatar_core.lift.layer import Layer, join
from avatar_core.lift.pose import FacePlacement
from avatar_core.lift.stretch import clear_of_lip_line
from avatar_core.models.anatomy import LOWER_FACE, UPPER_FACE
from avatar_core.tracking.topology import INNER_LIPS, OUTER_LIPS

STEP = 2.4  # canvas pixels between samples
FOLLOWS_UPPER, FOLLOWS_LOWER = 0.0, 0.5  # share of the lips' motion at the socket
SHADE = 0.6  # of the lips' colour, just inside
ROOM, ROOM_FROM = 0.25, 0.25
"""Inter-ocular distances that it keeps behind what the photo shows between the lips, and from what share of the way."""
UNDER_LIP = 0.012  # inter-ocular distances off the opening and backwards at which it begins, between the corners
CORNER_STEEPNESS = 4.0  # how soon beside the corners it does so fully
EDGE_POINTS = len(INNER_LIPS) // 2 + 1


def lip_lining(
    picture: NDArray[np.float32],
    face: FacePlacement,
    mean: NDArray[np.floating],
    rim: NDArray[np.floating],
    deepest: NDArray[np.floating],
) -> Layer:
    """Both lips' lining.

    Args:
        picture: (S, S, 3) the photo in [0, 1].
        mean: (478, 3) the mean face.
        rim: (2, `EDGE_POINTS`, 3) canonical points of the socket's rim, its upper and its lower half, each from the
            right corner to the left.
        deepest: (3,) colour of the socket.
    """
    x, y = face.landmarks[list(OUTER_LIPS), :2].astype(int).clip(0, len(picture) - 1).T
    near = SHADE * np.median(picture[y, x], axis=0)
    upper = (INNER_LIPS[:EDGE_POINTS], UPPER_FACE, FOLLOWS_UPPER)
    lower = ((INNER_LIPS[0], *INNER_LIPS[: EDGE_POINTS - 2 : -1]), LOWER_FACE, FOLLOWS_LOWER)
    return join(
        [
            _strip(face, mean, list(ring), part, end, follows, near, np.asarray(deepest))
            for (ring, part, follows), end in zip((upper, lower), rim, strict=True)
        ]
    )


def _strip(
    face: FacePlacement, mean: NDArray[np.floating], ring: list[int], part: int, end: NDArray[np.floating],
    follows: float, near: NDArray[np.floating], deepest: NDArray[np.floating],
) -> Layer:  # fmt: skip
    """One lip's lining, a ruled sheet from the lip's edge ``ring`` to the rim's points ``end``."""
    edge = face.canonical[ring]
    edge = edge + UNDER_LIP * _off_opening(edge, 1.0 if part == UPPER_FACE else -1.0)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(edge, axis=0), axis=1))])
    columns = max(int(length[-1] * face.eye_distance / STEP), 2)
    even = np.linspace(0, length[-1], columns)
    edge, u_edge, end = (
        np.stack([np.interp(even, length, values[:, axis]) for axis in range(3)], axis=-1)
        for values in (edge, np.asarray(mean)[ring], end)
    )
    rows = max(int(np.linalg.norm(end - edge, axis=1).max() * face.eye_distance / STEP), 2)
    depth = np.linspace(0, 1, rows)[:, None, None]
    position = face.to_head.apply(edge + depth * (end - edge)).astype(np.float32)
    cells = np.clip(project(position.reshape(-1, 3))[:, :2].astype(int), 0, len(face.mouth) - 1)
    in_sight = face.mouth[cells[:, 1], cells[:, 0]].reshape(rows, columns)
    room = np.float32(ROOM * face.eye_distance * UNITS_PER_PIXEL)
    position[..., 2] -= room * in_sight * np.minimum(depth[..., 0] / ROOM_FROM, 1)
    count = rows * columns
    parts = np.full(count, part, np.uint8)
    u = np.broadcast_to(u_edge, position.shape).reshape(count, 3).astype(np.float32)
    return Layer(
        position=position.reshape(count, 3),
        across=np.gradient(position, axis=1).reshape(count, 3),
        upward=np.gradient(position, axis=0).reshape(count, 3),
        colour=(near + depth * (deepest - near)).repeat(columns, axis=1).reshape(count, 3).astype(np.float32),
        coverage=np.ones(count, np.float32),
        u=clear_of_lip_line(u, parts, mean),
        part=parts,
        neck_weight=np.ones(count, np.float32),
        expression_weight=(1 + depth[:, 0, 0] * (follows - 1)).repeat(columns).astype(np.float32),
        seen=np.zeros(count, bool),
    )


def _off_opening(edge: NDArray[np.floating], side: float) -> NDArray[np.float64]:
    """Unit steps (N, 3) from a lip's edge (N, 3), which runs from corner to corner, into the lip and backwards; none
    at the corners.

    Args:
        side: 1 for the upper lip, -1 for the lower one.
    """
    along = np.gradient(edge[:, :2], axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    steps = np.stack([-side * along[:, 1], side * along[:, 0], np.full(len(edge), -1.0)], axis=-1)
    between = np.clip(CORNER_STEEPNESS * np.sin(np.linspace(0, np.pi, len(edge))), 0, 1)
    return np.asarray(steps * between[:, None])
