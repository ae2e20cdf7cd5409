"""Small measurements on landmarks, the same for drivers, photos and renders (canonical or pixel space alike)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_core.tracking.topology import (
    LEFT_BROW,
    LEFT_EYE_OUTER,
    LEFT_EYE_RING,
    LEFT_MOUTH_CORNER,
    LOWER_LIP_INNER,
    RIGHT_BROW,
    RIGHT_EYE_OUTER,
    RIGHT_EYE_RING,
    RIGHT_MOUTH_CORNER,
    UPPER_LIP_INNER,
)

_MIDDLE_OF_RING = (3, 4, 5)  # ring offsets of the lid pairs over the middle of the eye


def inter_ocular_distance(landmarks: NDArray[np.floating]) -> float:
    """Distance of the outer eye corners."""
    return float(np.linalg.norm(landmarks[RIGHT_EYE_OUTER] - landmarks[LEFT_EYE_OUTER]))


def eye_opening(landmarks: NDArray[np.floating], ring: tuple[int, ...]) -> float:
    """Lid aperture over eye width, about 0.3 for an open eye."""
    width = np.linalg.norm(landmarks[ring[0]] - landmarks[ring[8]])
    gaps = [np.linalg.norm(landmarks[ring[8 - k]] - landmarks[ring[8 + k]]) for k in _MIDDLE_OF_RING]
    return float(np.mean(gaps) / max(width, 1e-9))


def mean_eye_opening(landmarks: NDArray[np.floating]) -> float:
    """`eye_opening`, mean of both eyes."""
    return 0.5 * (eye_opening(landmarks, RIGHT_EYE_RING) + eye_opening(landmarks, LEFT_EYE_RING))


def mouth_opening(landmarks: NDArray[np.floating]) -> float:
    """Inner lip gap over inter-ocular distance."""
    gap = np.linalg.norm(landmarks[UPPER_LIP_INNER] - landmarks[LOWER_LIP_INNER])
    return float(gap / max(inter_ocular_distance(landmarks), 1e-9))


def mouth_width(landmarks: NDArray[np.floating]) -> float:
    """Distance of the mouth corners over inter-ocular distance."""
    width = np.linalg.norm(landmarks[RIGHT_MOUTH_CORNER] - landmarks[LEFT_MOUTH_CORNER])
    return float(width / max(inter_ocular_distance(landmarks), 1e-9))


def brow_raise(landmarks: NDArray[np.floating]) -> float:
    """Mean height of the brows above the eye corners over inter-ocular distance (y up)."""
    corners = landmarks[[RIGHT_EYE_OUTER, RIGHT_EYE_RING[8], LEFT_EYE_OUTER, LEFT_EYE_RING[8]], 1].mean()
    brows = landmarks[list(RIGHT_BROW + LEFT_BROW), 1].mean()
    return float((brows - corners) / max(inter_ocular_distance(landmarks), 1e-9))
