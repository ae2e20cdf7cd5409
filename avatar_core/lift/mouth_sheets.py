"""The shapes behind the lips, as parametric sheets on the mean face, where the motion networks expect them.

Teeth stand in arches behind the lips, upper edges at the lip line. Out: `Sheet`s, colours as under neutral light.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from avatar_core.avatar import PART_NAMES

UPPER_GUMS, LOWER_GUMS, TONGUE, SOCKET, UPPER_TEETH, LOWER_TEETH = (
    PART_NAMES.index(name)
    for name in ("upper_gums", "lower_gums", "tongue", "mouth_socket", "upper_teeth", "lower_teeth")
)
FIXED = (UPPER_GUMS, UPPER_TEETH)  # to the skull: no expression moves them

UPPER_EDGE, LOWER_EDGE = -0.740, -0.745
"""Canonical y of the biting edges: the lower ones stand as deep behind the lip as open mouths show them."""
ARCH_FRONT_UPPER, ARCH_FRONT_LOWER = 0.246, 0.222  # canonical z of the front teeth
GUM_TOP, GUM_BOTTOM = -0.46, -0.93
TOOTH_BORDERS = np.array([0.0, 0.090, 0.160, 0.240, 0.315, 0.385])
"""Arc length from the midline to the borders between teeth: incisors, canine, premolars (8.5, 6.5, 7.5, 7, 7 mm)."""
CROWN_HEIGHTS = np.array([0.112, 0.100, 0.108, 0.094, 0.088])
EDGE_RISES = np.array([0.0, 0.008, 0.002, 0.012, 0.018])
TONGUE_TIP, TONGUE_RISE, TONGUE_RISEN = (-0.768, 0.185), 0.112, 0.62
"""Canonical y and z of the tongue's tip, how far it rises behind, and where in its length it has."""
TONGUE_LENGTH, TONGUE_FRONT = 0.66, 0.14  # canonical units; and how much of that its front goes down
TONGUE_NARROWEST, TONGUE_WIDEST = 0.10, 0.215  # canonical units to both sides
LOWER_TOOTH_SCALE, LOWER_TEETH_SHADE = 0.82, 0.93
ENAMEL, GUM_COLOUR, TONGUE_COLOUR, SOCKET_COLOUR = (
    np.array(rgb) for rgb in ((0.90, 0.84, 0.75), (0.74, 0.45, 0.43), (0.80, 0.43, 0.42), (0.25, 0.10, 0.095))
)
SOCKET_CENTRE, SOCKET_RADII = (0.0, -0.69), (0.54, 0.28)
SOCKET_FRONT, SOCKET_DEPTH = 0.10, 0.60
SOCKET_RIM = 0.3  # of the bowl's depth: the rest would come out through an opening cheek
SHEET_STEP = 0.008  # canonical units between samples


class Sheet(NamedTuple):
    """Args:
    u: (H, W, 3) canonical points on the mean face; rows go down, columns to the image's right.
    colour: (H, W, 3) in [0, 1].
    kept: (H, W) which of the grid's points are the shape.
    """

    u: NDArray[np.float64]
    colour: NDArray[np.float64]
    kept: NDArray[np.bool_]


def arch(x: NDArray[np.floating], front: float | NDArray[np.floating]) -> NDArray[np.float64]:
    """Canonical z of a dental arch at ``x``."""
    return np.asarray(front - 2.2 * x**2 - 16.0 * x**4)


def _arch_grid(front: float, half_width: float, low: float, high: float) -> tuple[NDArray[np.float64], ...]:
    """Grid on the arch with rows from ``high`` to ``low``: arc length from the midline, u (H, W, 3)."""
    x = np.arange(-half_width, half_width + SHEET_STEP, SHEET_STEP)
    z = arch(x, front)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    length -= np.interp(0.0, x, length)
    even = np.arange(length[0], length[-1], SHEET_STEP)
    x = np.interp(even, length, x)
    y = np.arange(high, low, -SHEET_STEP)
    grid_x, grid_y = np.meshgrid(x, y)
    return np.abs(np.broadcast_to(even, grid_x.shape)), np.stack([grid_x, grid_y, arch(grid_x, front)], -1)


def teeth(*, upper: bool) -> Sheet:
    """Crowns, each with rounded corners and darker borders."""
    if upper:
        arc, u = _arch_grid(ARCH_FRONT_UPPER, 0.27, UPPER_EDGE - 0.01, -0.55)
        from_edge, size = u[..., 1] - UPPER_EDGE, 1.0
    else:
        arc, u = _arch_grid(ARCH_FRONT_LOWER, 0.25, LOWER_EDGE - 0.118, LOWER_EDGE + 0.01)
        from_edge, size = LOWER_EDGE - u[..., 1], LOWER_TOOTH_SCALE
    arc = arc / size
    tooth = np.clip(np.searchsorted(TOOTH_BORDERS, arc, side="right") - 1, 0, len(CROWN_HEIGHTS) - 1)
    start, end = TOOTH_BORDERS[tooth], TOOTH_BORDERS[tooth + 1]
    across = 2 * np.abs((arc - start) / (end - start) - 0.5)
    from_edge = from_edge - 0.010 * across**4 - EDGE_RISES[tooth]
    height = CROWN_HEIGHTS[tooth] * (1.0 if upper else 0.85) - 0.03 * across**2
    kept = (from_edge > 0) & (from_edge < height) & (arc < TOOTH_BORDERS[-1])
    border = 1 - 0.22 * across**8
    inward = 1 - 0.78 * np.clip(arc / 0.42, 0, 1) ** 2
    vertical = 1.0 - 0.22 * np.clip(from_edge / height, 0, 1)
    shade = np.clip(border * inward * vertical, 0, 1) * (1.0 if upper else LOWER_TEETH_SHADE)
    return Sheet(u, ENAMEL ** (1 + 0.6 * (1 - shade[..., None])) * shade[..., None], kept)


def gums(*, upper: bool) -> Sheet:
    """Gums just behind the crowns, as far as the lips can bare them."""
    if upper:
        arc, u = _arch_grid(ARCH_FRONT_UPPER - 0.012, 0.28, -0.66, GUM_TOP)
    else:
        arc, u = _arch_grid(ARCH_FRONT_LOWER - 0.012, 0.26, GUM_BOTTOM, LOWER_EDGE - 0.028)
    shade = 0.95 * (1 - 0.7 * np.clip(arc / 0.42, 0, 1) ** 2)
    return Sheet(u, GUM_COLOUR * shade[..., None], np.ones(arc.shape, bool))


def tongue() -> Sheet:
    """The tongue: its upper side, within the arch of the lower teeth and rising to the back, and its front below."""
    step = 1.2 * SHEET_STEP
    along, side = np.meshgrid(
        np.arange(-TONGUE_FRONT, 1, step / TONGUE_LENGTH), np.arange(-1, 1, step / TONGUE_WIDEST), indexing="ij"
    )
    along = along[::-1]
    top, front = np.clip(along, 0, 1), np.minimum(along, 0)
    z = TONGUE_TIP[1] - TONGUE_LENGTH * top + 0.15 * front
    across = np.linspace(0.26, 0, 200)
    half_width = np.interp(z + 0.02, arch(across, ARCH_FRONT_LOWER), across).clip(TONGUE_NARROWEST, TONGUE_WIDEST)
    rise = np.sin(np.clip(top / TONGUE_RISEN, 0, 1) * np.pi / 2)
    y = TONGUE_TIP[0] + TONGUE_RISE * rise - 0.045 * side**2 * (1 - 0.5 * rise) + 0.7 * front
    groove = 1 - 0.15 * np.exp(-((side / 0.1) ** 2)) * np.clip(top / 0.15, 0, 1)
    into_shade = 1 - 0.8 * np.clip(top / TONGUE_RISEN, 0, 1) ** 0.8
    shade = (1 - 0.25 * side**2) * into_shade * groove * (1 + 2.5 * front)
    return Sheet(
        np.stack([side * half_width, y, z], -1), TONGUE_COLOUR * shade[..., None], np.ones(shade.shape, np.bool_)
    )


def socket(rows: NDArray[np.floating], step: float) -> Sheet:
    """A dark bowl that closes the mouth at the back and the sides, at the heights ``rows`` (H,), from above."""
    x, y = np.meshgrid(np.arange(-0.53, 0.53, step), rows)
    bowl = _bowl(x, y)
    u = np.stack([x, y, socket_depth(x, y)], -1)
    return Sheet(u, SOCKET_COLOUR * (1.0 - 0.65 * bowl)[..., None], bowl > SOCKET_RIM)


def socket_depth(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
    """Canonical z of the socket at ``x``, ``y``."""
    return SOCKET_FRONT - SOCKET_DEPTH * _bowl(x, y)


def _bowl(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
    """How deep the bowl is, in [0, 1]."""
    (middle_x, middle_y), (half_width, half_height) = SOCKET_CENTRE, SOCKET_RADII
    bowl = np.sqrt(np.clip(1 - ((x - middle_x) / half_width) ** 2, 0, 1))
    return np.asarray(bowl * np.sqrt(np.clip(1 - ((y - middle_y) / half_height) ** 2, 0, 1)))
