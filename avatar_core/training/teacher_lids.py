"""Lids that close exactly: the upper margin meets the lower one at full blink, never crosses it, never enters the eye.

In: the mapped teacher (`TeacherGeometry`). Out: `LidModel`:
- a corrective to add to the two blink shapes, so that at full blink the margins meet (a linear field on vertices);
- for any expression, a lift of the upper lid wherever the margins would cross (combined blink, look down, squint);
- a push of lid skin out of the eyeball.

Margins are pairs: every vertex of the upper margin with the point of the lower margin that lies at the same place along
the eye when it is open. Canonical units. Design notes: "blinks need a corrective so that the lid rings meet".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from avatar_core.models.anatomy import EYEBALL_CENTRES, EYEBALL_RADIUS
from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.training.teacher_geometry import SKIN, TeacherGeometry

_RIGHT_UPPER = (
    1507, 1546, 1545, 1933, 1544, 1543, 1542, 1541, 1540, 1962, 1990, 1538, 1930, 1537, 1536, 1535, 1534, 1533, 1532,
    1531, 1530, 1529, 1528,
)  # fmt: skip
_RIGHT_LOWER = (1507, 2243, 1623, *range(1508, 1528), 2234, 1528)
_LEFT_UPPER = (
    3721, 3760, 3759, 4133, 3758, 3757, 3756, 3755, 3754, 4162, 4190, 3752, 4130, 3751, 3750, 3749, 3748, 3747, 3746,
    3745, 3744, 3743, 3742,
)  # fmt: skip
_LEFT_LOWER = (3721, 4434, 3832, *range(3722, 3742), 4425, 3742)
UPPER_MARGINS = (_RIGHT_UPPER, _LEFT_UPPER)
LOWER_MARGINS = (_RIGHT_LOWER, _LEFT_LOWER)
"""Vertices of the lid margins of the ICT mesh from the outer to the inner corner; row 0 the subject's right eye."""
BLINKS = (ACTIVATION_NAMES.index("eyeBlink_R"), ACTIVATION_NAMES.index("eyeBlink_L"))

OVERLAP = 0.006
"""How far the closed upper margin lies over the lower one, inter-ocular distances: no slit between the Gaussians."""
CLEARANCE = 0.005
"""Thickness of a lid: its skin stays this far outside the eyeball."""
REACH = (0.05, 0.12)
"""Distances from the upper margin between which the corrective fades out."""


def smoothstep(x: NDArray[np.floating], low: float, high: float) -> NDArray[np.float64]:
    """Cubic step from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


@dataclass(frozen=True)
class LidModel:
    """Upper-lid geometry of both eyes (row 0 right), for vertices and, by interpolation, for any surface sample.

    Args:
        corrective: (2, V, 3) to be added to the blink shapes.
        weight: (2, V) how far a vertex follows the upper margin's lift, 0..1.
        near: (V,) bool, skin that is kept outside the eyeballs.
        pair_upper: (2, M) vertices of the upper margin; pair_lower: (2, M, 2) and pair_share: (2, M): the lower
            margin's point between two vertices that faces each.
    """

    corrective: NDArray[np.float64]
    weight: NDArray[np.float64]
    near: NDArray[np.bool_]
    pair_upper: NDArray[np.int64]
    pair_lower: NDArray[np.int64]
    pair_share: NDArray[np.float64]

    def gaps(self, displacement: NDArray[np.floating], vertices: NDArray[np.floating]) -> NDArray[np.float64]:
        """Vertical aperture (..., 2, M) of vertex displacements (..., V, 3): upper margin less lower margin."""
        height = vertices[:, 1] + displacement[..., 1]
        lower = height[..., self.pair_lower]
        facing = lower[..., 0] * (1 - self.pair_share) + lower[..., 1] * self.pair_share
        return height[..., self.pair_upper] - facing


def _pairs(geometry: TeacherGeometry) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Each upper-margin vertex and the segment of the lower margin at the same x, with the share along it."""
    lowers, shares = [], []
    for upper, lower in zip(UPPER_MARGINS, LOWER_MARGINS, strict=True):
        lower_x = np.abs(geometry.vertices[list(lower), 0])  # decreasing from the outer to the inner corner
        order = np.argsort(lower_x)
        place = np.interp(np.abs(geometry.vertices[list(upper), 0]), lower_x[order], np.arange(len(lower)))
        first = np.clip(place.astype(int), 0, len(lower) - 2)
        sorted_lower = np.array(lower)[order]
        lowers.append(np.stack([sorted_lower[first], sorted_lower[first + 1]], axis=-1))
        shares.append(place - first)
    return np.array(UPPER_MARGINS), np.array(lowers), np.array(shares)


def build_lids(geometry: TeacherGeometry) -> LidModel:
    """Measure the teacher's lids and derive the corrective that closes them."""
    pair_upper, pair_lower, pair_share = _pairs(geometry)
    skin = geometry.vertices[SKIN]
    count = len(geometry.vertices)
    corrective, weight = np.zeros((2, count, 3)), np.zeros((2, count))
    for eye, blink in enumerate(BLINKS):
        moved = np.linalg.norm(geometry.shapes[blink, SKIN], axis=1)
        to_upper, nearest = cKDTree(skin[pair_upper[eye]]).query(skin)
        to_lower = cKDTree(skin[list(LOWER_MARGINS[eye])]).query(skin)[0]
        reference = np.maximum(moved[pair_upper[eye]][nearest], 1.5 * geometry.centimetre * 0.1)
        follows = np.clip(moved / reference, 0, 1) * (1 - smoothstep(to_upper, *REACH))
        weight[eye, SKIN] = follows * (to_upper <= to_lower + 0.002)
        closed = geometry.vertices + geometry.shapes[blink]
        lower = closed[pair_lower[eye]]
        facing = lower[:, 0] + (lower[:, 1] - lower[:, 0]) * pair_share[eye][:, None]
        missing = facing - closed[pair_upper[eye]]
        along = np.linspace(0, 1, len(missing))
        missing[:, 1] -= OVERLAP * np.clip(4 * np.minimum(along, 1 - along), 0, 1)
        missing[:, 0] = 0
        corrective[eye, SKIN] = missing[nearest] * weight[eye, SKIN][:, None]
    near = np.zeros(count, bool)
    ring = skin[np.concatenate([pair_upper.ravel(), *map(list, LOWER_MARGINS)])]
    near[SKIN] = cKDTree(ring).query(skin)[0] < REACH[1]
    return LidModel(corrective, weight, near, pair_upper, pair_lower, pair_share)


def push_out_of_eyeball(points: Tensor, eye: Tensor) -> Tensor:
    """Lid points (..., P, 3) moved radially to the lid's clearance where they lie inside their eyeball's front.

    Args:
        points: canonical positions.
        eye: (P,) 0 for the right eye, 1 for the left.
    """
    centre = torch.as_tensor(EYEBALL_CENTRES, dtype=points.dtype)[eye]
    offset = points - centre
    distance = offset.norm(dim=-1, keepdim=True)
    least = EYEBALL_RADIUS + CLEARANCE
    inside = (distance < least) & (offset[..., 2:] > 0)
    return torch.where(inside, centre + offset * (least / distance), points)
