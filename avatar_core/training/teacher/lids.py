"""Lids that close: a corrective per person that makes the margins meet, skin kept outside the eyeball, lid colour.

Row 0 of anything per eye is the subject's right eye.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from avatar_core.training.teacher.colours import SkinColours, fill, to_vertices
from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher.regions import step
from avatar_core.training.teacher_geometry import SKIN
from avatar_core.training.teacher_lids import BLINKS, LOWER_MARGINS, UPPER_MARGINS

CLEARANCE = 0.05  # cm between the eyeball and the skin over it
OVERLAP = 0.04  # cm by which the closed upper margin lies below the lower one
SIDEWAYS = 0.3  # share of the margins' sideways mismatch that is corrected
LID_TONE = np.array([0.95, 0.89, 0.88])
"""Lid skin over the skin round the eye: thin, a little darker and redder."""
LID_REACH = 1.0  # cm from a margin within which skin is kept off the eyeball


@dataclass(frozen=True)
class LidColours:
    """rows (k,) of the skin samples, eye (k,) 0 right 1 left, weight (k,) in [0, 1], closed (k, 3) colour when shut;
    vertex (11248, 3) the closed colour of the layer below the skin."""

    rows: NDArray[np.int64]
    eye: NDArray[np.int64]
    weight: NDArray[np.float32]
    closed: NDArray[np.float32]
    vertex: NDArray[np.float32]


def closing(model: TeacherModel, base: NDArray[np.float32]) -> NDArray[np.float32]:
    """(2, 11248, 3) what to add to the skin at full blink so that the margins of ``base`` (V, 3) meet."""
    result = np.zeros((2, SKIN.stop, 3), np.float32)
    skin = model.neutral[SKIN]
    for eye, blink in enumerate(BLINKS):
        upper, lower = np.array(UPPER_MARGINS[eye]), np.array(LOWER_MARGINS[eye])
        shut = base + model.expression[blink]
        along = _arc(shut[upper])
        missing = np.stack([np.interp(along, _arc(shut[lower]), shut[lower, c]) for c in range(3)], 1) - shut[upper]
        missing[:, 0] *= SIDEWAYS
        missing[:, 1] -= OVERLAP * np.sin(np.pi * along)
        moved = np.linalg.norm(model.expression[blink, SKIN], axis=1)
        distance, nearest = cKDTree(skin[upper]).query(skin)
        follows = np.clip(moved / np.maximum(moved[upper][nearest], 0.15), 0, 1) * (1 - step(distance, 0.5, 1.2))
        follows *= distance <= cKDTree(skin[lower]).query(skin)[0] + 0.02
        result[eye] = missing[nearest] * follows[:, None]
    return result


def _arc(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N,) share of the length along a line of points (N, 3)."""
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]
    return length / length[-1]


def keep_off_eyeballs(model: TeacherModel, vertices: NDArray[np.float32], centres: NDArray[np.float64]) -> None:
    """Move lid skin of ``vertices`` (V, 3), in place, out of the eyeballs' fronts; ``centres`` (2, 3)."""
    near = np.flatnonzero(model.regions.to_lids < LID_REACH)
    least = model.eye_radius + CLEARANCE
    for eye in range(2):
        rows = near[(model.neutral[near, 0] > 0) == (eye == 1)]
        away = vertices[rows] - centres[eye]
        distance = np.linalg.norm(away, axis=1)
        inside = (distance < least) & (away[:, 2] > 0)
        vertices[rows[inside]] = centres[eye] + away[inside] * (least / distance[inside])[:, None]


def lid_colours(model: TeacherModel, colours: SkinColours) -> LidColours:
    """What the upper lids look like shut: the skin round the eye, darker at the lashes and in the crease."""
    samples, regions = model.skin, model.regions
    corner = samples.corners[:, 0]
    to_lids = regions.to_lids[corner]
    donor = colours.donor * (regions.blink[samples.corners].max(1) < 0.05) * (to_lids > 0.6) * (to_lids < 2.5)
    donor *= colours.photo.mean(1) > 0.6 * colours.level
    mean, total = to_vertices(samples, colours.photo, donor)
    smooth = fill(model, mean, np.where(total > 1e-3, np.minimum(total, 1.0), 0.0))
    near = samples.at(smooth)
    weight = samples.at(regions.lid)
    rows = np.flatnonzero(weight > 0.02)
    eye = (samples.position[rows, 0] > 0).astype(np.int64)
    closed = near[rows]
    for side in range(2):
        around = (donor > 0.3) & ((samples.position[:, 0] > 0) == (side == 1)) & (to_lids < 1.9)
        if around.sum() > 50:
            skin = colours.photo[around]
            brightness = skin.mean(1)
            typical = np.median(skin[brightness >= np.quantile(brightness, 0.4)], axis=0)
            own = eye == side
            closed[own] = 0.5 * np.minimum(closed[own], 1.1 * typical) + 0.5 * typical
    to_margin = samples.at(regions.to_upper_lid)[rows]
    lashes = 1 - 0.6 * (1 - step(to_margin, 0.14, 0.32))
    crease = 1 - 0.2 * np.exp(-(((to_margin - 0.75) / 0.22) ** 2))
    closed = np.clip(closed * (lashes * crease)[:, None] * LID_TONE, 0, 1).astype(np.float32)
    return LidColours(rows, eye, weight[rows].astype(np.float32), closed, (smooth * LID_TONE).astype(np.float32))
