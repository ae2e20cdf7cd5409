"""Other people from one photo: the picture bent smoothly, so that head, face and hair have other proportions.

In: a photo and its landmarks. Out: a photo of the same size. The teacher is fitted to the bent photo like to any other:
outlines of hair, skulls and faces that no portrait of a small collection has come with their true pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.tracking.topology import LEFT_EYE_OUTER, RIGHT_EYE_OUTER

ASPECT_SPREAD, SHEAR_SPREAD = 0.06, 0.03  # of the logarithm of width and height
HAIR_SPREAD = 0.2
"""Of the logarithm of how far things reach beyond the face, per harmonic of the direction."""
HAIR_RANGE = (0.65, 1.6)
HAIR_HARMONICS = 3
FACE_MIDDLE, FACE_AXES = (0.0, 0.15), (0.85, 1.15)  # inter-ocular distances; x right, y down from between the eyes
SETTLED = 1.2  # inter-ocular distances beyond the face over which hair grows; farther out all shifts alike
BODY = (1.0, 2.0)  # inter-ocular distances below the eyes over which the growth beyond the face ends
WAVES, WAVE_NUMBERS, WAVE_HEIGHT = 4, (0.5, 1.6), 0.035
"""A smooth field: waves with wave numbers in radians per inter-ocular distance and this height in the same unit."""


def bend(image: NDArray[np.uint8], landmarks: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A random person's photo (H, W, 3) made from ``image`` (H, W, 3) with face ``landmarks`` (478, 3), pixels."""
    right, left = landmarks[RIGHT_EYE_OUTER, :2], landmarks[LEFT_EYE_OUTER, :2]
    unit, middle = float(np.linalg.norm(left - right)), (right + left) / 2
    height, width = image.shape[:2]
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    wanted = (np.stack([x, y], axis=-1) - middle) / unit
    source = _without_growth(_waved(_stretched(wanted, rng), rng), rng) * unit + middle - 0.5
    across, down = (np.ascontiguousarray(source[..., axis], np.float32) for axis in (0, 1))
    return np.asarray(cv2.remap(image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _stretched(place: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Places (H, W, 2) under a random aspect and shear."""
    matrix = np.diag(np.exp(rng.normal(0, ASPECT_SPREAD, 2)))
    matrix[0, 1] = rng.normal(0, SHEAR_SPREAD)
    return np.asarray(place @ matrix.T)


def _waved(place: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Places (H, W, 2) moved by a smooth random field."""
    result = place.copy()
    for _ in range(WAVES):
        angle, number = rng.uniform(0, 2 * np.pi), rng.uniform(*WAVE_NUMBERS)
        phase = number * (place @ np.array([np.cos(angle), np.sin(angle)])) + rng.uniform(0, 2 * np.pi)
        result += np.sin(phase)[..., None] * rng.normal(0, WAVE_HEIGHT, 2)
    return result


def _without_growth(place: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Where places (H, W, 2) came from before all that lies beyond the face's ellipse grew or shrank towards it."""
    away = place - np.array(FACE_MIDDLE)
    distance = np.linalg.norm(away, axis=-1)
    border = distance / np.maximum(np.linalg.norm(away / np.array(FACE_AXES), axis=-1), 1e-6)
    direction = np.arctan2(away[..., 0], -away[..., 1])  # 0 above the face: a sine is one side against the other
    growth = np.full(distance.shape, rng.normal(0, HAIR_SPREAD))
    for harmonic in range(1, HAIR_HARMONICS + 1):
        along, across = rng.normal(0, HAIR_SPREAD / harmonic, 2)
        growth += along * np.cos(harmonic * direction) + across / 2 * np.sin(harmonic * direction)
    factor = np.clip(np.exp(growth), *HAIR_RANGE)
    beyond = np.maximum(distance - border, 0)
    body = np.clip((place[..., 1] - BODY[0]) / (BODY[1] - BODY[0]), 0, 1)
    near = np.minimum(beyond, SETTLED * factor)
    shift = near * (1 / factor - 1) * (1 - body * body * (3 - 2 * body))
    return place + away / np.maximum(distance, 1e-6)[..., None] * shift[..., None]
