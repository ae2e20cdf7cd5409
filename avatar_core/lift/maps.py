"""Small operations on pixel maps that several parts of the lift share."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)


def smoothstep(share: NDArray[np.floating]) -> NDArray[np.float32]:
    """0 below 0, 1 above 1, smooth between."""
    inside = np.clip(share, 0, 1)
    return np.asarray(inside * inside * (3 - 2 * inside), np.float32)


def distance_from(region: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(S, S) pixels to the nearest pixel of ``region`` (S, S); 0 inside it."""
    return np.asarray(cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def dot(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scalar product over the last axis: (..., C) twice -> (...,)."""
    return np.asarray(np.einsum("...c,...c->...", first, second), np.float32)


def median_colour(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median (C,) of each channel of samples (N, C)."""
    return np.array([np.median(channel) for channel in np.ascontiguousarray(samples.T)], np.float32)


def lattice(shape: tuple[int, ...], stride: int) -> NDArray[np.bool_]:
    """(H, W) every ``stride``-th place, both ways."""
    chosen = np.zeros(shape, bool)
    chosen[::stride, ::stride] = True
    return chosen


def pick(values: NDArray[Value], places: NDArray[np.int64]) -> NDArray[Value]:
    """Rows (N, ...) of a map (S, S, ...) at flat ``places`` (N,): several times as fast as by a mask."""
    return values.reshape(values.shape[0] * values.shape[1], *values.shape[2:]).take(places, axis=0)
