"""Fills what is unknown in a map: by the nearest known pixel, or smoothly.

Push-pull continues a picture smoothly from the pixels that are known (Gortler et al. 1996, "The Lumigraph", 3.3)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def push_pull(values: NDArray[np.floating], weight: NDArray[np.floating]) -> NDArray[np.float32]:
    """``values`` (H, W) or (H, W, C) where ``weight`` (H, W) in [0, 1] is 1, a smooth continuation where it is 0."""
    picture = np.asarray(values, np.float32)
    known = np.asarray(weight, np.float32)
    channels = picture if picture.ndim == 3 else picture[..., None]
    filled = _fill(np.ascontiguousarray(channels), known)
    return filled if picture.ndim == 3 else filled[..., 0]


def _fill(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width, channels = values.shape
    weighted = values * weight[..., None]
    if min(height, width) <= 2:
        whole = weighted.sum((0, 1)) / max(float(weight.sum()), 1e-6)
        return np.where(weight[..., None] > 1e-3, values, whole).astype(np.float32)
    size = ((width + 1) // 2, (height + 1) // 2)
    coarse_weight = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(weighted, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], channels)
    mean = np.asarray(coarse / np.maximum(coarse_weight, 1e-6)[..., None], np.float32)
    below = _fill(mean, np.asarray(np.minimum(2.0 * coarse_weight, 1.0), np.float32))
    smooth = cv2.resize(below, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width, channels)
    return np.asarray(weighted + smooth * (1.0 - weight[..., None]), np.float32)


def nearest(values: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """``values`` (S, S, C) where ``known`` (S, S), elsewhere those of the nearest known pixel."""
    away = (~known).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    table = np.zeros((int(label.max()) + 1, values.shape[-1]), np.float32)
    table[label[known]] = values[known]
    return table[label]
