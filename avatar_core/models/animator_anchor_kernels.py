"""Which Gaussians of a block the networks must see, and how the block's others follow them: compiled, once per avatar.

A block is `BLOCK` Gaussians that lie close together. Its rows are what the networks give for each Gaussian under a few
extreme expressions, every channel over the error it may have. An interpolative decomposition of these rows (Cheng,
Gimbutas, Martinsson, Rokhlin 2005: Gram-Schmidt with the worst row as the next pivot) picks anchors until all rows are
affine combinations of the anchors' rows within the error of one, and gives the weights of these combinations.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from avatar_core.models.animator_kernels import decode_tile, scratch
from avatar_core.models.animator_layout import HIDDEN_GROUP, ROWS
from avatar_core.models.gaussian_decoder import RAW_CHANNELS
from avatar_core.models.motion_decoder import HIDDEN_SIZE
from avatar_core.rendering.jit import kernel, parallel_kernel
from avatar_core.rendering.vector_math import f32, next_ticket

u64 = np.uint64

TILES_PER_BLOCK = 128 // ROWS
BLOCK = TILES_PER_BLOCK * ROWS
MOST_PER_BLOCK, MOST_PER_TILE = 16, 3 * ROWS // 8
"""Anchors that a block may have, and that a tile may have whose block needs more. Beyond, all Gaussians of the tile are
anchors: few expressions would fit any of them by chance, and tell nothing of other expressions."""
ANCHOR_ROOM = max(MOST_PER_BLOCK, ROWS)
"""Anchors that a tile has room for."""

_PLACE = 3  # the Gaussian's own position, beside its changes


@kernel(inline="never")
def _nearest_to_mean(rows, size, width, mean):
    """The row, of ``size`` rows of ``width`` in the flat ``rows``, that is nearest to their mean."""
    for d in range(width):
        mean[u64(d)] = f32(0)
    for i in range(size):
        at = u64(i * width)
        for d in range(width):
            mean[u64(d)] += rows[at + u64(d)]
    share = f32(1) / f32(size)
    nearest, least = 0, f32(np.inf)
    for i in range(size):
        at = u64(i * width)
        distance = f32(0)
        for d in range(width):
            difference = rows[at + u64(d)] - mean[u64(d)] * share
            distance += difference * difference
        if distance < least:
            nearest, least = i, distance
    return nearest


@kernel(inline="never")
def _worst_row(rows, importance, size, width):
    """The row with the largest norm times its importance, and that product squared."""
    worst, most = 0, f32(0)
    for i in range(size):
        at = u64(i * width)
        norm = f32(0)
        for d in range(width):
            norm += rows[at + u64(d)] * rows[at + u64(d)]
        norm *= importance[i] * importance[i]
        if norm > most:
            worst, most = i, norm
    return worst, most


@kernel(inline="never")
def _take_out(rows, size, width, pivot, direction, coordinates):
    """Take the direction of row ``pivot`` out of all rows; ``coordinates`` (size,) get how much of it each had."""
    at = u64(pivot * width)
    norm = f32(0)
    for d in range(width):
        norm += rows[at + u64(d)] * rows[at + u64(d)]
    shrink = f32(1) / math.sqrt(norm)
    for d in range(width):
        direction[u64(d)] = rows[at + u64(d)] * shrink
    for i in range(size):
        at = u64(i * width)
        along = f32(0)
        for d in range(width):
            along += direction[u64(d)] * rows[at + u64(d)]
        coordinates[i] = along
        for d in range(width):
            rows[at + u64(d)] -= along * direction[u64(d)]


@kernel(inline="never")
def decompose(rows, importance, size, width, most, coordinates, direction, anchors, weights):
    """Pick anchors among ``size`` rows and the others' weights; returns how many, or 0 where ``most`` are too few.

    Args:
        rows: (>= size * width,) float32, overwritten.
        importance: (size,) factor of each row's error.
        coordinates: (>= most, >= size) float32, direction: (width,) float32: scratch.
        anchors: (most,) int64, the chosen rows.
        weights: (most, >= size) float32; each column sums to 1, an anchor's own is 1 for itself and 0 for the others.
    """
    base = _nearest_to_mean(rows, size, width, direction)
    for d in range(width):
        direction[u64(d)] = rows[u64(base * width + d)]
    for i in range(size):
        at = u64(i * width)
        for d in range(width):
            rows[at + u64(d)] -= direction[u64(d)]
    anchors[0] = base
    count = 1
    while True:
        pivot, error = _worst_row(rows, importance, size, width)
        if error <= f32(1):
            break
        if count == min(most, size):
            return 0
        _take_out(rows, size, width, pivot, direction, coordinates[count])
        anchors[count] = pivot
        count += 1
    for i in range(size):
        total = f32(0)
        for k in range(count - 1, 0, -1):
            value = coordinates[k, i]
            for j in range(k + 1, count):
                value -= coordinates[k, anchors[j]] * weights[j, i]
            weights[k, i] = value / coordinates[k, anchors[k]]
            total += weights[k, i]
        weights[0, i] = f32(1) - total
    for own in range(count):
        for k in range(count):
            weights[k, anchors[own]] = f32(1) if k == own else f32(0)
    return count


@kernel(inline="never")
def _everyone(size, anchors, weights):
    """As `decompose`, with each row an anchor."""
    for k in range(size):
        anchors[k] = k
        for i in range(size):
            weights[k, i] = f32(1) if k == i else f32(0)
    return size


@kernel(inline="never")
def _fill_rows(
    first_tile, stop_tile, motion, firsts, biases, centre, constant, second, third, own_change, places, allowed, width,
    rows,
):  # fmt: skip
    """The rows of the Gaussians in tiles [first_tile, stop_tile); arrays flat but ``biases`` (expressions, 96)."""
    expressions = biases.shape[0]
    depth = constant.shape[0] // (places.shape[0] // _PLACE)
    size = firsts.shape[0] // expressions
    sums, hidden = scratch(HIDDEN_GROUP * ROWS, np.float32), scratch(depth * ROWS, motion.dtype)
    middle = scratch(HIDDEN_SIZE * ROWS, np.float32)
    change = scratch(RAW_CHANNELS * ROWS, np.float32)
    for tile in range(first_tile, stop_tile):
        at, own = u64((tile - first_tile) * ROWS * width), u64(tile * RAW_CHANNELS * ROWS)
        for expression in range(expressions):
            first = firsts[expression * size : (expression + 1) * size]
            decode_tile(
                tile, motion, first, biases[expression], centre, constant, second, third, sums, hidden, middle, change
            )
            for channel in range(RAW_CHANNELS):
                source, target = u64(channel * ROWS), at + u64(expression * RAW_CHANNELS + channel)
                scale = f32(1) / allowed[channel]
                for row in range(ROWS):
                    value = (change[source + u64(row)] - own_change[own + source + u64(row)]) * scale
                    rows[target + u64(row * width)] = value
        for row in range(ROWS):
            for axis in range(_PLACE):
                target = at + u64(row * width + expressions * RAW_CHANNELS + axis)
                rows[target] = places[u64((tile * ROWS + row) * _PLACE + axis)]


@kernel(inline="never")
def _choose_block(
    block, count, motion, firsts, biases, centre, constant, second, third, own_change, places, allowed, importance,
    owners, counts, anchors, weights,
):  # fmt: skip
    width = biases.shape[0] * RAW_CHANNELS + _PLACE
    rows, again = scratch(BLOCK * width, np.float32), scratch(BLOCK * width, np.float32)
    coordinates, direction = np.empty((ANCHOR_ROOM, BLOCK), np.float32), np.empty(width, np.float32)
    chosen, shares = np.empty(ANCHOR_ROOM, np.int64), np.zeros((ANCHOR_ROOM, BLOCK), np.float32)
    start, first_tile = block * BLOCK, block * TILES_PER_BLOCK
    stop_tile = min(counts.shape[0], first_tile + TILES_PER_BLOCK)
    _fill_rows(
        first_tile, stop_tile, motion, firsts, biases, centre, constant, second, third, own_change, places, allowed,
        width, rows,
    )  # fmt: skip
    size = min(BLOCK, count - start)
    for i in range(size * width):
        again[u64(i)] = rows[u64(i)]
    found = decompose(
        again, importance[start : start + size], size, width, MOST_PER_BLOCK, coordinates, direction, chosen, shares
    )
    for tile in range(first_tile, stop_tile):
        begin = (tile - first_tile) * ROWS
        valid = min(ROWS, size - begin)
        if found > 0:
            owners[tile], counts[tile], offset, own = first_tile, found, begin, start
        else:
            owners[tile], offset, own = tile, 0, start + begin
            counts[tile] = decompose(
                rows[begin * width : (begin + valid) * width], importance[start + begin : start + begin + valid],
                valid, width, MOST_PER_TILE, coordinates, direction, chosen, shares,
            )  # fmt: skip
            if counts[tile] == 0:
                counts[tile] = _everyone(valid, chosen, shares)
        for k in range(counts[tile]):
            anchors[tile, k] = own + chosen[k]
            for row in range(valid):
                weights[tile, k, row] = shares[k, offset + row]


@parallel_kernel()
def choose_anchors(
    workers, count, motion, firsts, biases, centre, constant, second, third, own_change, places, allowed, importance,
    owners, counts, anchors, weights, tickets,
):  # fmt: skip
    """The anchors of every tile of Gaussians, and their weights.

    Args:
        workers: number of threads that draw work.
        count: number of Gaussians; motion, constant, centre, second, third: as for `animator_kernels.animate`.
        firsts, biases: (expressions, ...) the first layer under each expression.
        own_change: (tiles, 14, ROWS) what the networks give for the photo's own expression.
        places: (tiles * ROWS, 3) float32 positions over the distance that counts as an error of one.
        allowed: (14,) float32 change of each channel that counts as an error of one.
        importance: (count,) float32 factor of each Gaussian's errors.
        owners: (tiles,) int64, output: the tile that each one shares its anchors with, the block's first or itself.
        counts: (tiles,) int64, output: number of anchors.
        anchors: (tiles, `ANCHOR_ROOM`) int64, output: which Gaussians they are.
        weights: (tiles, `ANCHOR_ROOM`, ROWS) float32 zero, output.
        tickets: (1,) int64 zero, the work counter.
    """
    blocks = (count + BLOCK - 1) // BLOCK
    for _ in prange(workers):
        while True:
            block = next_ticket(tickets, 0)
            if block >= blocks:
                break
            _choose_block(
                block, count, motion.reshape(-1), firsts.reshape(-1), biases, centre, constant.reshape(-1),
                second.reshape(-1), third.reshape(-1), own_change.reshape(-1), places.reshape(-1), allowed, importance,
                owners, counts, anchors, weights,
            )  # fmt: skip
