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

import numpy as np
from numba import prange

from avatar_core.models.animator_dense import get_pair, multiply_hidden, multiply_output, put_pair, scratch, softplus
from avatar_core.models.animator_layout import HIDDEN_GROUP, OUTPUT_GROUP, ROWS
from avatar_core.models.gaussian_decoder import RAW_CHANNELS
from avatar_core.models.motion_decoder import HIDDEN_SIZE, MOTION_SIZE
from avatar_core.rendering.jit import inlined, kernel, parallel_kernel
from avatar_core.rendering.vector_math import exponential, f32, next_ticket, sigmoid

u64 = np.uint64

REST_CHANNELS = RAW_CHANNELS + 2
"""Channels of a rest tile: position, scale, quaternion, opacity logit, colour of the photo; neck, expression weight."""

TILES_PER_CHUNK = 32  # about a thousand Gaussians, a hundredth of a frame's work
_HIDDEN_GROUPS = HIDDEN_SIZE // HIDDEN_GROUP
_PAIRS = HIDDEN_GROUP // 2
CHANGE_TILE = RAW_CHANNELS * ROWS
REST_TILE = REST_CHANNELS * ROWS
_CHANNEL_ROWS = tuple(u64(channel * ROWS) for channel in range(REST_CHANNELS))
_X, _Y, _Z, _SX, _SY, _SZ, _QW, _QX, _QY, _QZ, _OPACITY, _RED, _GREEN, _BLUE, _NECK, _SHARE = _CHANNEL_ROWS
REST = u64(CHANGE_TILE)


@inlined()
def first_layer_tile(motion, motion_at, first, bias, centre, depth, sums, hidden):
    """Writes softplus(first m + ``bias``) - ``centre`` of the tile that begins at ``motion_at`` to ``hidden``; arrays
    flat, ``depth`` packed items per Gaussian."""
    for group in range(_HIDDEN_GROUPS):
        multiply_hidden(
            motion, motion_at, first, np.int64(group * depth * HIDDEN_GROUP), sums, np.int64(0), depth
        )  # fmt: skip
        for pair in range(_PAIRS):
            channel = u64(group * HIDDEN_GROUP + 2 * pair)
            even, odd = bias[channel], bias[channel + u64(1)]
            even_centre, odd_centre = centre[channel], centre[channel + u64(1)]
            source, target = u64(2 * pair * ROWS), u64(group * _PAIRS + pair)
            for row in range(ROWS):
                lane = u64(row)
                a, b = sums[source + lane] + even, sums[source + u64(ROWS) + lane] + odd
                put_pair(hidden, u64(0), target, lane, softplus(a) - even_centre, softplus(b) - odd_centre)


@inlined()
def decode_tile(tile, motion, first, first_bias, centre, constant, second, third, sums, hidden, middle, change):
    """The networks of one tile: writes (14, ROWS) to ``change``. All arrays flat.

    ``sums`` (HIDDEN_GROUP * ROWS,), ``middle`` (96 * ROWS,) float32 and ``hidden`` (a packed tile of 96 channels) are
    scratch. The last layer is small and stays in float32.
    """
    depth = np.int64(hidden.shape[0] // ROWS)
    first_depth = depth * MOTION_SIZE // HIDDEN_SIZE
    first_layer_tile(motion, np.int64(tile * first_depth * ROWS), first, first_bias, centre, first_depth, sums, hidden)
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
            change, np.int64(half * OUTPUT_GROUP * ROWS), np.int64(HIDDEN_SIZE),
        )  # fmt: skip


@kernel(inline="never")
def _decode_chunk(start, stop, motion, first, first_bias, centre, constant, second, third, output):
    """`decode` of tiles [start, stop); arrays flat."""
    depth = constant.shape[0] // (output.shape[0] // RAW_CHANNELS)
    sums, hidden = scratch(HIDDEN_GROUP * ROWS, np.float32), scratch(depth * ROWS, motion.dtype)
    middle, change = scratch(HIDDEN_SIZE * ROWS, np.float32), scratch(CHANGE_TILE, np.float32)
    for tile in range(start, stop):
        decode_tile(tile, motion, first, first_bias, centre, constant, second, third, sums, hidden, middle, change)
        at = u64(tile * CHANGE_TILE)
        for i in range(CHANGE_TILE):
            output[at + u64(i)] = change[u64(i)]


@parallel_kernel()
def decode(workers, motion, first, first_bias, centre, constant, second, third, output, tickets):
    """The networks of all tiles: ``output`` (tiles, 14, ROWS) float32; other arguments as for `animate`."""
    tiles = output.shape[0]
    for _ in prange(workers):
        while True:
            start = next_ticket(tickets, 0) * TILES_PER_CHUNK
            if start >= tiles:
                break
            _decode_chunk(
                start, min(tiles, start + TILES_PER_CHUNK), motion.reshape(-1), first.reshape(-1), first_bias, centre,
                constant.reshape(-1), second.reshape(-1), third.reshape(-1), output.reshape(-1),
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
def finish_tile(local, pose):
    """Change -> attributes -> head pose for the tile in ``local`` (flat; change, then rest), in place.

    Rest holds scales (not their logarithms) and the opacity logit. The result replaces the change.
    """
    for row in range(ROWS):
        i = u64(row)
        rest = REST + i
        weight, share = local[rest + _NECK], local[rest + _SHARE]
        cosine, sine = _half_turn(weight, pose[3])
        x = local[rest + _X] + share * local[i + _X]
        y = local[rest + _Y] + share * local[i + _Y]
        z = local[rest + _Z] + share * local[i + _Z]
        x, y, z = _turned(x, y, z, weight, cosine, sine, pose)
        dw, dx = f32(1) + share * local[i + _QW], share * local[i + _QX]
        dy, dz = share * local[i + _QY], share * local[i + _QZ]
        norm = dw * dw + dx * dx + dy * dy + dz * dz + f32(1e-30)
        # on some processors LLVM takes an estimate of the root, which is not exactly 1 at 1
        shrink = f32(1) if norm == f32(1) else f32(1) / math.sqrt(norm)
        qw, qx, qy, qz = _product(
            dw * shrink, dx * shrink, dy * shrink, dz * shrink,
            local[rest + _QW], local[rest + _QX], local[rest + _QY], local[rest + _QZ],
        )  # fmt: skip
        qw, qx, qy, qz = _product(cosine, sine * pose[0], sine * pose[1], sine * pose[2], qw, qx, qy, qz)
        local[i + _X], local[i + _Y], local[i + _Z] = x, y, z
        local[i + _QW], local[i + _QX], local[i + _QY], local[i + _QZ] = qw, qx, qy, qz
        local[i + _SX] = local[rest + _SX] * exponential(share * local[i + _SX])
        local[i + _SY] = local[rest + _SY] * exponential(share * local[i + _SY])
        local[i + _SZ] = local[rest + _SZ] * exponential(share * local[i + _SZ])
        local[i + _OPACITY] = sigmoid(local[rest + _OPACITY] + share * local[i + _OPACITY])
        local[i + _RED] = min(max(local[rest + _RED] + share * local[i + _RED], f32(0)), f32(1))
        local[i + _GREEN] = min(max(local[rest + _GREEN] + share * local[i + _GREEN], f32(0)), f32(1))
        local[i + _BLUE] = min(max(local[rest + _BLUE] + share * local[i + _BLUE], f32(0)), f32(1))


@kernel(inline="never")
def _animate_chunk(
    start, stop, moving, motion, first, first_bias, centre, constant, second, third, rest_change, rest, pose, out, count
):
    """`animate` of tiles [start, stop); arrays flat, ``out`` (14 * count,)."""
    depth = constant.shape[0] // (rest.shape[0] // REST_CHANNELS)
    sums, hidden = scratch(HIDDEN_GROUP * ROWS, np.float32), scratch(depth * ROWS, motion.dtype)
    middle, local = scratch(HIDDEN_SIZE * ROWS, np.float32), scratch(CHANGE_TILE + REST_TILE, np.float32)
    for tile in range(start, stop):
        decode_tile(tile, motion, first, first_bias, centre, constant, second, third, sums, hidden, middle, local)
        at = u64(tile * CHANGE_TILE)
        for i in range(CHANGE_TILE):
            local[u64(i)] -= rest_change[at + u64(i)]
        at = u64(tile * REST_TILE)
        for i in range(REST_TILE):
            local[REST + u64(i)] = rest[at + u64(i)]
        finish_tile(local, pose)
        valid = min(ROWS, moving - tile * ROWS)
        for channel in range(RAW_CHANNELS):
            source, target = u64(channel * ROWS), u64(channel * count + tile * ROWS)
            for row in range(valid):
                out[target + u64(row)] = local[source + u64(row)]


@kernel(inline="never")
def pose_still(start, stop, still, pose, out, moving, count):
    """Head pose alone for Gaussians [start, stop); their scale, opacity and colour stand in ``out`` already.

    ``still`` (8 * (count - moving),) holds position, quaternion and neck weight of the Gaussians from ``moving`` on.
    """
    stride = u64(count - moving)
    for index in range(start, stop):
        i, o = u64(index - moving), u64(index)
        weight = still[u64(7) * stride + i]
        cosine, sine = _half_turn(weight, pose[3])
        x, y, z = _turned(still[i], still[stride + i], still[u64(2) * stride + i], weight, cosine, sine, pose)
        qw, qx, qy, qz = _product(
            cosine, sine * pose[0], sine * pose[1], sine * pose[2],
            still[u64(3) * stride + i], still[u64(4) * stride + i],
            still[u64(5) * stride + i], still[u64(6) * stride + i],
        )  # fmt: skip
        out[o], out[u64(count) + o], out[u64(2 * count) + o] = x, y, z
        out[u64(6 * count) + o], out[u64(7 * count) + o] = qw, qx
        out[u64(8 * count) + o], out[u64(9 * count) + o] = qy, qz


@parallel_kernel()
def animate(
    workers, moving, motion, first, first_bias, centre, constant, second, third, rest_change, rest, still, pose,
    out, tickets,
):  # fmt: skip
    """One frame: Gaussians [0, moving) through the networks, the others by head pose alone.

    Args:
        workers: number of threads that draw work.
        moving: how many Gaussians move with the expression; they come first.
        motion, constant: packed per-Gaussian inputs; first, second, third: packed weights; first_bias, centre (96,).
        rest_change: (tiles, 14, ROWS) what `decode` gives for the photo's own expression.
        rest: (tiles, `REST_CHANNELS`, ROWS) float32.
        still: (8, N - moving) position, quaternion, neck weight.
        pose: (`POSE_SIZE`,) float32.
        out: (14, N) float32, planar Gaussians.
        tickets: (1,) int64 zero, the work counter.
    """
    count, tiles = out.shape[1], rest.shape[0]
    chunk_rows = TILES_PER_CHUNK * ROWS
    moving_chunks = (tiles + TILES_PER_CHUNK - 1) // TILES_PER_CHUNK
    still_chunks = (count - moving + chunk_rows - 1) // chunk_rows
    for _ in prange(workers):
        while True:
            ticket = next_ticket(tickets, 0)
            if ticket >= moving_chunks + still_chunks:
                break
            if ticket < moving_chunks:
                start = ticket * TILES_PER_CHUNK
                _animate_chunk(
                    start, min(tiles, start + TILES_PER_CHUNK), moving, motion.reshape(-1), first.reshape(-1),
                    first_bias, centre, constant.reshape(-1), second.reshape(-1), third.reshape(-1),
                    rest_change.reshape(-1), rest.reshape(-1), pose, out.reshape(-1), count,
                )  # fmt: skip
            else:
                start = moving + (ticket - moving_chunks) * chunk_rows
                stop = min(count, start + chunk_rows)
                pose_still(start, stop, still.reshape(-1), pose, out.reshape(-1), moving, count)
