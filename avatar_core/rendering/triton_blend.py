"""Third kernel of the Triton rasteriser: the Gaussians of a tile, front to back. Importing this needs Triton."""

from __future__ import annotations

import numpy as np
import triton
import triton.language as tl

from avatar_core.rendering import records as rec
from avatar_core.rendering.triton_project import RECORD_SIZE, TILE

_TILE = tl.constexpr(TILE)
_PAIRS = tl.constexpr(RECORD_SIZE // 2)
_THRESHOLD = tl.constexpr(rec.ALPHA_THRESHOLD)
_MAX_ALPHA = tl.constexpr(rec.MAX_ALPHA)
_STOP = tl.constexpr(rec.TRANSMITTANCE_THRESHOLD)
_UNSEEN = tl.constexpr(int(np.array([0.0, -1e30], np.float32).view(np.int64)[0]))  # log2 of an opacity of nothing


@triton.jit
def _pair(both):
    """The two float32 of 64 bits."""
    return both.to(tl.int32).to(tl.float32, bitcast=True), (both >> 32).to(tl.int32).to(tl.float32, bitcast=True)


@triton.jit
def _read(records, gaussian, inside):
    """A record as five pairs, by one load of 64 bits each; one that cannot be seen where not ``inside``."""
    record = records + gaussian * _PAIRS
    return (
        tl.load(record, mask=inside, other=0),
        tl.load(record + 1, mask=inside, other=0),
        tl.load(record + 2, mask=inside, other=_UNSEEN),
        tl.load(record + 3, mask=inside, other=0),
        tl.load(record + 4, mask=inside, other=0),
    )


@triton.jit
def _draw(record, centre_x, centre_y, left, transmittance, red, green, blue):
    """One Gaussian over the pixels; see `blend`."""
    mean_x, mean_y = _pair(record[0])
    half_a, full_b = _pair(record[1])
    half_c, log_opacity = _pair(record[2])
    g_red, g_green = _pair(record[3])
    g_blue, _ = _pair(record[4])
    dx, dy = centre_x - mean_x, centre_y - mean_y
    alpha = tl.exp2(log_opacity - dx * (half_a * dx + full_b * dy) - half_c * dy * dy)
    alpha = tl.minimum(alpha, _MAX_ALPHA)
    alpha = tl.where(alpha >= _THRESHOLD, alpha, 0.0)
    remaining = left - left * alpha
    live = remaining > _STOP
    weight = tl.where(live, left * alpha, 0.0)
    transmittance = tl.where(live, remaining, transmittance)
    return remaining, transmittance, red + weight * g_red, green + weight * g_green, blue + weight * g_blue


@triton.jit
def blend(records, gaussians, starts, image, width, height, columns, GROUPS: tl.constexpr):
    """Draw one tile a program.

    ``left`` is the light that all Gaussians so far would let through. A pixel stops before it would fall to the
    threshold; as it never grows, comparing it anew for each Gaussian needs no mark for stopped pixels. The tile ends
    when all its pixels have stopped, which is looked at once in `GROUPS` groups of four Gaussians. While one group is
    drawn, the records of the next are on their way, and the indices of the one after it.

    Args:
        records: (N, RECORD_SIZE / 2) int64, pairs of float32, see `triton_project`.
        gaussians: int32, Gaussian of each pair (tile, Gaussian), by tile and depth.
        starts: (tiles + 1,) int64, where each tile's pairs begin.
        image: (height, width, 4) float32, output: RGB premultiplied by alpha, and alpha.
        columns: tiles in a row of the picture.
    """
    tile = tl.program_id(0)
    pixel = tl.arange(0, _TILE * _TILE)
    x = (tile % columns) * _TILE + pixel % _TILE
    y = (tile // columns) * _TILE + pixel // _TILE
    inside = (x < width) & (y < height)
    centre_x, centre_y = x.to(tl.float32) + 0.5, y.to(tl.float32) + 0.5

    left = tl.where(inside, 1.0, 0.0)
    transmittance = tl.zeros([_TILE * _TILE], tl.float32) + 1.0
    red = tl.zeros([_TILE * _TILE], tl.float32)
    green = tl.zeros([_TILE * _TILE], tl.float32)
    blue = tl.zeros([_TILE * _TILE], tl.float32)

    at = tl.load(starts + tile)
    end = tl.load(starts + tile + 1)
    a = _read(records, tl.load(gaussians + at, mask=at < end, other=0), at < end)
    b = _read(records, tl.load(gaussians + at + 1, mask=at + 1 < end, other=0), at + 1 < end)
    c = _read(records, tl.load(gaussians + at + 2, mask=at + 2 < end, other=0), at + 2 < end)
    d = _read(records, tl.load(gaussians + at + 3, mask=at + 3 < end, other=0), at + 3 < end)
    next_a = tl.load(gaussians + at + 4, mask=at + 4 < end, other=0)
    next_b = tl.load(gaussians + at + 5, mask=at + 5 < end, other=0)
    next_c = tl.load(gaussians + at + 6, mask=at + 6 < end, other=0)
    next_d = tl.load(gaussians + at + 7, mask=at + 7 < end, other=0)
    lit = at < end
    while lit:
        for _ in range(tl.minimum(tl.cdiv(end - at, 4), GROUPS).to(tl.int32)):
            coming_a = _read(records, next_a, at + 4 < end)
            coming_b = _read(records, next_b, at + 5 < end)
            coming_c = _read(records, next_c, at + 6 < end)
            coming_d = _read(records, next_d, at + 7 < end)
            next_a = tl.load(gaussians + at + 8, mask=at + 8 < end, other=0)
            next_b = tl.load(gaussians + at + 9, mask=at + 9 < end, other=0)
            next_c = tl.load(gaussians + at + 10, mask=at + 10 < end, other=0)
            next_d = tl.load(gaussians + at + 11, mask=at + 11 < end, other=0)
            left, transmittance, red, green, blue = _draw(a, centre_x, centre_y, left, transmittance, red, green, blue)
            left, transmittance, red, green, blue = _draw(b, centre_x, centre_y, left, transmittance, red, green, blue)
            left, transmittance, red, green, blue = _draw(c, centre_x, centre_y, left, transmittance, red, green, blue)
            left, transmittance, red, green, blue = _draw(d, centre_x, centre_y, left, transmittance, red, green, blue)
            a, b, c, d = coming_a, coming_b, coming_c, coming_d
            at += 4
        lit = (at < end) & (tl.max(left, axis=0) > _STOP)

    # (red, blue), (green, alpha) interleaved is the order of channels, so that a pixel is one store of 16 bytes
    rgba = tl.join(tl.join(red, blue), tl.join(green, 1.0 - transmittance))
    rgba = tl.reshape(rgba, (_TILE * _TILE, 4))
    place = (y * width + x)[:, None] * 4 + tl.arange(0, 4)[None, :]
    tl.store(image + place, rgba, mask=inside[:, None])
