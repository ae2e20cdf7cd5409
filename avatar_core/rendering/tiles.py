"""Second pass of the CPU rasteriser: records -> one list of (depth, record) keys per tile, and their sorting.

A key is uint64: the bits of the depth (positive floats order like their bits) above the record's index.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from avatar_core.rendering import records as rec
from avatar_core.rendering.jit import kernel, parallel_kernel
from avatar_core.rendering.vector_math import next_ticket

u64 = np.uint64

_LOW_HALF = np.int32(0xFFFF)
_HALF = np.int32(16)
_DEPTH_SHIFT = u64(32)
RECORD_MASK = u64(0xFFFFFFFF)
SORT_BINS = 2048
_INSERTION_LIMIT = 48  # below this length insertion beats radix sorting
_WIDE_DIGIT_LIMIT = 1200  # above this length 11-bit digits pay off over 8-bit ones


@kernel()
def tile_starts(tiles, starts):
    """Turn per-chunk counts into write positions, in place, and write where each tile's keys begin.

    ``tiles`` (chunks, tile rows, tile columns); ``starts`` (tiles + 1,) int64. Chunks follow one another within a
    tile, so keys stand in the order of the Gaussians whatever the number of threads.
    """
    chunks, rows, columns = tiles.shape
    position = 0
    for row in range(rows):
        for column in range(columns):
            starts[row * columns + column] = position
            for chunk in range(chunks):
                count = tiles[chunk, row, column]
                tiles[chunk, row, column] = position
                position += count
    starts[rows * columns] = position


@kernel()
def _fill_chunk(chunk, start, count, footprints, tiles, keys):
    for record in range(start, start + count):
        o = u64(record) * u64(rec.FOOTPRINT_SIZE)
        columns, rows = footprints[o + rec.FOOTPRINT_COLUMNS], footprints[o + rec.FOOTPRINT_ROWS]
        depth = u64(np.uint32(footprints[o + rec.FOOTPRINT_DEPTH]))
        key = (depth << _DEPTH_SHIFT) | u64(record)
        first_column, last_column = columns & _LOW_HALF, columns >> _HALF
        first_row, last_row = rows & _LOW_HALF, rows >> _HALF
        for row in range(first_row >> rec.TILE_HEIGHT_SHIFT, (last_row >> rec.TILE_HEIGHT_SHIFT) + 1):
            for column in range(first_column >> rec.TILE_WIDTH_SHIFT, (last_column >> rec.TILE_WIDTH_SHIFT) + 1):
                position = tiles[chunk, row, column]
                keys[u64(position)] = key
                tiles[chunk, row, column] = position + 1


@parallel_kernel()
def fill_tiles(count, workers, footprints, visible, tiles, keys, tickets):
    """Write the key of each record into the list of each tile it touches; ``tiles`` as `tile_starts` left it."""
    chunks = tiles.shape[0]
    per_chunk = (count + chunks - 1) // chunks
    for _ in prange(workers):
        while True:
            chunk = next_ticket(tickets, 0)
            if chunk >= chunks:
                break
            _fill_chunk(chunk, chunk * per_chunk, visible[chunk], footprints, tiles, keys)


@kernel(inline="never")
def sort_by_depth(keys, start, stop, spare, bins):
    """Sort keys[start:stop] by depth; equal depths keep the order of the Gaussians.

    Least-significant-digit radix sort on the depth bits above the tile's smallest. ``spare`` holds as many keys,
    ``bins`` is (`SORT_BINS`,) uint64.
    """
    count = stop - start
    if count < _INSERTION_LIMIT:
        for i in range(start + 1, stop):
            key = keys[i]
            j = i - 1
            while j >= start and keys[j] > key:
                keys[j + 1] = keys[j]
                j -= 1
            keys[j + 1] = key
        return
    least = keys[start]
    most = least
    for i in range(start, stop):
        key = keys[u64(i)]
        least, most = min(least, key), max(most, key)
    least >>= _DEPTH_SHIFT
    significant = 0
    span = (most >> _DEPTH_SHIFT) - least
    while span > u64(0):
        significant += 1
        span >>= u64(1)
    digit = 11 if count > _WIDE_DIGIT_LIMIT or significant > 24 else 8
    size = 1 << digit
    mask = u64(size - 1)
    passes = (significant + digit - 1) // digit
    for turn in range(passes):
        shift = u64(turn * digit)
        source, target, source_at, target_at = keys, spare, u64(start), u64(0)
        if turn % 2 == 1:
            source, target, source_at, target_at = spare, keys, u64(0), u64(start)
        for b in range(size):
            bins[b] = 0
        for i in range(count):
            bins[(((source[source_at + u64(i)] >> _DEPTH_SHIFT) - least) >> shift) & mask] += 1
        position = target_at
        for b in range(size):
            held = bins[b]
            bins[b] = position
            position += held
        for i in range(count):
            key = source[source_at + u64(i)]
            b = (((key >> _DEPTH_SHIFT) - least) >> shift) & mask
            at = bins[b]
            target[at] = key
            bins[b] = at + u64(1)
    if passes % 2 == 1:
        for i in range(count):
            keys[u64(start + i)] = spare[u64(i)]
