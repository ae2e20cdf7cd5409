"""Fills what is unknown in a map: by the nearest known pixel, smoothly, or by its texture folded on.

Push-pull continues a picture smoothly from the pixels that are known (Gortler et al. 1996, "The Lumigraph", 3.3)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.rendering.jit import kernel

SOFT_EDGE, LONGEST_FOLD, SHORTEST_FOLD = 2, 28, 4
"""Cells at the rim of a texture that are left out, and the most and the fewest behind them that are folded on."""


def push_pull(values: NDArray[np.floating], weight: NDArray[np.floating]) -> NDArray[np.float32]:
    """``values`` (H, W) or (H, W, C) where ``weight`` (H, W) in [0, 1] is 1, a smooth continuation where it is 0."""
    picture = np.asarray(values, np.float32)
    known = np.asarray(weight, np.float32)
    channels = picture if picture.ndim == 3 else picture[..., None]
    filled = _fill(np.ascontiguousarray(channels), known)
    return filled if picture.ndim == 3 else filled[..., 0]


def continuation(values: NDArray[np.float32], weight: NDArray[np.float32], blur: float = 0.0) -> NDArray[np.float32]:
    """The smooth continuation alone (H, W, C), sides even, made at half size: for what is shown where ``weight`` is 0.

    Args:
        blur: standard deviation in pixels by which it is smoothed.
    """
    below = _fill(*_push(np.ascontiguousarray(values, np.float32), weight))
    if blur > 0:
        below = np.asarray(cv2.GaussianBlur(below, (0, 0), blur / 2), np.float32)
    return np.asarray(cv2.resize(below, weight.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def _fill(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width, _ = values.shape
    if min(height, width) <= 2 or height % 2 or width % 2:
        return _fill_uneven(values, weight)
    return _pull(values, weight, _fill(*_push(values, weight)))


def _fill_uneven(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """`_fill` of a picture whose sides do not halve."""
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


@kernel()
def _push(values, weight):
    """Half the size: weighted means (H/2, W/2, C) of 2 x 2 pixels, and their weight, 1 where half of them is known."""
    rows, columns, channels = values.shape[0] // 2, values.shape[1] // 2, values.shape[2]
    mean = np.zeros((rows, columns, channels), np.float32)
    share = np.zeros((rows, columns), np.float32)
    for y in range(rows):
        for x in range(columns):
            a, b = weight[2 * y, 2 * x], weight[2 * y, 2 * x + 1]
            c, d = weight[2 * y + 1, 2 * x], weight[2 * y + 1, 2 * x + 1]
            total = a + b + c + d
            if total == 0:
                continue
            scale = np.float32(0.25) / max(np.float32(0.25) * total, np.float32(1e-6))
            share[y, x] = min(np.float32(0.5) * total, np.float32(1))
            for channel in range(channels):
                mean[y, x, channel] = scale * (
                    a * values[2 * y, 2 * x, channel]
                    + b * values[2 * y, 2 * x + 1, channel]
                    + c * values[2 * y + 1, 2 * x, channel]
                    + d * values[2 * y + 1, 2 * x + 1, channel]
                )
    return mean, share


@kernel()
def _pull(values, weight, below):
    """``values`` (H, W, C) where ``weight`` is 1; else mixed with ``below`` (H/2, W/2, C), enlarged bilinearly."""
    rows, columns, channels = values.shape
    half_rows, half_columns = below.shape[0], below.shape[1]
    result = np.empty((rows, columns, channels), np.float32)
    line = np.empty((half_columns, channels), np.float32)
    near, far = np.float32(0.75), np.float32(0.25)
    for y in range(rows):
        own = y // 2
        other = max(own - 1, 0) if y % 2 == 0 else min(own + 1, half_rows - 1)
        for x in range(half_columns):
            for channel in range(channels):
                line[x, channel] = near * below[own, x, channel] + far * below[other, x, channel]
        for x in range(columns):
            known = weight[y, x]
            if known == 1:
                for channel in range(channels):
                    result[y, x, channel] = values[y, x, channel]
                continue
            here = x // 2
            beside = max(here - 1, 0) if x % 2 == 0 else min(here + 1, half_columns - 1)
            missing = np.float32(1) - known
            for channel in range(channels):
                smooth = near * line[here, channel] + far * line[beside, channel]
                result[y, x, channel] = known * values[y, x, channel] + missing * smooth
    return result


def nearest(values: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """``values`` (S, S, C) where ``known`` (S, S), elsewhere those of the nearest known pixel; zero if none is."""
    known = np.ascontiguousarray(known)
    away = (~known).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    return _spread(np.ascontiguousarray(values, np.float32), label, known)


@kernel()
def _spread(values, label, known):
    """Every pixel takes the values of the known pixel that carries its label."""
    rows, columns, channels = values.shape
    source = np.full(rows * columns + 2, -1, np.int32)
    for y in range(rows):
        for x in range(columns):
            if known[y, x]:
                source[label[y, x]] = y * columns + x
    result = np.zeros((rows, columns, channels), np.float32)
    for y in range(rows):
        for x in range(columns):
            place = source[label[y, x]]
            if place >= 0:
                for channel in range(channels):
                    result[y, x, channel] = values[place // columns, place % columns, channel]
    return result


@kernel()
def fold_rows(texture, known):
    """``texture`` (R, C, 3) where ``known`` (R, C); beside it, row by row and from the last column on to the first,
    mirrored at the nearer edge over and over; the two sides meet halfway."""
    rows, columns = known.shape
    result = texture.copy()
    for row in range(rows):
        for column in range(columns):
            if known[row, column]:
                continue
            for reach in range(1, columns):
                right, left = (column + reach) % columns, (column - reach) % columns
                if known[row, right] or known[row, left]:
                    edge, step = (right, 1) if known[row, right] else (left, -1)
                    length = 0
                    while length < SOFT_EDGE + LONGEST_FOLD and known[row, (edge + step * length) % columns]:
                        length += 1
                    fold = length - SOFT_EDGE
                    if fold >= SHORTEST_FOLD:
                        at = (reach - 1) % (2 * fold)
                        depth = SOFT_EDGE + (at if at < fold else 2 * fold - 1 - at)
                        source = (edge + step * depth) % columns
                        for channel in range(3):
                            result[row, column, channel] = texture[row, source, channel]
                    break
    return result
