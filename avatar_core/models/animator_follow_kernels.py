"""The frame step of an avatar most of whose Gaussians follow anchors, see `animator_anchors`.

First the networks of all anchors, then for every tile of moving Gaussians

    change (14 x `ROWS`) = changes of its K anchors (14 x K)  weights (K x `ROWS`)

and its attributes and head pose as in `animator_kernels`. The anchors of a tile lie side by side in a table that the
second step multiplies as it stands: nothing is gathered.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from avatar_core.models.animator_dense import multiply_output
from avatar_core.models.animator_kernels import (
    CHANGE_TILE,
    REST,
    REST_TILE,
    TILES_PER_CHUNK,
    decode_tile,
    finish_tile,
    pose_still,
    scratch,
)
from avatar_core.models.animator_layout import HIDDEN_GROUP, OUTPUT_GROUP, ROWS
from avatar_core.models.gaussian_decoder import RAW_CHANNELS
from avatar_core.models.motion_decoder import HIDDEN_SIZE
from avatar_core.rendering.jit import kernel, parallel_kernel
from avatar_core.rendering.vector_math import next_ticket

u64 = np.uint64

_HALVES = RAW_CHANNELS // OUTPUT_GROUP
_ANCHOR_TILES_PER_CHUNK = 8  # a hundredth of the anchors or so


@kernel(inline="never")
def _move_anchors(start, stop, tiles, motion, first, first_bias, centre, constant, second, third, rest_table, table):
    """Changes of the anchors in tiles [start, stop) of ``tiles``; arrays flat."""
    depth = constant.shape[0] // (tiles * ROWS)
    sums, hidden = scratch(HIDDEN_GROUP * ROWS, np.float32), scratch(depth * ROWS, motion.dtype)
    middle, change = scratch(HIDDEN_SIZE * ROWS, np.float32), scratch(CHANGE_TILE, np.float32)
    for tile in range(start, stop):
        decode_tile(tile, motion, first, first_bias, centre, constant, second, third, sums, hidden, middle, change)
        for half in range(_HALVES):
            at = u64((half * tiles + tile) * ROWS * OUTPUT_GROUP)
            for row in range(ROWS):
                for channel in range(OUTPUT_GROUP):
                    source = u64((half * OUTPUT_GROUP + channel) * ROWS + row)
                    target = at + u64(row * OUTPUT_GROUP + channel)
                    table[target] = change[source] - rest_table[target]


@kernel(inline="never")
def _follow(start, stop, moving, anchor_tiles, table, begins, counts, places, weights, rest, pose, out, count):
    """Gaussians of tiles [start, stop) by their anchors' changes; arrays flat."""
    local = scratch(CHANGE_TILE + REST_TILE, np.float32)
    for tile in range(start, stop):
        for half in range(_HALVES):
            multiply_output(
                weights, np.int64(places[tile] * ROWS),
                table, np.int64((half * anchor_tiles * ROWS + begins[tile]) * OUTPUT_GROUP),
                local, np.int64(half * OUTPUT_GROUP * ROWS), np.int64(counts[tile]),
            )  # fmt: skip
        at = u64(tile * REST_TILE)
        for i in range(REST_TILE):
            local[REST + u64(i)] = rest[at + u64(i)]
        finish_tile(local, pose)
        valid = min(ROWS, moving - tile * ROWS)
        for channel in range(RAW_CHANNELS):
            source, target = u64(channel * ROWS), u64(channel * count + tile * ROWS)
            for row in range(valid):
                out[target + u64(row)] = local[source + u64(row)]


@parallel_kernel()
def move_anchors(workers, motion, first, first_bias, centre, constant, second, third, rest_table, table, tickets):
    """Changes of all anchors.

    Args:
        workers: number of threads that draw work.
        motion to third: as for `animator_kernels.animate`, of the anchors alone.
        rest_table: what this writes to ``table`` for the photo's own expression when ``rest_table`` is zero.
        table: (2, anchors, 7) float32, output: one row per anchor and half of the channels.
        tickets: (1,) int64 zero, the work counter.
    """
    tiles = motion.shape[0]
    for _ in prange(workers):
        while True:
            start = next_ticket(tickets, 0) * _ANCHOR_TILES_PER_CHUNK
            if start >= tiles:
                break
            _move_anchors(
                start, min(tiles, start + _ANCHOR_TILES_PER_CHUNK), tiles, motion.reshape(-1), first.reshape(-1),
                first_bias, centre, constant.reshape(-1), second.reshape(-1), third.reshape(-1),
                rest_table.reshape(-1), table.reshape(-1),
            )  # fmt: skip


@parallel_kernel()
def follow(workers, moving, table, begins, counts, places, weights, rest, still, pose, out, tickets):
    """One frame, given the anchors' changes: moving Gaussians by their anchors, the others by head pose alone.

    Args:
        workers, moving, rest, still, pose, out: as for `animator_kernels.animate`.
        table: (2, anchors, 7) float32, see `move_anchors`.
        begins, counts: (tiles,) int64 first anchor of each tile in ``table``, and how many there are.
        places: (tiles,) int64 where a tile's rows begin in ``weights``.
        weights: (rows, ROWS) float32, one row per anchor of a tile; each column of a tile sums to 1.
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
                _follow(
                    start, min(tiles, start + TILES_PER_CHUNK), moving, table.shape[1] // ROWS, table.reshape(-1),
                    begins, counts, places, weights.reshape(-1), rest.reshape(-1), pose, out.reshape(-1), count,
                )  # fmt: skip
            else:
                start = moving + (ticket - moving_chunks) * chunk_rows
                pose_still(
                    start, min(count, start + chunk_rows), still.reshape(-1), pose, out.reshape(-1), moving, count
                )
