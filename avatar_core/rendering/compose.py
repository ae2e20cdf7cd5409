"""Premultiplied RGBA over a background -> the 8-bit picture that is shown or written."""

from __future__ import annotations

import numpy as np
import torch
from numba import prange
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.rendering.jit import one_launch_at_a_time, parallel_kernel
from avatar_core.rendering.vector_math import f32

u64 = np.uint64

Colour = tuple[int, int, int]


@parallel_kernel()
def _over_colour(rgba, colour, out):
    height, width = out.shape[0], out.shape[1]
    for y in prange(height):
        source, target = rgba[y].reshape(-1), out[y].reshape(-1)
        for x in range(width):
            i, o = u64(4) * u64(x), u64(3) * u64(x)
            behind = f32(1) - source[i + u64(3)]
            for c in range(3):
                value = f32(255) * source[i + u64(c)] + behind * colour[u64(c)] + f32(0.5)
                target[o + u64(c)] = np.uint8(np.int32(min(max(value, f32(0)), f32(255))))


@parallel_kernel()
def _over_image(rgba, image, out):
    height, width = out.shape[0], out.shape[1]
    for y in prange(height):
        source, behind_row, target = rgba[y].reshape(-1), image[y].reshape(-1), out[y].reshape(-1)
        for x in range(width):
            i, o = u64(4) * u64(x), u64(3) * u64(x)
            behind = f32(1) - source[i + u64(3)]
            for c in range(3):
                value = f32(255) * source[i + u64(c)] + behind * f32(behind_row[o + u64(c)]) + f32(0.5)
                target[o + u64(c)] = np.uint8(np.int32(min(max(value, f32(0)), f32(255))))


def composite(rgba: Tensor | NDArray[np.float32], background: Colour | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put ``rgba`` over ``background`` and round to 8 bits.

    Args:
        rgba: (H, W, 4) float32, RGB premultiplied by alpha in [0, 1]; on the CPU (`device_picture` is for GPUs).
        background: an RGB colour, each 0..255, or a uint8 picture (H, W, 3) of the same size.

    Returns:
        (H, W, 3) uint8, newly allocated.

    Raises:
        ValueError: a shape or type does not fit.
    """
    values, behind = checked(rgba, background)
    height, width = values.shape[:2]
    if behind.ndim == 1:
        behind = behind.astype(np.float32)
    out = np.empty((height, width, 3), np.uint8)
    front = np.ascontiguousarray(values.numpy())
    with one_launch_at_a_time:
        if behind.ndim == 1:
            _over_colour(front, behind, out)
        else:
            _over_image(front, np.ascontiguousarray(behind), out)
    return out


def checked(rgba: Tensor | NDArray[np.float32], background: Colour | NDArray[np.uint8]) -> tuple[Tensor, NDArray]:
    """The arguments of `composite` as a tensor and an array.

    Raises:
        ValueError: a shape or type does not fit.
    """
    values = torch.as_tensor(rgba)
    if values.ndim != 3 or values.shape[2] != 4 or values.dtype != torch.float32:
        raise ValueError(f"rgba must be (H, W, 4) float32, got {tuple(values.shape)} {values.dtype}")
    height, width = values.shape[:2]
    behind = np.asarray(background)
    if behind.shape != (3,) and (behind.shape != (height, width, 3) or behind.dtype != np.uint8):
        raise ValueError(
            f"background must be 3 numbers or uint8 {(height, width, 3)}, got {behind.dtype} {behind.shape}"
        )
    return values, behind
