"""Gradient of the blending: pixels' gradients -> one slot per (record, tile) pair, see `pairs`.

Each tile is blended once more, front to back as `avatar_core.rendering.blend` did it, so that every pixel stops where
it stopped. What lies behind a Gaussian is the pixel's whole value minus what was blended so far. With the pixel's
gradient G and a Gaussian's colour c, weight w = T alpha, both with alpha as a fourth channel (c = 1):

    dL/dalpha = T (c . G) - (sum of w' (c' . G) over those behind) / (1 - alpha)

The derivation is that of 3D Gaussian Splatting (Kerbl et al. 2023, appendix A), which runs back to front.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from avatar_core.rendering import records as rec
from avatar_core.rendering.jit import inlined, kernel, parallel_kernel
from avatar_core.rendering.tiles import RECORD_MASK
from avatar_core.rendering.vector_math import copy_line, exponential_of_minus, f32, float_bits, next_ticket
from avatar_core.training.splatting import pairs

u64 = np.uint64

_SPAN = 8
_PLANE = rec.TILE_WIDTH + _SPAN
_BEHIND, _RED, _GREEN, _BLUE, _ALPHA = (u64(plane * _PLANE) for plane in range(1, 6))  # after the transmittance
_ROW = 6 * _PLANE
TILE_BUFFER_SIZE = rec.TILE_HEIGHT * _ROW + 64

_LOG_255 = f32(math.log(1.0 / rec.ALPHA_THRESHOLD))
_MAX_ALPHA = f32(rec.MAX_ALPHA)
_STOP = f32(rec.TRANSMITTANCE_THRESHOLD)
_LOW_HALF, _HALF = np.int32(0xFFFF), np.int32(16)


@inlined()
def _row_gradient(buffer, at, spans, dx, half_a, constant, slope, red, green, blue):
    """Blend one Gaussian into ``spans`` * `_SPAN` pixels from ``at`` on, as the forward pass did.

    Returns sums over these pixels: dL/ds, times x, times x squared (x is the offset from the centre), and the weight
    times the gradient of red, green and blue.
    """
    at = u64(at)
    sum_0, sum_x, sum_xx = f32(0), f32(0), f32(0)
    sum_red, sum_green, sum_blue = f32(0), f32(0), f32(0)
    for _ in range(spans):
        for lane in range(_SPAN):
            i = at + u64(lane)
            x = dx + f32(lane)
            s = (half_a * x + slope) * x + constant
            raw = exponential_of_minus(min(s, f32(6)))
            alpha = min(raw, _MAX_ALPHA)
            alpha = alpha if s <= _LOG_255 else f32(0)
            transmittance = buffer[i]
            ahead = max(transmittance, f32(0))
            weight = ahead * alpha
            remaining = transmittance - weight
            stop = (remaining <= _STOP) & (weight > f32(0))
            weight = f32(0) if stop else weight
            buffer[i] = -transmittance if stop else remaining
            by_red, by_green, by_blue = buffer[i + _RED], buffer[i + _GREEN], buffer[i + _BLUE]
            shade = red * by_red + green * by_green + blue * by_blue + buffer[i + _ALPHA]
            behind = buffer[i + _BEHIND] - weight * shade
            buffer[i + _BEHIND] = behind
            by_alpha = ahead * shade - behind / (f32(1) - alpha)
            by_s = -raw * by_alpha if (weight > f32(0)) & (raw < _MAX_ALPHA) else f32(0)
            sum_0 += by_s
            sum_x += by_s * x
            sum_xx += by_s * x * x
            sum_red += weight * by_red
            sum_green += weight * by_green
            sum_blue += weight * by_blue
        at += u64(_SPAN)
        dx += f32(_SPAN)
    return sum_0, sum_x, sum_xx, sum_red, sum_green, sum_blue


@kernel()
def _fill_tile(image, gradient, left, top, width, height, buffer):
    """Set up the tile: nothing blended, and the pixels' gradients, zero beyond the image."""
    for row in range(rec.TILE_HEIGHT):
        line = u64(row * _ROW)
        for x in range(_PLANE):
            buffer[line + u64(x)] = f32(1)
        for x in range(_PLANE, _ROW):
            buffer[line + u64(x)] = f32(0)
    for row in range(min(rec.TILE_HEIGHT, height - top)):
        line = u64(row * _ROW)
        pixel = u64(((top + row) * width + left) * 4)
        for x in range(min(rec.TILE_WIDTH, width - left)):
            i, e = line + u64(x), pixel + u64(4) * u64(x)
            by_red, by_green, by_blue = gradient[e], gradient[e + u64(1)], gradient[e + u64(2)]
            by_alpha = gradient[e + u64(3)]
            buffer[i + _BEHIND] = (
                image[e] * by_red + image[e + u64(1)] * by_green + image[e + u64(2)] * by_blue
                + image[e + u64(3)] * by_alpha
            )  # fmt: skip
            buffer[i + _RED], buffer[i + _GREEN], buffer[i + _BLUE] = by_red, by_green, by_blue
            buffer[i + _ALPHA] = by_alpha


@kernel()
def _tile_gradient(records, keys, start, stop, left, top, slot_starts, slots, buffer, ordered):
    """Write the slots of the records behind keys[start:stop], which are in depth order."""
    count = stop - start
    for k in range(count):
        source = (keys[u64(start + k)] & RECORD_MASK) * u64(rec.RECORD_SIZE)
        copy_line(records, source, ordered, u64(k) * u64(rec.RECORD_SIZE))
    for k in range(count):
        o = u64(k) * u64(rec.RECORD_SIZE)
        columns, rows = float_bits(ordered[o + rec.BOX_COLUMNS]), float_bits(ordered[o + rec.BOX_ROWS])
        box_left, box_right = np.int64(columns & _LOW_HALF), np.int64(columns >> _HALF)
        box_top, box_bottom = np.int64(rows & _LOW_HALF), np.int64(rows >> _HALF)
        x0, x1 = max(box_left - left, 0), min(box_right - left, rec.TILE_WIDTH - 1)
        y0, y1 = max(box_top - top, 0), min(box_bottom - top, rec.TILE_HEIGHT - 1)
        dx = f32(x0) - (ordered[o + rec.CENTRE_X] - f32(left) - f32(0.5))
        dy = f32(y0) - (ordered[o + rec.CENTRE_Y] - f32(top) - f32(0.5))
        half_a, full_b, half_c = ordered[o + rec.HALF_A], ordered[o + rec.FULL_B], ordered[o + rec.HALF_C]
        cost = ordered[o + rec.MINUS_LOG_OPACITY]
        red, green, blue = ordered[o + rec.RED], ordered[o + rec.GREEN], ordered[o + rec.BLUE]
        by_half_a, by_full_b, by_half_c = f32(0), f32(0), f32(0)
        by_red, by_green, by_blue = f32(0), f32(0), f32(0)
        by_s, by_s_x, by_s_y = f32(0), f32(0), f32(0)
        spans = (x1 - x0) // _SPAN + 1
        at = y0 * _ROW + x0
        for _ in range(y0, y1 + 1):
            constant, slope = half_c * dy * dy + cost, full_b * dy
            if spans == 1:  # nearly all Gaussians of an avatar: the compiler unrolls the one span
                sums = _row_gradient(buffer, at, 1, dx, half_a, constant, slope, red, green, blue)
            else:
                sums = _row_gradient(buffer, at, spans, dx, half_a, constant, slope, red, green, blue)
            by_half_a += sums[2]
            by_full_b += sums[1] * dy
            by_half_c += sums[0] * dy * dy
            by_s += sums[0]
            by_s_x += sums[1]
            by_s_y += sums[0] * dy
            by_red += sums[3]
            by_green += sums[4]
            by_blue += sums[5]
            at += _ROW
            dy += f32(1)
        first_column, last_column = box_left >> rec.TILE_WIDTH_SHIFT, box_right >> rec.TILE_WIDTH_SHIFT
        tiles_down = (top >> rec.TILE_HEIGHT_SHIFT) - (box_top >> rec.TILE_HEIGHT_SHIFT)
        tiles_across = (left >> rec.TILE_WIDTH_SHIFT) - first_column
        place = tiles_down * (last_column - first_column + 1) + tiles_across
        slot = u64(slot_starts[keys[u64(start + k)] & RECORD_MASK] + place) * u64(pairs.SLOT_SIZE)
        slots[slot + pairs.BY_HALF_A] = by_half_a
        slots[slot + pairs.BY_FULL_B] = by_full_b
        slots[slot + pairs.BY_HALF_C] = by_half_c
        slots[slot + pairs.BY_RED] = by_red
        slots[slot + pairs.BY_GREEN] = by_green
        slots[slot + pairs.BY_BLUE] = by_blue
        slots[slot + pairs.BY_S] = by_s
        slots[slot + pairs.BY_S_X] = by_s_x
        slots[slot + pairs.BY_S_Y] = by_s_y


@parallel_kernel()
def blend_backward(
    records, keys, starts, order, tile_columns, image, gradient, slot_starts, slots, buffers, ordered, tickets
):
    """Write every slot.

    Args:
        records, keys, starts, order, tile_columns: as `avatar_core.rendering.blend.blend` took and sorted them.
        image: (H, W, 4) float32, what it drew; ``gradient`` (H, W, 4) float32, dL/d image.
        slot_starts: see `pairs.slot_starts`; ``slots`` (pairs * `pairs.SLOT_SIZE`,) float32, output.
        buffers: (workers, `TILE_BUFFER_SIZE`) float32; ``ordered`` (workers, longest tile * record size) float32:
            scratch.
        tickets: (1,) int64 zero, the work counter.
    """
    height, width = image.shape[0], image.shape[1]
    flat_image, flat_gradient = image.reshape(-1), gradient.reshape(-1)
    for worker in prange(buffers.shape[0]):
        while True:
            ticket = next_ticket(tickets, 0)
            if ticket >= order.shape[0]:
                break
            tile = order[ticket]
            if starts[tile + 1] == starts[tile]:
                continue
            left, top = (tile % tile_columns) * rec.TILE_WIDTH, (tile // tile_columns) * rec.TILE_HEIGHT
            _fill_tile(flat_image, flat_gradient, left, top, width, height, buffers[worker])
            _tile_gradient(
                records, keys, starts[tile], starts[tile + 1], left, top, slot_starts, slots, buffers[worker],
                ordered[worker],
            )  # fmt: skip
