"""The layout of what the backward passes hand to one another: one slot per pair of a record and a tile it touches.

`blend_backward` fills a slot with the pair's share of the gradient, `project_backward` sums the slots of a record.
A record's slots lie side by side, tile rows first, so that summing needs neither atomics nor a search. A slot holds
the gradients of the record's `HALF_A`, `FULL_B`, `HALF_C`, its red, green, blue, the sum of dL/ds over the pixels
(s is the exponent of alpha = opacity exp(-s)), and that sum weighted by the pixel's offset from the centre in x and y.
"""

from __future__ import annotations

import numpy as np

from avatar_core.rendering import records as rec
from avatar_core.rendering.jit import kernel

u64 = np.uint64

SLOT_SIZE = 9
BY_HALF_A, BY_FULL_B, BY_HALF_C, BY_RED, BY_GREEN, BY_BLUE, BY_S, BY_S_X, BY_S_Y = (u64(i) for i in range(SLOT_SIZE))

_LOW_HALF, _HALF = np.int32(0xFFFF), np.int32(16)


@kernel()
def slot_starts(count, footprints, visible, starts):
    """Write where the slots of each record begin; those of record r end where ``starts[r + 1]`` says.

    Args:
        count: number of Gaussians.
        footprints, visible: as `avatar_core.rendering.project` left them.
        starts: (count + 1,) int64, output; only the places of records are written.
    """
    chunks = visible.shape[0]
    per_chunk = (count + chunks - 1) // chunks
    position = np.int64(0)
    for chunk in range(chunks):
        first = min(count, chunk * per_chunk)
        for record in range(first, first + visible[chunk]):
            starts[record] = position
            o = u64(record) * u64(rec.FOOTPRINT_SIZE)
            columns, rows = footprints[o + rec.FOOTPRINT_COLUMNS], footprints[o + rec.FOOTPRINT_ROWS]
            across = ((columns >> _HALF) >> rec.TILE_WIDTH_SHIFT) - ((columns & _LOW_HALF) >> rec.TILE_WIDTH_SHIFT) + 1
            down = ((rows >> _HALF) >> rec.TILE_HEIGHT_SHIFT) - ((rows & _LOW_HALF) >> rec.TILE_HEIGHT_SHIFT) + 1
            position += np.int64(across) * np.int64(down)
        starts[first + visible[chunk]] = position
