"""Gaze angles from where the irises sit between the eye corners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_core.tracking.measures import eye_opening
from avatar_core.tracking.topology import LEFT_EYE_RING, LEFT_IRIS, RIGHT_EYE_RING, RIGHT_IRIS

IRIS_ORBIT = 0.145
"""Distance of the iris plane from the eyeball's centre, inter-ocular distances (eyeball radius 1.45 cm at 8.9 cm)."""
MIN_OPENING = 0.12
"""Eye opening below which the detected iris is a guess."""
MAX_ANGLE = 0.6  # radians


def iris_positions(canonical: NDArray[np.floating]) -> NDArray[np.float64]:
    """(2, 2) iris centre less the middle of the eye corners, x and y, canonical units; row 0 the right eye."""
    rows = []
    for ring, iris in ((RIGHT_EYE_RING, RIGHT_IRIS), (LEFT_EYE_RING, LEFT_IRIS)):
        rows.append((canonical[iris] - 0.5 * (canonical[ring[0]] + canonical[ring[8]]))[:2])
    return np.array(rows, np.float64)


def gaze_angles(canonical: NDArray[np.floating], neutral: NDArray[np.floating]) -> NDArray[np.float64] | None:
    """Gaze (2, 2) relative to ``neutral``: yaw (positive to image right) and pitch (positive up), radians.

    Both eyes are averaged, as people look at one thing and the mean halves the noise. None when both eyes are shut.
    """
    openings = np.array([eye_opening(canonical, RIGHT_EYE_RING), eye_opening(canonical, LEFT_EYE_RING)])
    visible = openings > MIN_OPENING
    if not visible.any():
        return None
    moved = (iris_positions(canonical) - iris_positions(neutral))[visible].mean(0)
    angles = np.arcsin(np.clip(moved / IRIS_ORBIT, -0.9, 0.9))
    return np.tile(np.clip(angles, -MAX_ANGLE, MAX_ANGLE), (2, 1))
