"""Second kernel of the Triton rasteriser: which Gaussian is drawn in which tile. Importing this needs Triton.

Gaussians come in the order of depth, so a stable sort of the pairs by tile alone puts them in order of tile and depth:
two radix sorts of short keys move a quarter of the bytes of one sort of 64-bit (tile, depth) keys.
"""

from __future__ import annotations

import triton
import triton.language as tl

from avatar_core.rendering.triton_project import BOX_BITS

_ROW_SHIFT = tl.constexpr(BOX_BITS)
_COLUMNS_SHIFT = tl.constexpr(2 * BOX_BITS)
_PART = tl.constexpr((1 << BOX_BITS) - 1)
_ONE_COLUMN = tl.constexpr(1 << (2 * BOX_BITS))


@triton.jit
def fill(
    order, ends, boxes, tiles, gaussians, count, capacity, columns, no_tile, STEPS: tl.constexpr, SLOTS: tl.constexpr
):
    """Write the pairs (tile, Gaussian), nearest Gaussian first, `SLOTS` a program.

    Each slot finds its Gaussian by bisection, so that one Gaussian over the whole picture costs no more than many
    small ones. Slots past the last pair get ``no_tile``; pairs past ``capacity`` are left out.

    Args:
        order: (count,) int64, the Gaussians by depth.
        ends: (count,) int64, number of pairs up to and with each of them, in that order.
        boxes: (count,) int32, tile boxes by Gaussian.
        tiles, gaussians: (capacity,) integers, outputs.
        columns: tiles in a row of the picture.
        STEPS: bisections, so that 2^STEPS > count.
    """
    slot = tl.program_id(0).to(tl.int64) * SLOTS + tl.arange(0, SLOTS)
    stored = slot < capacity
    low = tl.zeros([SLOTS], tl.int32)
    high = tl.zeros([SLOTS], tl.int32) + count
    for _ in range(STEPS):
        open_ = low < high
        middle = (low + high) // 2
        beyond = tl.load(ends + middle, mask=open_, other=0) <= slot
        low = tl.where(open_ & beyond, middle + 1, low)
        high = tl.where(open_ & (beyond == 0), middle, high)
    used = stored & (low < count)
    gaussian = tl.load(order + low, mask=used, other=0).to(tl.int32)
    begin = tl.load(ends + low - 1, mask=used & (low > 0), other=0)
    box = tl.load(boxes + gaussian, mask=used, other=_ONE_COLUMN)
    box_columns = box >> _COLUMNS_SHIFT
    place = tl.where(used, slot - begin, 0).to(tl.int32)
    column = (box & _PART) + place % box_columns
    row = ((box >> _ROW_SHIFT) & _PART) + place // box_columns
    tile = tl.where(used, row * columns + column, no_tile)
    tl.store(tiles + slot, tile.to(tiles.dtype.element_ty), mask=stored)
    tl.store(gaussians + slot, gaussian, mask=stored)
