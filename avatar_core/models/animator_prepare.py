"""What the frame loop needs of every moving Gaussian, made once per avatar by a compiled pass over its tiles.

The same as `FoldedNetworks.constants`, packed: LayerNorm(m), and ``constant`` = U f + u - second hidden(source). All
products round as those of the frame loop do, so that rounding errors of weights and inputs cancel and only those of the
motion itself remain.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from avatar_core.gaussians import SCALE
from avatar_core.models.animator_dense import multiply_hidden, multiply_output, put_pair, scratch, softplus
from avatar_core.models.animator_kernels import REST_CHANNELS, first_layer_tile
from avatar_core.models.animator_layout import HIDDEN_GROUP, OUTPUT_GROUP, ROWS, fastest_precision
from avatar_core.models.gaussian_decoder import RAW_CHANNELS
from avatar_core.models.motion_decoder import FEATURE_SIZE, HIDDEN_SIZE, MOTION_SIZE
from avatar_core.rendering.jit import kernel, parallel_kernel
from avatar_core.rendering.memory import aligned
from avatar_core.rendering.vector_math import f32, next_ticket

u64 = np.uint64

TILES_PER_CHUNK = 32
_HIDDEN_GROUPS = HIDDEN_SIZE // HIDDEN_GROUP
_PAIRS = HIDDEN_GROUP // 2
_NORM_EPSILON = f32(1e-5)  # torch's layer_norm


@kernel(inline="never")
def _pack_rest(rows, tile, valid, rest, scales, neck, share, packed):
    """The tile's rest attributes and weights, (REST_CHANNELS, ROWS) flat."""
    at = u64(tile * REST_CHANNELS * ROWS)
    for channel in range(RAW_CHANNELS):
        scale = channel - SCALE.start
        values = scales[scale] if 0 <= scale < scales.shape[0] else rest[channel]
        for row in range(valid):
            packed[at + u64(channel * ROWS + row)] = values[rows[tile * ROWS + row]]
    for row in range(valid):
        source = rows[tile * ROWS + row]
        packed[at + u64(RAW_CHANNELS * ROWS + row)] = neck[source]
        packed[at + u64((RAW_CHANNELS + 1) * ROWS + row)] = share[source]


@kernel(inline="never")
def _prepare_chunk(
    start, stop, rows, f, m, first, first_bias, centre, second, third, feature, feature_bias, rest, scales, neck, share,
    motion, constant, own_change, packed_rest,
):  # fmt: skip
    """`prepare` of tiles [start, stop); weights and outputs flat."""
    depth = np.int64(second.shape[0] // HIDDEN_SIZE)
    first_depth = depth * MOTION_SIZE // HIDDEN_SIZE
    sums, minus = scratch(HIDDEN_GROUP * ROWS, np.float32), scratch(HIDDEN_GROUP * ROWS, np.float32)
    values, features = scratch(MOTION_SIZE * ROWS, np.float32), scratch(FEATURE_SIZE * ROWS, np.float32)
    mean, scale = scratch(ROWS, np.float32), scratch(ROWS, np.float32)
    hidden, middle = scratch(depth * ROWS, second.dtype), scratch(HIDDEN_SIZE * ROWS, np.float32)
    count = rows.shape[0]
    for tile in range(start, stop):
        valid = min(ROWS, count - tile * ROWS)
        for row in range(ROWS):
            if row < valid:
                source = rows[tile * ROWS + row]
                for channel in range(MOTION_SIZE):
                    values[u64(channel * ROWS + row)] = m[source, channel]
                for channel in range(FEATURE_SIZE):
                    features[u64(channel * ROWS + row)] = f[source, channel]
            else:
                for channel in range(MOTION_SIZE):
                    values[u64(channel * ROWS + row)] = f32(0)
                for channel in range(FEATURE_SIZE):
                    features[u64(channel * ROWS + row)] = f32(0)
        for row in range(ROWS):
            mean[u64(row)] = f32(0)
            scale[u64(row)] = f32(0)
        for channel in range(MOTION_SIZE):
            for row in range(ROWS):
                mean[u64(row)] += values[u64(channel * ROWS) + u64(row)] * f32(1 / MOTION_SIZE)
        for channel in range(MOTION_SIZE):
            for row in range(ROWS):
                off = values[u64(channel * ROWS) + u64(row)] - mean[u64(row)]
                scale[u64(row)] += off * off * f32(1 / MOTION_SIZE)
        for row in range(ROWS):
            scale[u64(row)] = f32(1) / math.sqrt(scale[u64(row)] + _NORM_EPSILON)
        _pack_rest(rows, tile, valid, rest, scales, neck, share, packed_rest)
        motion_at = u64(tile * first_depth * ROWS)
        for pair in range(MOTION_SIZE // 2):
            for row in range(ROWS):
                lane = u64(row)
                even = (values[u64(2 * pair * ROWS) + lane] - mean[lane]) * scale[lane]
                odd = (values[u64((2 * pair + 1) * ROWS) + lane] - mean[lane]) * scale[lane]
                put_pair(motion, motion_at, u64(pair), lane, even, odd)

        first_layer_tile(
            motion, np.int64(tile * first_depth * ROWS), first, first_bias, centre, first_depth, sums, hidden
        )  # fmt: skip
        for group in range(_HIDDEN_GROUPS):
            multiply_hidden(
                hidden, np.int64(0), second, np.int64(group * depth * HIDDEN_GROUP), minus, np.int64(0), depth
            )  # fmt: skip
            multiply_hidden(
                features, np.int64(0), feature, np.int64(group * FEATURE_SIZE * HIDDEN_GROUP), sums, np.int64(0),
                np.int64(FEATURE_SIZE),
            )  # fmt: skip
            for pair in range(_PAIRS):
                even_at = u64(group * HIDDEN_GROUP + 2 * pair)
                even_bias, odd_bias = feature_bias[even_at], feature_bias[even_at + u64(1)]
                sums_at, target = u64(2 * pair * ROWS), u64(group * _PAIRS + pair)
                for row in range(ROWS):
                    lane = u64(row)
                    a, b = sums[sums_at + lane] + even_bias, sums[sums_at + u64(ROWS) + lane] + odd_bias
                    middle[target * u64(2 * ROWS) + lane] = softplus(a)
                    middle[target * u64(2 * ROWS) + u64(ROWS) + lane] = softplus(b)
                    a, b = a - minus[sums_at + lane], b - minus[sums_at + u64(ROWS) + lane]
                    put_pair(constant, u64(tile * depth * ROWS), target, lane, a, b)
        for half in range(RAW_CHANNELS // OUTPUT_GROUP):
            multiply_output(
                middle, np.int64(0), third, np.int64(half * HIDDEN_SIZE * OUTPUT_GROUP), own_change,
                np.int64((tile * RAW_CHANNELS + half * OUTPUT_GROUP) * ROWS), np.int64(HIDDEN_SIZE),
            )  # fmt: skip


@parallel_kernel()
def prepare(
    workers, rows, f, m, first, first_bias, centre, second, third, feature, feature_bias, rest, scales, neck, share,
    motion, constant, own_change, packed_rest, tickets,
):  # fmt: skip
    """Fill the packed tiles of the Gaussians ``rows`` (M,) int64, in that order.

    Args:
        workers: number of threads that draw work.
        f, m: (N, 48) float32.
        first, first_bias: packed weights and bias (96,) of the first layer at the photo's own expression.
        centre: (96,), see `FoldedNetworks.centre`.
        second, third: packed weights of the later layers.
        feature, feature_bias: U packed as float32, and u (96,).
        rest: (14, N) float32, see `Avatar`; scales: (3, N) float32, to take the place of their logarithms.
        neck, share: (N,) float32, neck and expression weights.
        motion, constant: packed tiles of 48 and 96 channels, written; packed_rest: (tiles, `REST_CHANNELS`, ROWS).
        own_change: (tiles, 14, ROWS) float32, written: third softplus(U f + u), what the networks give for the photo's
            own expression but for rounding.
        tickets: (1,) int64 zero, the work counter.
    """
    tiles = motion.shape[0]
    for _ in prange(workers):
        while True:
            start = next_ticket(tickets, 0) * TILES_PER_CHUNK
            if start >= tiles:
                break
            _prepare_chunk(
                start, min(tiles, start + TILES_PER_CHUNK), rows, f, m, first.reshape(-1), first_bias, centre,
                second.reshape(-1), third.reshape(-1), feature.reshape(-1), feature_bias, rest, scales, neck, share,
                motion.reshape(-1), constant.reshape(-1), own_change.reshape(-1), packed_rest.reshape(-1),
            )  # fmt: skip


def compile_kernels() -> None:
    """Compile, or load from the disk cache, what this processor's precision needs, by preparing one Gaussian."""
    dtype, packing = (np.int32, 2) if fastest_precision() == "bf16" else (np.float32, 1)
    depth, inner = MOTION_SIZE // packing, HIDDEN_SIZE // packing
    bias = np.zeros(HIDDEN_SIZE, np.float32)
    prepare(
        1, np.zeros(1, np.int64), np.zeros((1, FEATURE_SIZE), np.float32), np.zeros((1, MOTION_SIZE), np.float32),
        aligned((_HIDDEN_GROUPS, depth, HIDDEN_GROUP), dtype), bias, bias,
        aligned((_HIDDEN_GROUPS, inner, HIDDEN_GROUP), dtype),
        aligned((RAW_CHANNELS // OUTPUT_GROUP, HIDDEN_SIZE, OUTPUT_GROUP), np.float32),
        aligned((_HIDDEN_GROUPS, FEATURE_SIZE, HIDDEN_GROUP), np.float32), bias,
        np.zeros((RAW_CHANNELS, 1), np.float32), np.zeros((3, 1), np.float32), bias[:1],
        bias[:1],
        aligned((1, depth, ROWS), dtype), aligned((1, inner, ROWS), dtype),
        aligned((1, RAW_CHANNELS, ROWS), np.float32), aligned((1, REST_CHANNELS, ROWS), np.float32),
        np.zeros(1, np.int64),
    )  # fmt: skip
