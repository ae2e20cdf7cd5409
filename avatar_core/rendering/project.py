"""First pass of the CPU rasteriser: (14, N) Gaussians -> records of the visible ones and a histogram over tiles.

The Gaussians are cut into chunks that threads draw from a counter. A chunk reads its Gaussians in blocks copied to a
local buffer: the compiler then knows that inputs and outputs do not overlap and vectorises the projection.
All indices are unsigned; signed ones need wrap-around checks that stop vectorisation.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from avatar_core.rendering import records as rec
from avatar_core.rendering.jit import kernel, parallel_kernel
from avatar_core.rendering.vector_math import bits_float, f32, float_bits, log_positive, next_ticket

u64 = np.uint64

BLOCK = 512  # Gaussians projected at a time: results and inputs stay in the first-level cache
_INPUTS = 11  # mean 3, scale 3, quaternion 4, opacity
_OUTPUTS = 9
LOCAL_SIZE = (_INPUTS + _OUTPUTS) * BLOCK

# Rows of the local buffer.
_X, _Y, _HALF_A, _FULL_B, _HALF_C, _COST, _DEPTH, _COLUMNS, _ROWS = (u64(row * BLOCK) for row in range(_OUTPUTS))
_IN = tuple(u64((_OUTPUTS + row) * BLOCK) for row in range(_INPUTS))
_IN_X, _IN_Y, _IN_Z, _IN_SX, _IN_SY, _IN_SZ, _IN_QW, _IN_QX, _IN_QY, _IN_QZ, _IN_OPACITY = _IN

_LOG_255 = f32(math.log(1.0 / rec.ALPHA_THRESHOLD))
_BLUR, _NEAR, _FAR, _MARGIN = f32(rec.SCREEN_BLUR), f32(rec.NEAR_PLANE), f32(rec.FAR_PLANE), f32(rec.FRUSTUM_MARGIN)
_TINY, _HUGE = f32(1e-12), f32(1e9)
_HALF, _LOW_HALF = np.int32(16), np.int32(0xFFFF)


@kernel(inline="never")
def _project_block(local, size, world2cam, lens, width, height):
    """Fill the output rows of ``local`` for its first ``size`` Gaussians.

    The pixel box holds the pixels whose centres lie within reach, which is exactly where alpha falls to the threshold:
    opacity exp(-s) = 1/255 along x and y. A Gaussian outside the image or the depth range, or fainter than the
    threshold everywhere, gets negative columns.
    """
    r00, r01, r02, t0 = world2cam[0, 0], world2cam[0, 1], world2cam[0, 2], world2cam[0, 3]
    r10, r11, r12, t1 = world2cam[1, 0], world2cam[1, 1], world2cam[1, 2], world2cam[1, 3]
    r20, r21, r22, t2 = world2cam[2, 0], world2cam[2, 1], world2cam[2, 2], world2cam[2, 3]
    fx, fy, cx, cy = lens[0], lens[1], lens[2], lens[3]
    margin_x, margin_y = _MARGIN * f32(width) / fx, _MARGIN * f32(height) / fy
    u_max, u_min = (f32(width) - cx) / fx + margin_x, -cx / fx - margin_x
    v_max, v_min = (f32(height) - cy) / fy + margin_y, -cy / fy - margin_y
    last_x, last_y = f32(width - 1), f32(height - 1)
    for index in range(min(size, BLOCK)):  # the bound tells the compiler that the rows do not overlap
        i = u64(index)
        x, y, z = local[_IN_X + i], local[_IN_Y + i], local[_IN_Z + i]
        camera_x = r00 * x + r01 * y + r02 * z + t0
        camera_y = r10 * x + r11 * y + r12 * z + t1
        depth = r20 * x + r21 * y + r22 * z + t2

        qw, qx, qy, qz = local[_IN_QW + i], local[_IN_QX + i], local[_IN_QY + i], local[_IN_QZ + i]
        k = f32(2) / (qw * qw + qx * qx + qy * qy + qz * qz + f32(1e-20))
        xx, yy, zz = k * qx * qx, k * qy * qy, k * qz * qz
        xy, xz, yz = k * qx * qy, k * qx * qz, k * qy * qz
        wx, wy, wz = k * qw * qx, k * qw * qy, k * qw * qz

        # Jacobian of the pinhole projection times the camera rotation, linearised inside the widened frustum.
        inverse_depth = f32(1) / max(depth, f32(1e-6))
        u, v = camera_x * inverse_depth, camera_y * inverse_depth
        u_held, v_held = min(max(u, u_min), u_max), min(max(v, v_min), v_max)
        px, py = fx * inverse_depth, fy * inverse_depth
        j00, j01, j02 = px * (r00 - u_held * r20), px * (r01 - u_held * r21), px * (r02 - u_held * r22)
        j10, j11, j12 = py * (r10 - v_held * r20), py * (r11 - v_held * r21), py * (r12 - v_held * r22)

        # Times rotation and scale of the Gaussian: a 2x3 matrix whose product with its transpose is the covariance.
        sx, sy, sz = local[_IN_SX + i], local[_IN_SY + i], local[_IN_SZ + i]
        m00 = (j00 * (f32(1) - yy - zz) + j01 * (xy + wz) + j02 * (xz - wy)) * sx
        m01 = (j00 * (xy - wz) + j01 * (f32(1) - xx - zz) + j02 * (yz + wx)) * sy
        m02 = (j00 * (xz + wy) + j01 * (yz - wx) + j02 * (f32(1) - xx - yy)) * sz
        m10 = (j10 * (f32(1) - yy - zz) + j11 * (xy + wz) + j12 * (xz - wy)) * sx
        m11 = (j10 * (xy - wz) + j11 * (f32(1) - xx - zz) + j12 * (yz + wx)) * sy
        m12 = (j10 * (xz + wy) + j11 * (yz - wx) + j12 * (f32(1) - xx - yy)) * sz
        cov_xx = m00 * m00 + m01 * m01 + m02 * m02 + _BLUR
        cov_xy = m00 * m10 + m01 * m11 + m02 * m12
        cov_yy = m10 * m10 + m11 * m11 + m12 * m12 + _BLUR
        inverse = f32(1) / max(cov_xx * cov_yy - cov_xy * cov_xy, f32(1e-10))

        log_opacity = log_positive(max(local[_IN_OPACITY + i], _TINY))
        spread = (_LOG_255 + log_opacity) * f32(2)
        hidden = (spread < f32(0)) | (depth < _NEAR) | (depth > _FAR)
        spread = max(spread, f32(0))
        centre_x, centre_y = fx * u + cx, fy * v + cy
        reach_x, reach_y = math.sqrt(spread * cov_xx), math.sqrt(spread * cov_yy)
        # Held to the image as floats: NaN and huge values fail the test.
        left = max(np.ceil(centre_x - reach_x - f32(0.5)), f32(0))
        right = min(np.floor(centre_x + reach_x - f32(0.5)), last_x)
        top = max(np.ceil(centre_y - reach_y - f32(0.5)), f32(0))
        bottom = min(np.floor(centre_y + reach_y - f32(0.5)), last_y)
        finite = (abs(centre_x) < _HUGE) & (abs(centre_y) < _HUGE) & (reach_x < _HUGE) & (reach_y < _HUGE)
        seen = finite & (left <= right) & (top <= bottom) & (not hidden)
        columns = np.int32(left) | (np.int32(right) << _HALF)
        local[_COLUMNS + i] = bits_float(columns if seen else np.int32(-1))
        local[_ROWS + i] = bits_float(np.int32(top) | (np.int32(bottom) << _HALF))
        local[_X + i] = centre_x
        local[_Y + i] = centre_y
        local[_HALF_A + i] = f32(0.5) * cov_yy * inverse
        local[_FULL_B + i] = -cov_xy * inverse
        local[_HALF_C + i] = f32(0.5) * cov_xx * inverse
        local[_COST + i] = -log_opacity
        local[_DEPTH + i] = depth


@kernel(inline="never")
def _project_chunk(chunk, start, stop, count, flat, world2cam, lens, width, height, local, records, footprints, tiles):
    """Project Gaussians [start, stop) and write the visible ones from record ``start`` on; return their number.

    ``flat`` is the planar input (14 * count,); ``tiles`` (chunks, tile rows, tile columns) counts the tiles touched.
    """
    for row in range(tiles.shape[1]):
        for column in range(tiles.shape[2]):
            tiles[chunk, row, column] = 0
    slot = u64(start)
    for block in range(start, stop, BLOCK):
        size = min(BLOCK, stop - block)
        for channel in range(_INPUTS):
            source, target = u64(channel * count + block), u64((_OUTPUTS + channel) * BLOCK)
            for index in range(size):
                local[target + u64(index)] = flat[source + u64(index)]
        _project_block(local, size, world2cam, lens, width, height)
        for index in range(size):
            i = u64(index)
            columns, rows = float_bits(local[_COLUMNS + i]), float_bits(local[_ROWS + i])
            if columns < np.int32(0):
                continue
            depth = local[_DEPTH + i]
            o = slot * u64(rec.RECORD_SIZE)
            records[o + rec.CENTRE_X] = local[_X + i]
            records[o + rec.CENTRE_Y] = local[_Y + i]
            records[o + rec.HALF_A] = local[_HALF_A + i]
            records[o + rec.FULL_B] = local[_FULL_B + i]
            records[o + rec.HALF_C] = local[_HALF_C + i]
            records[o + rec.MINUS_LOG_OPACITY] = local[_COST + i]
            colour = u64(11 * count + block) + i
            records[o + rec.RED] = flat[colour]
            records[o + rec.GREEN] = flat[colour + u64(count)]
            records[o + rec.BLUE] = flat[colour + u64(2 * count)]
            records[o + rec.DEPTH] = depth
            records[o + rec.BOX_COLUMNS] = local[_COLUMNS + i]
            records[o + rec.BOX_ROWS] = local[_ROWS + i]
            records[o + rec.INDEX] = bits_float(np.int32(block + index))
            f = slot * u64(rec.FOOTPRINT_SIZE)
            footprints[f + rec.FOOTPRINT_COLUMNS] = columns
            footprints[f + rec.FOOTPRINT_ROWS] = rows
            footprints[f + rec.FOOTPRINT_DEPTH] = float_bits(depth)
            slot += u64(1)
            first_row, last_row = (rows & _LOW_HALF) >> rec.TILE_HEIGHT_SHIFT, rows >> (_HALF + rec.TILE_HEIGHT_SHIFT)
            first_column = (columns & _LOW_HALF) >> rec.TILE_WIDTH_SHIFT
            last_column = columns >> (_HALF + rec.TILE_WIDTH_SHIFT)
            for tile_row in range(first_row, last_row + 1):
                for tile_column in range(first_column, last_column + 1):
                    tiles[u64(chunk), u64(tile_row), u64(tile_column)] += 1
    return np.int64(slot) - start


@parallel_kernel()
def project(planar, world2cam, lens, width, height, locals_, records, footprints, tiles, visible, tickets):
    """Project ``planar`` (14, N).

    Args:
        planar: (14, N) float32, see `avatar_core.gaussians.Gaussians`.
        world2cam: (4, 4) float32.
        lens: (4,) float32 focal lengths and principal point in pixels: fx, fy, cx, cy.
        width, height: image size in pixels.
        locals_: (workers, `LOCAL_SIZE`) float32, scratch of each worker.
        records, footprints: outputs, see `records`; a chunk fills them from its first Gaussian's index on.
        tiles: (chunks, tile rows, tile columns) int64, output: records of a chunk that touch a tile.
        visible: (chunks,) int64, output: records a chunk wrote.
        tickets: (1,) int64 zero, the work counter.
    """
    count, chunks, workers = planar.shape[1], tiles.shape[0], locals_.shape[0]
    per_chunk = (count + chunks - 1) // chunks
    flat = planar.reshape(-1)
    for worker in prange(workers):
        while True:
            chunk = next_ticket(tickets, 0)
            if chunk >= chunks:
                break
            start = min(count, chunk * per_chunk)
            stop = min(count, start + per_chunk)
            visible[chunk] = _project_chunk(
                chunk, start, stop, count, flat, world2cam, lens, width, height,
                locals_[worker], records, footprints, tiles,
            )  # fmt: skip
