"""Compiling the animator's CPU kernels before they are needed."""

from __future__ import annotations

import numpy as np

from avatar_core.models.animator_anchor_kernels import ANCHOR_ROOM, choose_anchors
from avatar_core.models.animator_follow_kernels import follow, move_anchors
from avatar_core.models.animator_kernels import REST_CHANNELS, animate, decode
from avatar_core.models.animator_layout import HIDDEN_GROUP, OUTPUT_GROUP, ROWS, fastest_precision
from avatar_core.models.gaussian_decoder import RAW_CHANNELS
from avatar_core.models.head_pose import POSE_SIZE
from avatar_core.models.motion_decoder import HIDDEN_SIZE, MOTION_SIZE
from avatar_core.rendering.memory import aligned


def compile_kernels() -> None:
    """Compile, or load from the disk cache, what this processor's precision needs, by animating one Gaussian."""
    dtype, packing = (np.int32, 2) if fastest_precision() == "bf16" else (np.float32, 1)
    depth, inner, groups = MOTION_SIZE // packing, HIDDEN_SIZE // packing, HIDDEN_SIZE // HIDDEN_GROUP
    halves = RAW_CHANNELS // OUTPUT_GROUP
    motion, constant = aligned((1, depth, ROWS), dtype), aligned((1, inner, ROWS), dtype)
    first, second = aligned((groups, depth, HIDDEN_GROUP), dtype), aligned((groups, inner, HIDDEN_GROUP), dtype)
    third = aligned((halves, HIDDEN_SIZE, OUTPUT_GROUP), np.float32)
    bias, pose = np.zeros(HIDDEN_SIZE, np.float32), np.zeros(POSE_SIZE, np.float32)
    change, rest = aligned((1, RAW_CHANNELS, ROWS), np.float32), aligned((1, REST_CHANNELS, ROWS), np.float32)
    still, drawn = np.ones((8, 1), np.float32), np.empty((RAW_CHANNELS, 2), np.float32)

    def counter() -> np.ndarray:
        return np.zeros(1, np.int64)

    decode(1, motion, first, bias, bias, constant, second, third, change, counter())
    animate(
        1, 1, motion, first, bias, bias, constant, second, third, change, rest, still, pose, drawn, counter()
    )  # fmt: skip
    owners, counts, anchors = counter(), counter(), np.zeros((1, ANCHOR_ROOM), np.int64)
    weights = np.zeros((1, ANCHOR_ROOM, ROWS), np.float32)
    choose_anchors(
        1, 1, motion, first[None], bias[None], bias, constant, second, third, change,
        np.zeros((ROWS, 3), np.float32), np.ones(RAW_CHANNELS, np.float32), np.ones(1, np.float32),
        owners, counts, anchors, weights, counter(),
    )  # fmt: skip
    table = aligned((halves, ROWS, OUTPUT_GROUP), np.float32)
    move_anchors(1, motion, first, bias, bias, constant, second, third, table.copy(), table, counter())
    follow(1, 1, table, counter(), counts, counter(), weights[0], rest, still, pose, drawn, counter())
