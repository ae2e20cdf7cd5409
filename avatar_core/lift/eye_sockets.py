"""What lies round and behind an eyeball: its socket goes on where a turned eye or a view from the side uncovers it.

In: samples of an eyeball and where it is. Out: `Layer`s.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.avatar import PART_NAMES
from avatar_core.lift.canvas import UNITS_PER_PIXEL, unproject
from avatar_core.lift.layer import Layer
from avatar_core.lift.maps import lattice, smoothstep
from avatar_core.lift.mesh import CLOSED_TRIANGLES
from avatar_core.lift.pose import FacePlacement
from avatar_core.lift.shield import behind_cheeks
from avatar_core.models.anatomy import EYEBALL_RADIUS, UPPER_FACE

BALL_SHARE = 0.86  # of the radius: beyond it the sphere turns away so steeply that the socket takes over
SOCKET_SLOPE = 0.4
UNCOVERED = 0.45  # of the radius: from there outwards the border of an eyeball turned by 0.5 uncovers the socket
SPARSE = 4  # steps between the socket's samples behind the eyeball
SPARSE_SOCKET = 2  # steps between its samples under the lids
BEHIND_BALL = 0.05  # inter-ocular distances that the socket lies behind the eyeball there, at most
BACKING_REACH, BACKING_STEP = 0.22, 3.0  # inter-ocular distances beyond the opening; pixels
BACKING_DEPTH, BACKING_SPAN = (0.07, 0.012), 9
"""Inter-ocular distances under skin and eyeball, and under the skin alone at the bowl's edge; the skin counts where it
is lowest within so many pixels."""
CLOSING_FROM = 0.55  # of the bowl's radius: from there outwards it comes up to the skin
BACKING_SHADE = 0.75
EYE_SOCKET = PART_NAMES.index("eye_socket")


def ball_height(
    x: NDArray[np.floating] | float, y: NDArray[np.floating] | float, middle: NDArray[np.floating], radius: float
) -> NDArray[np.float32]:
    """Height of the sphere's front; past `BALL_SHARE` of its radius a cone goes on at `SOCKET_SLOPE`."""
    off_axis = np.hypot(x - middle[0], y - middle[1])
    edge = BALL_SHARE * radius
    front = np.sqrt(np.maximum(radius**2 - np.minimum(off_axis, edge) ** 2, 0))
    return np.asarray(middle[2] + front - SOCKET_SLOPE * np.maximum(off_axis - edge, 0), np.float32)


def sampled(values: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map at pixel indices x, y (H, W), bilinear."""
    return np.asarray(cv2.remap(values, x, y, cv2.INTER_LINEAR), np.float32)


def uncovered_by_turning(off_axis: NDArray[np.floating], radius: float) -> NDArray[np.bool_]:
    """Which samples (H, W) at distances ``off_axis`` from the eye's axis the socket is continued behind, every
    `SPARSE`-th both ways."""
    return lattice(off_axis.shape, SPARSE) & (off_axis > UNCOVERED * radius)


def socket_behind(
    ball: Layer, deeper: NDArray[np.floating], white: NDArray[np.float32], u: NDArray[np.floating]
) -> Layer:
    """The socket goes on behind the samples (N) of the eyeball's border, which a turned eyeball uncovers; ``deeper``
    (N,) by so many pixels, ``white`` (N, 3), at ``u`` (N, 3)."""
    position = ball.position.copy()
    position[:, 2] -= (deeper * UNITS_PER_PIXEL).astype(np.float32)
    return replace(
        ball,
        position=position,
        across=SPARSE * ball.across,
        upward=SPARSE * ball.upward,
        colour=white,
        u=u.astype(np.float32),
        part=np.full(len(ball), EYE_SOCKET, np.uint8),
        seen=np.zeros(len(ball), bool),
    )


def coarser(layer: Layer, chosen: NDArray[np.bool_], shape: tuple[int, ...]) -> Layer:
    """Of the samples ``chosen`` (N,) of a sheet cut on a grid of ``shape``, every `SPARSE_SOCKET`-th both ways."""
    picked = layer.take(chosen & lattice(shape, SPARSE_SOCKET).reshape(-1))
    return replace(picked, across=SPARSE_SOCKET * picked.across, upward=SPARSE_SOCKET * picked.upward)


def backing(
    outline: NDArray[np.floating], middle: NDArray[np.floating], colour: NDArray[np.float32],
    skin_height: NDArray[np.float32], face: FacePlacement, mean: NDArray[np.floating],
) -> Layer:  # fmt: skip
    """A bowl of one ``colour`` (3,) behind the eyeball at ``middle`` (3,) and the skin round its opening: turned views
    must not see through its corners. Views past the face's outline see none of it.

    Its edge follows the skin over it (a brow that rises would leave it sticking out), its middle the skull.
    """
    unit = face.eye_distance
    low, high = (np.asarray(edge, np.float32) for edge in (outline.min(0), outline.max(0)))
    margin = np.float32(BACKING_REACH * unit)
    x, y = (np.arange(low[i] - margin, high[i] + margin, BACKING_STEP, dtype=np.float32) for i in range(2))
    x, y = np.meshgrid(x, y)
    radii = (high - low) / 2 + margin
    centre = (low + high) / 2
    outwards = np.hypot((x - centre[0]) / radii[0], (y - centre[1]) / radii[1])
    inside = outwards < 1
    brush = np.ones((BACKING_SPAN, BACKING_SPAN), np.uint8)
    lowest = np.asarray(cv2.erode(skin_height, brush), np.float32)
    skin = sampled(lowest, x - np.float32(0.5), y - np.float32(0.5))
    ball = ball_height(x, y, middle, EYEBALL_RADIUS * unit)
    deep, shallow = (np.float32(depth * unit) for depth in BACKING_DEPTH)
    closing = smoothstep((outwards - CLOSING_FROM) / (1 - CLOSING_FROM))
    bottom = np.minimum(skin, ball) - deep
    position = unproject(x, y, bottom + closing * (skin - shallow - bottom))
    inside &= behind_cheeks(position.reshape(-1, 3), skin_height, face).reshape(inside.shape)
    across, upward = np.gradient(position, axis=1)[inside], -np.gradient(position, axis=0)[inside]
    position, column, row = position[inside], x[inside].astype(int), y[inside].astype(int)
    count = len(position)
    corners = np.asarray(mean)[CLOSED_TRIANGLES[face.mesh.triangle[row, column]]]
    return Layer(
        position=position,
        across=across,
        upward=upward,
        colour=np.broadcast_to(colour, (count, 3)),
        coverage=np.ones(count, np.float32),
        u=(corners * face.mesh.weights[row, column][..., None]).sum(1).astype(np.float32),
        part=np.full(count, UPPER_FACE, np.uint8),
        neck_weight=np.ones(count, np.float32),
        expression_weight=closing[inside],
        seen=np.zeros(count, bool),
    )
