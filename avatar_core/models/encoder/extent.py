"""Where the template stands for the lift's far side: not in hanging hair, not in the shoulders.

In: presence of the cells, `Relief`. Out: masks of cells and of far-side points.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import CANVAS_SIZE, project
from avatar_core.lift.maps import smoothstep
from avatar_core.lift.relief import Relief
from avatar_core.models.encoder.layout import CENTRE, COLUMNS, ROWS, cell_azimuth, locate, rays

PRESENT = 0.4
"""Presence from which a cell is filled."""
OUTGROWN, HEAD_ABOVE, BESIDE = 1.5, -0.8, 7
"""Below canonical y `HEAD_ABOVE`, far-side samples beyond this multiple of the template's radius are shoulders and
stay; cells up to half of `BESIDE` from the template's edge count as its own."""
BESIDE_NECK, BELOW_EAR = np.linspace(0.85, 1.1, 6), np.linspace(-1.05, -0.5, 8)
"""Canonical |x| and y where a bare neck leaves the background to be seen and hanging hair does not."""
BARE_FROM, BARE_FULLY = 0.3, 0.6
SHOULDERS = -1.3  # canonical y


def above_shoulders() -> NDArray[np.bool_]:
    """(80, 1) rows above the neck's flare into the shoulders, which the lift knows from the matte."""
    origin, _ = rays()
    return origin[:, :1, 1] > SHOULDERS


def bare_sides(relief: Relief) -> tuple[float, float]:
    """1 where nothing hangs beside the neck, 0 where hair does: on the sides of canonical -x and +x."""
    across, level = np.meshgrid(BESIDE_NECK, BELOW_EAR)
    sides = []
    for side in (-1.0, 1.0):
        points = np.stack([side * across, level, np.full_like(across, CENTRE[2])], axis=-1).reshape(-1, 3)
        place = project(relief.face.to_head.apply(points)).astype(int)
        inside = ((place[:, :2] >= 0) & (place[:, :2] < CANVAS_SIZE)).all(1)
        covered = relief.matte.alpha[place[inside, 1], place[inside, 0]]
        share = 1 - float(covered.mean()) if len(covered) else 1.0
        sides.append(share)
    left, right = smoothstep((np.array(sides) - BARE_FROM) / (BARE_FULLY - BARE_FROM))
    return float(left), float(right)


def bare_columns(sides: tuple[float, float]) -> NDArray[np.float32]:
    """(120,) `bare_sides` along the template's columns.

    Where hair hangs, the lift's far side, which follows the hair's outline, stays whole: a template that ended in the
    middle of the hair would show as a step.
    """
    azimuth = cell_azimuth()
    left_to_right = np.where(np.abs(azimuth) < 90, azimuth, np.sign(azimuth) * (180 - np.abs(azimuth))) / 180 + 0.5
    return (sides[0] + (sides[1] - sides[0]) * left_to_right).astype(np.float32)


def stood_for(
    canonical: NDArray[np.floating], radius: NDArray[np.float32], presence: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """(N,) whether canonical points of the far side belong to cells of the template, or lie close beside them."""
    place = locate(canonical)
    row = np.clip(place[:, 0].astype(int), 0, ROWS - 1)
    column = place[:, 1].astype(int) % COLUMNS
    present = cv2.dilate((presence > PRESENT).astype(np.uint8), np.ones((BESIDE, BESIDE), np.uint8)) > 0
    head = canonical[:, 1] > HEAD_ABOVE
    inside = (place[:, 0] < ROWS) & (head | (place[:, 2] < OUTGROWN * radius[row, column]))
    return inside & present[row, column]
