"""The animator's compiled frame step: networks of one tile of Gaussians, then its attributes and head pose.

The two networks are three layers once folded (`animator_folding`):

    hidden = softplus(first m + first_bias) - centre
    middle = softplus(second hidden + constant)
    change = third middle

``first`` and ``first_bias`` are new in each frame, ``centre`` and ``constant`` are the avatar's. A tile passes through
all layers in the first-level cache. Threads draw chunks of tiles from a counter.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import prange

from avatar_core.models.animator_dense import get_pair, multiply_hidden, multiply_output, put_pair, softplus
from avatar_core.models.animator_layout import HIDDEN_GROUP, OUTPUT_GROUP, ROWS, aligned, fastest_precision, tile_count
from avatar_core.models.gaussian_decoder import RAW_CHANNELS
from avatar_core.models.motion_decoder import HIDDEN_SIZE, MOTION_SIZE
from avatar_core.rendering.jit import inlined, kernel, parallel_kernel
from avatar_core.rendering.vector_math import exponential, f32, next_ticket, sigmoid

u64 = np.uint64

POSE_SIZE = 10
"""A head pose as the kernels take it: unit axis 3, half the angle in radians, pivot 3, translation 3."""

TILES_PER_CHUNK = 32  # about a thousand Gaussians, a hundredth of a frame's work
_HIDDEN_GROUPS = HIDDEN_SIZE // HIDDEN_GROUP
_PAIRS = HIDDEN_GROUP // 2
_CHANNEL_ROWS = tuple(u64(channel * ROWS) for channel in range(RAW_CHANNELS))
_X, _Y, _Z, _SX, _SY, _SZ, _QW, _QX, _QY, _QZ, _OPACITY, _RED, _GREEN, _BLUE = _CHANNEL_ROWS
_REST = u64(RAW_CHANNELS * ROWS)
_NECK = u64(2 * RAW_CHANNELS * ROWS)
LOCAL_SIZE = (2 * RAW_CHANNELS + 1) * ROWS
"""float32 scratch of `_finish_tile`: change, rest attributes, neck weight."""


@kernel(inline="never")
def _decode_tile(
    tile, motion, first, first_bias, centre, constant, second, third, sums, hidden, middle, change, change_at
):
    """The networks of one tile: writes (14, ROWS) at ``change_at`` of ``change``. All arrays flat.

    ``sums`` (HIDDEN_GROUP * ROWS,), ``middle`` (96 * ROWS,) float32 and ``hidden`` (a packed tile of 96 channels) are
    scratch. The last layer is small and stays in float32.
    """
    depth = np.int64(hidden.shape[0] // ROWS)
    first_depth = depth * MOTION_SIZE // HIDDEN_SIZE
    for group in range(_HIDDEN_GROUPS):
        multiply_hidden(
            motion, np.int64(tile * first_depth * ROWS), first, np.int64(group * first_depth * HIDDEN_GROUP),
            sums, np.int64(0), first_depth,
        )  # fmt: skip
        for pair in range(_PAIRS):
            channel = u64(group * HIDDEN_GROUP + 2 * pair)
            even, odd = first_bias[channel], first_bias[channel + u64(1)]
            even_centre, odd_centre = centre[channel], centre[channel + u64(1)]
            source, target = u64(2 * pair * ROWS), u64(group * _PAIRS + pair)
            for row in range(ROWS):
                lane = u64(row)
                a, b = sums[source + lane] + even, sums[source + u64(ROWS) + lane] + odd
                put_pair(hidden, u64(0), target, lane, softplus(a) - even_centre, softplus(b) - odd_centre)
    constant_at = u64(tile * depth * ROWS)
    for group in range(_HIDDEN_GROUPS):
        multiply_hidden(
            hidden, np.int64(0), second, np.int64(group * depth * HIDDEN_GROUP), sums, np.int64(0), depth
        )  # fmt: skip
        for pair in range(_PAIRS):
            source, target = u64(2 * pair * ROWS), u64(group * _PAIRS + pair)
            for row in range(ROWS):
                lane = u64(row)
                even, odd = get_pair(constant, constant_at, target, lane)
                a, b = sums[source + lane] + even, sums[source + u64(ROWS) + lane] + odd
                middle[target * u64(2 * ROWS) + lane] = softplus(a)
                middle[target * u64(2 * ROWS) + u64(ROWS) + lane] = softplus(b)
    for half in range(RAW_CHANNELS // OUTPUT_GROUP):
        multiply_output(
            middle, np.int64(0), third, np.int64(half * HIDDEN_SIZE * OUTPUT_GROUP),
            change, np.int64(change_at + half * OUTPUT_GROUP * ROWS), np.int64(HIDDEN_SIZE),
        )  # fmt: skip


@parallel_kernel()
def decode(motion, first, first_bias, centre, constant, second, third, sums, hidden, middle, output, tickets):
    """The networks of all tiles: ``output`` (tiles, 14, ROWS) float32. Scratch has one row per worker."""
    tiles = output.shape[0]
    flat = output.reshape(-1)
    for worker in prange(sums.shape[0]):
        while True:
            start = next_ticket(tickets, 0) * TILES_PER_CHUNK
            if start >= tiles:
                break
            for tile in range(start, min(tiles, start + TILES_PER_CHUNK)):
                _decode_tile(
                    tile, motion.reshape(-1), first.reshape(-1), first_bias, centre, constant.reshape(-1),
                    second.reshape(-1), third.reshape(-1), sums[worker], hidden[worker], middle[worker],
                    flat, tile * RAW_CHANNELS * ROWS,
                )  # fmt: skip


@inlined()
def _half_turn(weight, half_angle):
    """Cosine and sine of ``weight`` * ``half_angle``, for angles in [0, pi / 2]; error below 1e-7; exact at 0."""
    a = weight * half_angle
    s = a * a
    sine = f32(-1 / 39916800)
    sine = sine * s + f32(1 / 362880)
    sine = sine * s + f32(-1 / 5040)
    sine = sine * s + f32(1 / 120)
    sine = sine * s + f32(-1 / 6)
    sine = a + a * (s * sine)
    cosine = f32(1 / 479001600)
    cosine = cosine * s + f32(-1 / 3628800)
    cosine = cosine * s + f32(1 / 40320)
    cosine = cosine * s + f32(-1 / 720)
    cosine = cosine * s + f32(1 / 24)
    cosine = cosine * s + f32(-0.5)
    return f32(1) + s * cosine, sine


@inlined()
def _turned(x, y, z, weight, cosine, sine, pose):
    """A point under the blended head pose: x + (R - 1)(x - pivot) + weight * translation; itself at no pose."""
    ux, uy, uz = sine * pose[0], sine * pose[1], sine * pose[2]
    dx, dy, dz = x - pose[4], y - pose[5], z - pose[6]
    cx, cy, cz = uy * dz - uz * dy, uz * dx - ux * dz, ux * dy - uy * dx
    two = f32(2)
    return (
        x + (two * (cosine * cx + (uy * cz - uz * cy)) + weight * pose[7]),
        y + (two * (cosine * cy + (uz * cx - ux * cz)) + weight * pose[8]),
        z + (two * (cosine * cz + (ux * cy - uy * cx)) + weight * pose[9]),
    )


@inlined()
def _product(aw, ax, ay, az, bw, bx, by, bz):
    """The quaternion product a b."""
    return (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )


@kernel(inline="never")
def _finish_tile(local, pose):
    """Change -> attributes -> head pose for the tile in ``local`` (flat; change, rest, neck weight), in place.

    Rest holds scales (not their logarithms) and the opacity logit. The result replaces the change.
    """
    for row in range(ROWS):
        i = u64(row)
        rest = _REST + i
        weight = local[_NECK + i]
        cosine, sine = _half_turn(weight, pose[3])
        x, y, z = local[rest + _X] + local[i + _X], local[rest + _Y] + local[i + _Y], local[rest + _Z] + local[i + _Z]
        x, y, z = _turned(x, y, z, weight, cosine, sine, pose)
        dw, dx, dy, dz = f32(1) + local[i + _QW], local[i + _QX], local[i + _QY], local[i + _QZ]
        shrink = f32(1) / math.sqrt(dw * dw + dx * dx + dy * dy + dz * dz + f32(1e-30))
        qw, qx, qy, qz = _product(
            dw * shrink, dx * shrink, dy * shrink, dz * shrink,
            local[rest + _QW], local[rest + _QX], local[rest + _QY], local[rest + _QZ],
        )  # fmt: skip
        qw, qx, qy, qz = _product(cosine, sine * pose[0], sine * pose[1], sine * pose[2], qw, qx, qy, qz)
        local[i + _X], local[i + _Y], local[i + _Z] = x, y, z
        local[i + _QW], local[i + _QX], local[i + _QY], local[i + _QZ] = qw, qx, qy, qz
        local[i + _SX] = local[rest + _SX] * exponential(local[i + _SX])
        local[i + _SY] = local[rest + _SY] * exponential(local[i + _SY])
        local[i + _SZ] = local[rest + _SZ] * exponential(local[i + _SZ])
        local[i + _OPACITY] = sigmoid(local[rest + _OPACITY] + local[i + _OPACITY])
        local[i + _RED] = min(max(local[rest + _RED] + local[i + _RED], f32(0)), f32(1))
        local[i + _GREEN] = min(max(local[rest + _GREEN] + local[i + _GREEN], f32(0)), f32(1))
        local[i + _BLUE] = min(max(local[rest + _BLUE] + local[i + _BLUE], f32(0)), f32(1))


@kernel(inline="never")
def _animate_tile(tile, moving, rest_change, rest, neck, pose, local, out):
    """Finish the tile whose change stands in ``local`` and write its valid rows to ``out`` (14, N)."""
    start = tile * ROWS
    valid = min(ROWS, moving - start)
    change_at = u64(tile * RAW_CHANNELS * ROWS)
    for i in range(RAW_CHANNELS * ROWS):
        local[u64(i)] -= rest_change[change_at + u64(i)]
    for channel in range(RAW_CHANNELS):
        target = _REST + u64(channel * ROWS)
        for row in range(valid):
            local[target + u64(row)] = rest[channel, start + row]
    for row in range(valid):
        local[_NECK + u64(row)] = neck[start + row]
    _finish_tile(local, pose)
    for channel in range(RAW_CHANNELS):
        source = u64(channel * ROWS)
        for row in range(valid):
            out[channel, start + row] = local[source + u64(row)]


@kernel(inline="never")
def _pose_still(start, stop, rest, neck, pose, out):
    """Head pose alone for Gaussians [start, stop); their scale, opacity and colour stand in ``out`` already."""
    for i in range(start, stop):
        weight = neck[i]
        cosine, sine = _half_turn(weight, pose[3])
        x, y, z = _turned(rest[0, i], rest[1, i], rest[2, i], weight, cosine, sine, pose)
        qw, qx, qy, qz = _product(
            cosine, sine * pose[0], sine * pose[1], sine * pose[2], rest[6, i], rest[7, i], rest[8, i], rest[9, i]
        )
        out[0, i], out[1, i], out[2, i] = x, y, z
        out[6, i], out[7, i], out[8, i], out[9, i] = qw, qx, qy, qz


@parallel_kernel()
def animate(
    moving, motion, first, first_bias, centre, constant, second, third, rest_change, rest, neck, pose,
    sums, hidden, middle, local, out, tickets,
):  # fmt: skip
    """One frame: Gaussians [0, moving) through the networks, the others by head pose alone.

    Args:
        moving: how many Gaussians move with the expression; they come first.
        motion, constant: packed per-Gaussian inputs; first, second, third: packed weights; first_bias, centre (96,).
        rest_change: (tiles, 14, ROWS) what `decode` gives for the photo's own expression.
        rest: (14, N) position, scale, quaternion, opacity logit, colour of the photo; neck: (N,).
        pose: (`POSE_SIZE`,) float32.
        sums, hidden, middle, local: scratch, one row per worker.
        out: (14, N) float32, planar Gaussians.
        tickets: (1,) int64 zero, the work counter.
    """
    count = rest.shape[1]
    tiles = (moving + ROWS - 1) // ROWS
    chunk_rows = TILES_PER_CHUNK * ROWS
    moving_chunks = (tiles + TILES_PER_CHUNK - 1) // TILES_PER_CHUNK
    still_chunks = (count - moving + chunk_rows - 1) // chunk_rows
    for worker in prange(sums.shape[0]):
        while True:
            ticket = next_ticket(tickets, 0)
            if ticket >= moving_chunks + still_chunks:
                break
            if ticket < moving_chunks:
                start = ticket * TILES_PER_CHUNK
                for tile in range(start, min(tiles, start + TILES_PER_CHUNK)):
                    _decode_tile(
                        tile, motion.reshape(-1), first.reshape(-1), first_bias, centre, constant.reshape(-1),
                        second.reshape(-1), third.reshape(-1), sums[worker], hidden[worker], middle[worker],
                        local[worker], 0,
                    )  # fmt: skip
                    _animate_tile(tile, moving, rest_change.reshape(-1), rest, neck, pose, local[worker], out)
            else:
                start = moving + (ticket - moving_chunks) * chunk_rows
                _pose_still(start, min(count, start + chunk_rows), rest, neck, pose, out)


def compile_kernels() -> None:
    """Compile, or load from the disk cache, what this processor's precision needs, by animating one Gaussian."""
    dtype, packing = (np.int32, 2) if fastest_precision() == "bf16" else (np.float32, 1)
    depth, inner = MOTION_SIZE // packing, HIDDEN_SIZE // packing
    motion, constant = aligned((tile_count(1), depth, ROWS), dtype), aligned((tile_count(1), inner, ROWS), dtype)
    first = aligned((_HIDDEN_GROUPS, depth, HIDDEN_GROUP), dtype)
    second = aligned((_HIDDEN_GROUPS, inner, HIDDEN_GROUP), dtype)
    third = aligned((RAW_CHANNELS // OUTPUT_GROUP, HIDDEN_SIZE, OUTPUT_GROUP), np.float32)
    bias = np.zeros(HIDDEN_SIZE, np.float32)
    sums, hidden = aligned((1, HIDDEN_GROUP * ROWS), np.float32), aligned((1, inner * ROWS), dtype)
    middle, local = aligned((1, HIDDEN_SIZE * ROWS), np.float32), aligned((1, LOCAL_SIZE), np.float32)
    output = aligned((tile_count(1), RAW_CHANNELS, ROWS), np.float32)
    numba.set_num_threads(1)
    decode(motion, first, bias, bias, constant, second, third, sums, hidden, middle, output, np.zeros(1, np.int64))
    rest, neck = np.ones((RAW_CHANNELS, 2), np.float32), np.ones(2, np.float32)
    animate(
        1, motion, first, bias, bias, constant, second, third, output, rest, neck, np.zeros(POSE_SIZE, np.float32),
        sums, hidden, middle, local, np.empty_like(rest), np.zeros(1, np.int64),
    )  # fmt: skip
