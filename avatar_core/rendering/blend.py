"""Third pass of the CPU rasteriser: sorted keys -> pixels, tile by tile, front to back.

A tile lives in a small buffer, each row laid out as transmittance | red | green | blue, padded so that a Gaussian can
be drawn in spans of `SPAN` pixels whatever its box. A pixel that has stopped (its transmittance would have fallen to
the threshold) keeps its final transmittance with a negative sign: gsplat's stop rule without a branch.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from avatar_core.rendering import records as rec
from avatar_core.rendering.jit import inlined, kernel, parallel_kernel
from avatar_core.rendering.tiles import RECORD_MASK, sort_by_depth
from avatar_core.rendering.vector_math import exponential_of_minus_eight, f32, float_bits, next_ticket, prefetch

u64 = np.uint64

SPAN = 8
_PLANE = rec.TILE_WIDTH + SPAN
_ROW = 4 * _PLANE
TILE_BUFFER_SIZE = rec.TILE_HEIGHT * _ROW + 64

_AHEAD = 16  # records between the one that is drawn and the one whose loading starts
_EIGHTH = f32(0.125)  # exponents are held in eighths, as `exponential_of_minus_eight` takes them
_LOG_255 = f32(math.log(1.0 / rec.ALPHA_THRESHOLD) / 8.0)
_MAX_ALPHA = f32(rec.MAX_ALPHA)
_STOP = f32(rec.TRANSMITTANCE_THRESHOLD)
_LOW_HALF, _HALF = np.int32(0xFFFF), np.int32(16)


@inlined()
def _blend_row(buffer, at, spans, dx, half_a, constant, slope, red, green, blue):
    """Blend one Gaussian into ``spans`` * `SPAN` pixels from ``at`` on.

    An eighth of the exponent at offset dx is (half_a dx + slope) dx + constant; it includes minus the log of the
    opacity. Beyond the threshold the exponential may be anything.
    """
    at = u64(at)
    for _ in range(spans):
        for lane in range(SPAN):
            i = at + u64(lane)
            x = dx + f32(lane)
            s = (half_a * x + slope) * x + constant
            alpha = min(exponential_of_minus_eight(s), _MAX_ALPHA)
            alpha = alpha if s <= _LOG_255 else f32(0)
            transmittance = buffer[i]
            weight = max(transmittance, f32(0)) * alpha
            remaining = transmittance - weight
            stop = remaining <= _STOP  # true of pixels that have stopped as well: these stay as they are
            weight = f32(0) if stop else weight
            buffer[i] = -abs(transmittance) if stop else remaining
            buffer[i + u64(_PLANE)] += weight * red
            buffer[i + u64(2 * _PLANE)] += weight * green
            buffer[i + u64(3 * _PLANE)] += weight * blue
        at += u64(SPAN)
        dx += f32(SPAN)


@kernel()
def _blend_tile(records, keys, start, stop, left, top, width, height, image, buffer):
    """Blend the records behind keys[start:stop] into the tile whose corner is (left, top) and store it in ``image``.

    ``image`` is the flat (height * width * 4,) output.
    """
    for row in range(rec.TILE_HEIGHT):
        line = u64(row * _ROW)
        for x in range(_PLANE):
            buffer[line + u64(x)] = f32(1)
        for x in range(_PLANE, _ROW):
            buffer[line + u64(x)] = f32(0)
    for k in range(start, stop):
        prefetch(records, (keys[u64(min(k + _AHEAD, stop - 1))] & RECORD_MASK) * u64(rec.RECORD_SIZE))
        o = (keys[u64(k)] & RECORD_MASK) * u64(rec.RECORD_SIZE)
        columns, rows = float_bits(records[o + rec.BOX_COLUMNS]), float_bits(records[o + rec.BOX_ROWS])
        x0 = max(np.int64(columns & _LOW_HALF) - left, 0)
        x1 = min(np.int64(columns >> _HALF) - left, rec.TILE_WIDTH - 1)
        y0 = max(np.int64(rows & _LOW_HALF) - top, 0)
        y1 = min(np.int64(rows >> _HALF) - top, rec.TILE_HEIGHT - 1)
        dx = f32(x0) - (records[o + rec.CENTRE_X] - f32(left) - f32(0.5))
        dy = f32(y0) - (records[o + rec.CENTRE_Y] - f32(top) - f32(0.5))
        half_a, full_b = _EIGHTH * records[o + rec.HALF_A], _EIGHTH * records[o + rec.FULL_B]
        half_c, cost = _EIGHTH * records[o + rec.HALF_C], _EIGHTH * records[o + rec.MINUS_LOG_OPACITY]
        red, green, blue = records[o + rec.RED], records[o + rec.GREEN], records[o + rec.BLUE]
        at = y0 * _ROW + x0
        if x1 - x0 < SPAN:  # nearly all Gaussians of an avatar: one span, which the compiler unrolls
            for _ in range(y0, y1 + 1):
                _blend_row(buffer, at, 1, dx, half_a, half_c * dy * dy + cost, full_b * dy, red, green, blue)
                at += _ROW
                dy += f32(1)
        else:
            spans = (x1 - x0) // SPAN + 1
            for _ in range(y0, y1 + 1):
                _blend_row(buffer, at, spans, dx, half_a, half_c * dy * dy + cost, full_b * dy, red, green, blue)
                at += _ROW
                dy += f32(1)
    columns_inside = min(rec.TILE_WIDTH, width - left)
    for row in range(min(rec.TILE_HEIGHT, height - top)):
        line = u64(row * _ROW)
        pixel = u64(((top + row) * width + left) * 4)
        for x in range(columns_inside):
            i, e = line + u64(x), pixel + u64(4) * u64(x)
            image[e] = buffer[i + u64(_PLANE)]
            image[e + u64(1)] = buffer[i + u64(2 * _PLANE)]
            image[e + u64(2)] = buffer[i + u64(3 * _PLANE)]
            image[e + u64(3)] = f32(1) - abs(buffer[i])


@parallel_kernel()
def blend(records, keys, starts, order, tile_columns, image, buffers, spares, bins, tickets):
    """Sort and blend all tiles.

    Args:
        records: flat records, see `records`.
        keys: keys of all tiles; ``starts`` (tiles + 1,) says where each tile's begin.
        order: (tiles,) int64, the order in which threads take tiles: most work first balances the threads.
        tile_columns: tiles per row of the image.
        image: (H, W, 4) float32, output: premultiplied RGB and alpha.
        buffers: (workers, `TILE_BUFFER_SIZE`) float32; ``spares`` (workers, longest tile) uint64;
            ``bins`` (workers, `tiles.SORT_BINS`) uint64: scratch.
        tickets: (1,) int64 zero, the work counter.
    """
    height, width = image.shape[0], image.shape[1]
    flat = image.reshape(-1)
    for worker in prange(buffers.shape[0]):
        while True:
            ticket = next_ticket(tickets, 0)
            if ticket >= order.shape[0]:
                break
            tile = order[ticket]
            start, stop = starts[tile], starts[tile + 1]
            sort_by_depth(keys, start, stop, spares[worker], bins[worker])
            left, top = (tile % tile_columns) * rec.TILE_WIDTH, (tile // tile_columns) * rec.TILE_HEIGHT
            _blend_tile(records, keys, start, stop, left, top, width, height, flat, buffers[worker])
