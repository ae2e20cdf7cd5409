"""The descriptor networks' compiled pass: a tile of Gaussians through all their layers in the first-level cache.

The layers are those of `descriptors.DescriptorNetwork`; their inputs stand in another order here, so that sine and
cosine of one angle form a pair:

    warp    [sin, cos of pi 2^k u (3 axes x 3 octaves), u, embedding]                                           float32
    main    [sin, cos of pi 2^k u (3 x 6), the same of the opened u, u, opened u, normal, embedding, 0]          packed

`CpuDescriber` packs the weights to match. The warp stays in float32, its silu exact: its result is multiplied by up to
32 pi.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from avatar_core.models.animator_dense import multiply_hidden, multiply_output, put_pair, quick_silu, scratch
from avatar_core.models.animator_layout import HIDDEN_GROUP, OUTPUT_GROUP, ROWS
from avatar_core.models.descriptors import EMBEDDING_SIZE, OCTAVES, WARP_OCTAVES
from avatar_core.models.motion_decoder import FEATURE_SIZE
from avatar_core.rendering.jit import inlined, kernel, parallel_kernel
from avatar_core.rendering.vector_math import bits_float, f32, float_bits, next_ticket, sigmoid

u64 = np.uint64

WARP_INPUTS = 6 * WARP_OCTAVES + 3 + EMBEDDING_SIZE
MAIN_INPUTS = 2 * 6 * OCTAVES + 9 + EMBEDDING_SIZE + 1
TILES_PER_CHUNK = 32
_PAIRS = HIDDEN_GROUP // 2
_ANGLES = 3 * OCTAVES
_BIAS = f32(65536.5)
_TO_SUBNORMAL, _SUBNORMAL, _SMALLEST_NORMAL = f32(16777216.0), f32(1 / 16777216.0), f32(6.103515625e-05)


@inlined()
def sine_cosine(t):
    """sin(pi t) and cos(pi t); |t| below 2^15; absolute error below 2e-6."""
    whole = np.int32(t + _BIAS) - np.int32(65536)
    r = t - f32(whole)
    sign = f32(np.int32(1) - np.int32(2) * (whole & np.int32(1)))
    s = r * r
    sine = f32(-0.007370430945)
    sine = sine * s + f32(0.08214588661)
    sine = sine * s + f32(-0.5992645293)
    sine = sine * s + f32(2.550164040)
    sine = sine * s + f32(-5.167712780)
    sine = sine * s + f32(3.141592654)
    cosine = f32(0.001929574310)
    cosine = cosine * s + f32(-0.02580689139)
    cosine = cosine * s + f32(0.2353306304)
    cosine = cosine * s + f32(-1.335262769)
    cosine = cosine * s + f32(4.058712126)
    cosine = cosine * s + f32(-4.934802201)
    cosine = cosine * s + f32(1)
    return sign * r * sine, sign * cosine


@inlined()
def half_rounded(x):
    """The float32 nearest to x that half precision can hold, for |x| below 65504."""
    bits = float_bits(x)
    rounded = bits_float((bits + np.int32(0xFFF) + ((bits >> np.int32(13)) & np.int32(1))) & np.int32(-8192))
    near = min(max(x, -_SMALLEST_NORMAL), _SMALLEST_NORMAL)
    steps = np.int32(near * _TO_SUBNORMAL + f32(2048.5)) - np.int32(2048)
    return rounded if abs(x) > _SMALLEST_NORMAL else f32(steps) * _SUBNORMAL


@inlined()
def exact_silu(x):
    """x sigmoid(x)."""
    return x * sigmoid(x)


@inlined()
def _silu_layer(silu, inputs, weights, bias, sums, output):
    """Writes ``silu`` of (weights inputs + bias) of one tile to ``output``, in the layout of its type; arrays flat."""
    depth = np.int64(inputs.shape[0] // ROWS)
    for group in range(bias.shape[0] // HIDDEN_GROUP):
        multiply_hidden(inputs, np.int64(0), weights, np.int64(group * depth * HIDDEN_GROUP), sums, np.int64(0), depth)
        for pair in range(_PAIRS):
            channel = u64(group * HIDDEN_GROUP + 2 * pair)
            even, odd = bias[channel], bias[channel + u64(1)]
            source, target = u64(2 * pair * ROWS), u64(group * _PAIRS + pair)
            for row in range(ROWS):
                lane = u64(row)
                a, b = sums[source + lane] + even, sums[source + u64(ROWS) + lane] + odd
                put_pair(output, u64(0), target, lane, silu(a), silu(b))


@inlined()
def _head(inputs, weights, bias, first, sums, turned, start, valid, rows, output):
    """Writes channels [first, first + output's width) of a linear layer to ``output`` (N, width) flat, at ``rows``."""
    depth = np.int64(inputs.shape[0] // ROWS)
    for group in range(FEATURE_SIZE // HIDDEN_GROUP):
        at = np.int64((first // HIDDEN_GROUP + group) * depth * HIDDEN_GROUP)
        multiply_hidden(inputs, np.int64(0), weights, at, sums, np.int64(0), depth)
        for channel in range(HIDDEN_GROUP):
            offset = bias[first + group * HIDDEN_GROUP + channel]
            for row in range(ROWS):
                place = u64(channel * ROWS + row)
                turned[place] = half_rounded(sums[place] + offset)
        for row in range(valid):
            target = u64(rows[start + row] * FEATURE_SIZE + group * HIDDEN_GROUP)
            for channel in range(HIDDEN_GROUP):
                output[target + u64(channel)] = turned[u64(channel * ROWS + row)]


@kernel(inline="never")
def _describe_chunk(
    start, stop, rows, u, normal, label, embedding, warp_first, warp_first_bias, warp_second, warp_second_bias,
    warp_last, warp_last_bias, first, first_bias, second, second_bias, heads, heads_bias, packing, feature, motion,
):  # fmt: skip
    """`describe` of tiles [start, stop); weights, biases and outputs flat; ``packing`` channels fill one item."""
    hidden_size, warp_size = first_bias.shape[0], warp_first_bias.shape[0]
    sums, turned = scratch(HIDDEN_GROUP * ROWS, np.float32), scratch(HIDDEN_GROUP * ROWS, np.float32)
    place, opened = scratch(6 * ROWS, np.float32), scratch(OUTPUT_GROUP * ROWS, np.float32)
    warp_inputs = scratch(WARP_INPUTS * ROWS, np.float32)
    warp_hidden, warp_middle = scratch(warp_size * ROWS, np.float32), scratch(warp_size * ROWS, np.float32)
    inputs = scratch(MAIN_INPUTS // packing * ROWS, first.dtype)
    hidden = scratch(hidden_size // packing * ROWS, first.dtype)
    middle = scratch(hidden_size // packing * ROWS, first.dtype)
    labels = np.empty(ROWS, np.int64)
    count = rows.shape[0]
    for tile in range(start, stop):
        valid = min(ROWS, count - tile * ROWS)
        for row in range(ROWS):
            source = rows[tile * ROWS + min(row, valid - 1)]
            labels[row] = label[source]
            for axis in range(3):
                place[u64(axis * ROWS + row)] = u[source, axis]
                place[u64((3 + axis) * ROWS + row)] = normal[source, axis]
        for axis in range(3):
            for octave in range(OCTAVES):
                scale, pair = f32(1 << octave), u64(axis * OCTAVES + octave)
                warp_at = u64(2 * (axis * WARP_OCTAVES + octave) * ROWS)
                for row in range(ROWS):
                    lane = u64(row)
                    sine, cosine = sine_cosine(place[u64(axis * ROWS) + lane] * scale)
                    put_pair(inputs, u64(0), pair, lane, sine, cosine)
                    if octave < WARP_OCTAVES:
                        warp_inputs[warp_at + lane] = sine
                        warp_inputs[warp_at + u64(ROWS) + lane] = cosine
        for row in range(ROWS):
            for axis in range(3):
                warp_inputs[u64((6 * WARP_OCTAVES + axis) * ROWS + row)] = place[u64(axis * ROWS + row)]
            for index in range(EMBEDDING_SIZE):
                warp_inputs[u64((6 * WARP_OCTAVES + 3 + index) * ROWS + row)] = embedding[labels[row], index]

        _silu_layer(exact_silu, warp_inputs, warp_first, warp_first_bias, sums, warp_hidden)
        _silu_layer(exact_silu, warp_hidden, warp_second, warp_second_bias, sums, warp_middle)
        multiply_output(
            warp_middle, np.int64(0), warp_last, np.int64(0), opened, np.int64(0), np.int64(warp_size)
        )  # fmt: skip
        for axis in range(3):
            for row in range(ROWS):
                here = u64(axis * ROWS + row)
                opened[here] += warp_last_bias[axis] + place[here]
            for octave in range(OCTAVES):
                scale, pair = f32(1 << octave), u64(_ANGLES + axis * OCTAVES + octave)
                for row in range(ROWS):
                    lane = u64(row)
                    sine, cosine = sine_cosine(opened[u64(axis * ROWS) + lane] * scale)
                    put_pair(inputs, u64(0), pair, lane, sine, cosine)
        for row in range(ROWS):
            lane, own = u64(row), labels[row]
            x, y, z = place[lane], place[u64(ROWS) + lane], place[u64(2 * ROWS) + lane]
            open_x, open_y, open_z = opened[lane], opened[u64(ROWS) + lane], opened[u64(2 * ROWS) + lane]
            normal_x, normal_y = place[u64(3 * ROWS) + lane], place[u64(4 * ROWS) + lane]
            pair = u64(2 * _ANGLES)
            put_pair(inputs, u64(0), pair, lane, x, y)
            put_pair(inputs, u64(0), pair + u64(1), lane, z, open_x)
            put_pair(inputs, u64(0), pair + u64(2), lane, open_y, open_z)
            put_pair(inputs, u64(0), pair + u64(3), lane, normal_x, normal_y)
            put_pair(inputs, u64(0), pair + u64(4), lane, place[u64(5 * ROWS) + lane], embedding[own, 0])
            for index in range(1, EMBEDDING_SIZE, 2):
                after = embedding[own, index + 1] if index + 1 < EMBEDDING_SIZE else f32(0)
                put_pair(inputs, u64(0), pair + u64(5 + index // 2), lane, embedding[own, index], after)

        _silu_layer(quick_silu, inputs, first, first_bias, sums, hidden)
        _silu_layer(quick_silu, hidden, second, second_bias, sums, middle)
        _head(middle, heads, heads_bias, 0, sums, turned, tile * ROWS, valid, rows, feature)
        _head(middle, heads, heads_bias, FEATURE_SIZE, sums, turned, tile * ROWS, valid, rows, motion)


@parallel_kernel()
def describe(
    workers, rows, u, normal, label, embedding, warp_first, warp_first_bias, warp_second, warp_second_bias, warp_last,
    warp_last_bias, first, first_bias, second, second_bias, heads, heads_bias, packing, feature, motion, tickets,
):  # fmt: skip
    """Features and motion bases of Gaussians ``rows`` (M,) int64, rounded to half precision.

    Args:
        workers: number of threads that draw work.
        u, normal: (N, 3) float32; label: (N,) uint8, as `network_label` gives it; embedding: (labels, 16) float32.
        warp_*: packed float32 weights and biases of the jaw's warp; first, second, heads: packed weights of the main
            layers, the feature's and then the motion basis's channels in ``heads``.
        packing: 2 where these are bf16 pairs, 1 where they are float32.
        feature, motion: (N, 48) float32; rows other than ``rows`` are left as they are.
        tickets: (1,) int64 zero, the work counter.
    """
    tiles = (rows.shape[0] + ROWS - 1) // ROWS
    for _ in prange(workers):
        while True:
            start = next_ticket(tickets, 0) * TILES_PER_CHUNK
            if start >= tiles:
                break
            _describe_chunk(
                start, min(tiles, start + TILES_PER_CHUNK), rows, u, normal, label, embedding, warp_first.reshape(-1),
                warp_first_bias, warp_second.reshape(-1), warp_second_bias, warp_last.reshape(-1), warp_last_bias,
                first.reshape(-1), first_bias, second.reshape(-1), second_bias, heads.reshape(-1), heads_bias, packing,
                feature.reshape(-1), motion.reshape(-1),
            )  # fmt: skip
