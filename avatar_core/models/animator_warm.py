"""Compiling the animator's CPU kernels before they are needed: each function compiles, or loads from the disk cache,
what this processor's precision needs, by animating one Gaussian."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from avatar_core.models.animator_anchor_kernels import ANCHOR_ROOM, choose_anchors
from avatar_core.models.animator_follow_kernels import follow, move_anchors
from avatar_core.models.animator_kernels import REST_CHANNELS, animate, decode
from avatar_core.models.animator_layout import HIDDEN_GROUP, OUTPUT_GROUP, ROWS, fastest_precision
from avatar_core.models.gaussian_decoder import RAW_CHANNELS
from avatar_core.models.head_pose import POSE_SIZE
from avatar_core.models.motion_decoder import HIDDEN_SIZE, MOTION_SIZE
from avatar_core.rendering.memory import aligned

HALVES = RAW_CHANNELS // OUTPUT_GROUP


def compile_animation() -> None:
    """Gaussians that go through the networks, and those that follow them."""
    blank, change, table = _blank(), _change(), aligned((HALVES, ROWS, OUTPUT_GROUP), np.float32)
    decode(1, *blank, change, _counter())
    animate(1, 1, *blank, change, *_moved(), _counter())
    move_anchors(1, *blank, table.copy(), table, _counter())
    weights = np.zeros((ANCHOR_ROOM, ROWS), np.float32)
    follow(1, 1, table, _counter(), _counter(), _counter(), weights, *_moved(), _counter())


def compile_anchors() -> None:
    """The choice of the former."""
    motion, first, first_bias, *others = _blank()
    choose_anchors(
        1, 1, motion, first[None], first_bias[None], *others, _change(),
        np.zeros((ROWS, 3), np.float32), np.ones(RAW_CHANNELS, np.float32), np.ones(1, np.float32),
        _counter(), _counter(), np.zeros((1, ANCHOR_ROOM), np.int64), np.zeros((1, ANCHOR_ROOM, ROWS), np.float32),
        _counter(),
    )  # fmt: skip


class _Blank(NamedTuple):
    """Motion of one Gaussian and the networks' weights, packed, all zero."""

    motion: NDArray
    first: NDArray
    first_bias: NDArray[np.float32]
    centre: NDArray[np.float32]
    constant: NDArray
    second: NDArray
    third: NDArray


def _blank() -> _Blank:
    dtype, packing = (np.int32, 2) if fastest_precision() == "bf16" else (np.float32, 1)
    depth, inner, groups = MOTION_SIZE // packing, HIDDEN_SIZE // packing, HIDDEN_SIZE // HIDDEN_GROUP
    bias = np.zeros(HIDDEN_SIZE, np.float32)
    return _Blank(
        aligned((1, depth, ROWS), dtype), aligned((groups, depth, HIDDEN_GROUP), dtype), bias, bias,
        aligned((1, inner, ROWS), dtype), aligned((groups, inner, HIDDEN_GROUP), dtype),
        aligned((HALVES, HIDDEN_SIZE, OUTPUT_GROUP), np.float32),
    )  # fmt: skip


def _change() -> NDArray[np.float32]:
    return aligned((1, RAW_CHANNELS, ROWS), np.float32)


def _moved() -> tuple[NDArray[np.float32], ...]:
    """Rest attributes, what stays still, the head's pose, and where to draw."""
    rest, still = aligned((1, REST_CHANNELS, ROWS), np.float32), np.ones((8, 1), np.float32)
    return rest, still, np.zeros(POSE_SIZE, np.float32), np.empty((RAW_CHANNELS, 2), np.float32)


def _counter() -> NDArray[np.int64]:
    return np.zeros(1, np.int64)
