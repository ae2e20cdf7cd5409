"""First kernel of the Triton rasteriser: (14, N) Gaussians -> records of what the blend reads, depths and tile boxes.

The formulas are those of `project`, the CPU's first pass. Importing this needs Triton.
"""

from __future__ import annotations

import math

import triton
import triton.language as tl

from avatar_core.rendering import records as rec

TILE = 16
"""Side of a screen tile in pixels."""

RECORD_SIZE = 10
"""Float32 of a record: pixel centre x, y; the conic as log2(e) times A/2, B, C/2 of A dx^2 + 2 B dx dy + C dy^2;
log2 of the opacity; red, green, blue; one unused, as the blend reads pairs."""

BOX_BITS = 10
"""Bits of each part of a packed tile box: first column, first row, columns. The rows follow from the count."""

_TILE = tl.constexpr(TILE)
_RECORD = tl.constexpr(RECORD_SIZE)
_ROW_SHIFT = tl.constexpr(BOX_BITS)
_COLUMNS_SHIFT = tl.constexpr(2 * BOX_BITS)
_LOG2_E = tl.constexpr(math.log2(math.e))
_LOG2_THRESHOLD = tl.constexpr(math.log2(rec.ALPHA_THRESHOLD))
_LN_2 = tl.constexpr(math.log(2.0))
_BLUR = tl.constexpr(rec.SCREEN_BLUR)
_NEAR = tl.constexpr(rec.NEAR_PLANE)
_FAR = tl.constexpr(rec.FAR_PLANE)
_MARGIN = tl.constexpr(rec.FRUSTUM_MARGIN)


@triton.jit
def project(planar, view, records, depths, boxes, counts, count, width, height, ROWS: tl.constexpr):
    """Project the Gaussians [0, count), `ROWS` a program.

    Args:
        planar: (14, count) float32, see `avatar_core.gaussians.Gaussians`.
        view: (16,) float32: the first three rows of world2cam, then fx, fy, cx, cy in pixels.
        width, height: image size in pixels.
        records: (count, RECORD_SIZE) float32, output.
        depths: (count,) float32, output; infinite where nothing is to be drawn.
        boxes: (count,) int32, output: tile boxes, see `BOX_BITS`.
        counts: (count,) int32, output: tiles of the box, 0 where nothing is to be drawn.
    """
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    valid = row < count
    source = planar + row
    r00, r01, r02, t0 = tl.load(view), tl.load(view + 1), tl.load(view + 2), tl.load(view + 3)
    r10, r11, r12, t1 = tl.load(view + 4), tl.load(view + 5), tl.load(view + 6), tl.load(view + 7)
    r20, r21, r22, t2 = tl.load(view + 8), tl.load(view + 9), tl.load(view + 10), tl.load(view + 11)
    fx, fy, cx, cy = tl.load(view + 12), tl.load(view + 13), tl.load(view + 14), tl.load(view + 15)

    x = tl.load(source, mask=valid, other=0.0)
    y = tl.load(source + count, mask=valid, other=0.0)
    z = tl.load(source + 2 * count, mask=valid, other=0.0)
    depth = r20 * x + r21 * y + r22 * z + t2
    inverse_depth = 1.0 / tl.maximum(depth, 1e-6)
    u = (r00 * x + r01 * y + r02 * z + t0) * inverse_depth
    v = (r10 * x + r11 * y + r12 * z + t1) * inverse_depth

    # Jacobian of the pinhole projection times the camera rotation, linearised inside the widened frustum.
    margin_x, margin_y = _MARGIN * width / fx, _MARGIN * height / fy
    u_held = tl.minimum(tl.maximum(u, -cx / fx - margin_x), (width - cx) / fx + margin_x)
    v_held = tl.minimum(tl.maximum(v, -cy / fy - margin_y), (height - cy) / fy + margin_y)
    px, py = fx * inverse_depth, fy * inverse_depth
    j00, j01, j02 = px * (r00 - u_held * r20), px * (r01 - u_held * r21), px * (r02 - u_held * r22)
    j10, j11, j12 = py * (r10 - v_held * r20), py * (r11 - v_held * r21), py * (r12 - v_held * r22)

    # Times rotation and scale of the Gaussian: a 2x3 matrix whose product with its transpose is the covariance.
    qw = tl.load(source + 6 * count, mask=valid, other=1.0)
    qx = tl.load(source + 7 * count, mask=valid, other=0.0)
    qy = tl.load(source + 8 * count, mask=valid, other=0.0)
    qz = tl.load(source + 9 * count, mask=valid, other=0.0)
    k = 2.0 / (qw * qw + qx * qx + qy * qy + qz * qz + 1e-20)
    xx, yy, zz = k * qx * qx, k * qy * qy, k * qz * qz
    xy, xz, yz = k * qx * qy, k * qx * qz, k * qy * qz
    wx, wy, wz = k * qw * qx, k * qw * qy, k * qw * qz
    sx = tl.load(source + 3 * count, mask=valid, other=0.0)
    sy = tl.load(source + 4 * count, mask=valid, other=0.0)
    sz = tl.load(source + 5 * count, mask=valid, other=0.0)
    m00 = (j00 * (1.0 - yy - zz) + j01 * (xy + wz) + j02 * (xz - wy)) * sx
    m01 = (j00 * (xy - wz) + j01 * (1.0 - xx - zz) + j02 * (yz + wx)) * sy
    m02 = (j00 * (xz + wy) + j01 * (yz - wx) + j02 * (1.0 - xx - yy)) * sz
    m10 = (j10 * (1.0 - yy - zz) + j11 * (xy + wz) + j12 * (xz - wy)) * sx
    m11 = (j10 * (xy - wz) + j11 * (1.0 - xx - zz) + j12 * (yz + wx)) * sy
    m12 = (j10 * (xz + wy) + j11 * (yz - wx) + j12 * (1.0 - xx - yy)) * sz
    cov_xx = m00 * m00 + m01 * m01 + m02 * m02 + _BLUR
    cov_xy = m00 * m10 + m01 * m11 + m02 * m12
    cov_yy = m10 * m10 + m11 * m11 + m12 * m12 + _BLUR
    inverse = _LOG2_E / tl.maximum(cov_xx * cov_yy - cov_xy * cov_xy, 1e-10)

    # The reach is where alpha falls to the threshold along x and y: opacity exp(-s) = 1/255.
    log_opacity = tl.log2(tl.maximum(tl.load(source + 10 * count, mask=valid, other=0.0), 1e-12))
    spread = (log_opacity - _LOG2_THRESHOLD) * (2.0 * _LN_2)
    pixel_x, pixel_y = fx * u + cx, fy * v + cy
    reach_x = tl.sqrt(tl.maximum(spread, 0.0) * cov_xx)
    reach_y = tl.sqrt(tl.maximum(spread, 0.0) * cov_yy)
    left, right = tl.ceil(pixel_x - reach_x - 0.5), tl.floor(pixel_x + reach_x - 0.5)
    top, bottom = tl.ceil(pixel_y - reach_y - 0.5), tl.floor(pixel_y + reach_y - 0.5)
    left, right = tl.maximum(left, 0.0), tl.minimum(right, width - 1.0)
    top, bottom = tl.maximum(top, 0.0), tl.minimum(bottom, height - 1.0)

    # NaN and huge values fail these comparisons.
    finite = (tl.abs(pixel_x) < 1e9) & (tl.abs(pixel_y) < 1e9) & (reach_x < 1e9) & (reach_y < 1e9)
    drawn = valid & finite & (spread >= 0.0) & (depth >= _NEAR) & (depth <= _FAR)
    drawn = drawn & (left <= right) & (top <= bottom)
    first_column = tl.where(drawn, left, 0.0).to(tl.int32) // _TILE
    last_column = tl.where(drawn, right, 0.0).to(tl.int32) // _TILE
    first_row = tl.where(drawn, top, 0.0).to(tl.int32) // _TILE
    last_row = tl.where(drawn, bottom, 0.0).to(tl.int32) // _TILE
    columns, rows = last_column - first_column + 1, last_row - first_row + 1
    tl.store(depths + row, tl.where(drawn, depth, float("inf")), mask=valid)
    tl.store(boxes + row, first_column | (first_row << _ROW_SHIFT) | (columns << _COLUMNS_SHIFT), mask=valid)
    tl.store(counts + row, tl.where(drawn, columns * rows, 0), mask=valid)

    target = records + row * _RECORD
    tl.store(target, pixel_x, mask=drawn)
    tl.store(target + 1, pixel_y, mask=drawn)
    tl.store(target + 2, 0.5 * cov_yy * inverse, mask=drawn)
    tl.store(target + 3, -cov_xy * inverse, mask=drawn)
    tl.store(target + 4, 0.5 * cov_xx * inverse, mask=drawn)
    tl.store(target + 5, log_opacity, mask=drawn)
    tl.store(target + 6, tl.load(source + 11 * count, mask=drawn, other=0.0), mask=drawn)
    tl.store(target + 7, tl.load(source + 12 * count, mask=drawn, other=0.0), mask=drawn)
    tl.store(target + 8, tl.load(source + 13 * count, mask=drawn, other=0.0), mask=drawn)
