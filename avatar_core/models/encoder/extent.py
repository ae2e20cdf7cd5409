"""Where the template stands for the lift's far side: not in hanging hair, not in the shoulders.

In: presence of the cells, `Relief`. Out: masks of cells and of far-side points.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core.lift.canvas import CANVAS_SIZE, project
from avatar_core.lift.maps import smoothstep
from avatar_core.lift.relief import Relief
from avatar_core.models.encoder.layout import CENTRE, COLUMNS, PRESENT, ROWS, cell_azimuth, locate, rays
from avatar_core.models.encoder.network import Prediction

OUTGROWN, HEAD_ABOVE, BESIDE = 1.5, -0.8, 7
"""Below canonical y `HEAD_ABOVE`, far-side samples beyond this multiple of the template's radius are shoulders and
stay; cells up to half of `BESIDE` from the template's edge count as its own."""
BESIDE_NECK, BELOW_EAR = np.linspace(0.85, 1.1, 6), np.linspace(-1.05, -0.5, 8)
"""Canonical |x| and y where a bare neck leaves the background to be seen and hanging hair does not."""
BARE_FROM, BARE_FULLY = 0.3, 0.6
BACK_OF_HEAD = (115.0, 150.0)  # degrees from the face's middle over which it begins
SHOULDERS = -1.3  # canonical y
NAPE_END, COLLAR_DEPTH = -1.02, -1.62
"""Canonical y from which the nape runs straight down, as it was there, and where it has run deep enough into the collar
and the upper back to be hidden."""
NAPE_TAPER = 0.12  # share of its radius that the nape loses below the shoulders


def above_shoulders() -> NDArray[np.bool_]:
    """(80, 1) rows above the neck's flare into the shoulders, which the lift knows from the matte."""
    origin, _ = rays()
    return origin[:, :1, 1] > SHOULDERS


def run_into_collar(prediction: Prediction) -> Prediction:
    """The template with its nape led straight down into the collar: where clothes begin a photo does not tell, and a
    nape that flares out there would end in the air."""
    level = rays()[0][:, 0, 1]
    rows = np.arange(ROWS)
    rows[level < NAPE_END] = rows[level >= NAPE_END][-1]
    taper = 1 - np.float32(NAPE_TAPER) * smoothstep((SHOULDERS - level) / (SHOULDERS - COLLAR_DEPTH))
    ends = torch.from_numpy(level >= COLLAR_DEPTH)[None, :, None]
    source = torch.from_numpy(rows)
    return prediction._replace(
        radius=prediction.radius[:, source] * torch.from_numpy(taper)[None, :, None],
        presence=prediction.presence[:, source] * ends,
        colour=prediction.colour[:, source],
        gates=prediction.gates[:, source],
    )


def bare_sides(relief: Relief) -> tuple[float, float]:
    """1 where nothing hangs beside the neck, 0 where hair does: on the sides of canonical -x and +x."""
    covered = relief.matte.alpha
    left, right = (1 - _mean_at(covered, relief, side * BESIDE_NECK, BELOW_EAR, 0.0) for side in (-1.0, 1.0))
    return _ramp(left, BARE_FROM, BARE_FULLY), _ramp(right, BARE_FROM, BARE_FULLY)


def _mean_at(
    values: NDArray[np.floating],
    relief: Relief,
    across: NDArray[np.floating],
    level: NDArray[np.floating],
    outside: float,
) -> float:
    """Mean of a canvas map over canonical places in the plane of the ears; ``outside`` where the canvas has none."""
    x, y = np.meshgrid(across, level)
    points = np.stack([x, y, np.full_like(x, CENTRE[2])], axis=-1).reshape(-1, 3)
    place = project(relief.face.to_head.apply(points)).astype(int)
    inside = ((place[:, :2] >= 0) & (place[:, :2] < CANVAS_SIZE)).all(1)
    chosen = values[place[inside, 1], place[inside, 0]]
    return float(chosen.mean()) if len(chosen) else outside


def _ramp(value: float, low: float, high: float) -> float:
    return float(smoothstep(np.array([(value - low) / (high - low)]))[0])


def bare_columns(sides: tuple[float, float]) -> NDArray[np.float32]:
    """(120,) `bare_sides` along the template's columns.

    Where hair hangs, the lift's far side, which follows the hair's outline, stays whole: a template that ended in the
    middle of the hair would show as a step.
    """
    azimuth = cell_azimuth()
    left_to_right = np.where(np.abs(azimuth) < 90, azimuth, np.sign(azimuth) * (180 - np.abs(azimuth))) / 180 + 0.5
    return (sides[0] + (sides[1] - sides[0]) * left_to_right).astype(np.float32)


def bare_back(sides: tuple[float, float], columns: int) -> NDArray[np.float32]:
    """(C,) 1 on the back of a head with a bare neck, behind all that a photo tells of it; 0 before, and where hair
    hangs."""
    away = np.abs(cell_azimuth(columns))
    bare = np.repeat(bare_columns(sides), columns // COLUMNS)
    return bare * smoothstep((away - BACK_OF_HEAD[0]) / (BACK_OF_HEAD[1] - BACK_OF_HEAD[0]))


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
