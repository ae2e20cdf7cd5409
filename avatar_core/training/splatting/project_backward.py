"""Gradient of the projection: the slots of each record -> gradients of the (14, N) attributes.

The forward pass is `avatar_core.rendering.project`; its intermediate values are computed anew. EWA projection after
Zwicker et al. 2001, gradients as in gsplat (Ye and Kanazawa 2023, "Mathematical supplement for the gsplat library").
Gaussians are taken in blocks copied into a local buffer, for the reasons that `avatar_core.rendering.project` states.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from avatar_core.gaussians import CHANNELS
from avatar_core.rendering import records as rec
from avatar_core.rendering.jit import kernel, parallel_kernel
from avatar_core.rendering.vector_math import f32, float_bits, next_ticket
from avatar_core.training.splatting import pairs

u64 = np.uint64

BLOCK = 256  # Gaussians taken at a time: the local buffer stays in the first-level cache
_INPUTS = 11  # mean 3, scale 3, quaternion 4, opacity; their gradients take their places
LOCAL_SIZE = (_INPUTS + pairs.SLOT_SIZE + 1) * BLOCK

_IN = tuple(u64(row * BLOCK) for row in range(_INPUTS))
_X, _Y, _Z, _SX, _SY, _SZ, _QW, _QX, _QY, _QZ, _OPACITY = _IN
# Sums over a Gaussian's slots follow, in the order of the slots, and whether there is a record of it.
_BY_HALF_A, _BY_FULL_B, _BY_HALF_C, _, _, _, _BY_S, _BY_S_X, _BY_S_Y = (
    u64((_INPUTS + row) * BLOCK) for row in range(pairs.SLOT_SIZE)
)
_VISIBLE = u64((_INPUTS + pairs.SLOT_SIZE) * BLOCK)

_BLUR, _MARGIN = f32(rec.SCREEN_BLUR), f32(rec.FRUSTUM_MARGIN)


@kernel(inline="never")
def _block_gradient(local, world2cam, lens, width, height):
    """Replace the inputs of a block of Gaussians by their gradients; invisible ones get zero.

    Always a whole block, whatever of it is in use: the last bits would otherwise depend on where blocks end.
    """
    r00, r01, r02, t0 = world2cam[0, 0], world2cam[0, 1], world2cam[0, 2], world2cam[0, 3]
    r10, r11, r12, t1 = world2cam[1, 0], world2cam[1, 1], world2cam[1, 2], world2cam[1, 3]
    r20, r21, r22, t2 = world2cam[2, 0], world2cam[2, 1], world2cam[2, 2], world2cam[2, 3]
    fx, fy, cx, cy = lens[0], lens[1], lens[2], lens[3]
    margin_x, margin_y = _MARGIN * f32(width) / fx, _MARGIN * f32(height) / fy
    u_max, u_min = (f32(width) - cx) / fx + margin_x, -cx / fx - margin_x
    v_max, v_min = (f32(height) - cy) / fy + margin_y, -cy / fy - margin_y
    for index in range(BLOCK):
        i = u64(index)
        x, y, z = local[_X + i], local[_Y + i], local[_Z + i]
        camera_x = r00 * x + r01 * y + r02 * z + t0
        camera_y = r10 * x + r11 * y + r12 * z + t1
        depth = r20 * x + r21 * y + r22 * z + t2
        inverse_depth = f32(1) / max(depth, f32(1e-6))
        u, v = camera_x * inverse_depth, camera_y * inverse_depth
        u_held, v_held = min(max(u, u_min), u_max), min(max(v, v_min), v_max)

        # Rotation of the Gaussian.
        qw, qx, qy, qz = local[_QW + i], local[_QX + i], local[_QY + i], local[_QZ + i]
        unit = f32(1) / math.sqrt(qw * qw + qx * qx + qy * qy + qz * qz + f32(1e-20))
        w, a, b, c = qw * unit, qx * unit, qy * unit, qz * unit
        q00, q01, q02 = f32(1) - f32(2) * (b * b + c * c), f32(2) * (a * b - w * c), f32(2) * (a * c + w * b)
        q10, q11, q12 = f32(2) * (a * b + w * c), f32(1) - f32(2) * (a * a + c * c), f32(2) * (b * c - w * a)
        q20, q21, q22 = f32(2) * (a * c - w * b), f32(2) * (b * c + w * a), f32(1) - f32(2) * (a * a + b * b)

        # Jacobian times camera rotation (its rows j0, j1), times the Gaussian's rotation (d), times scale (m).
        px, py = fx * inverse_depth, fy * inverse_depth
        k00, k01, k02 = r00 - u_held * r20, r01 - u_held * r21, r02 - u_held * r22
        k10, k11, k12 = r10 - v_held * r20, r11 - v_held * r21, r12 - v_held * r22
        j00, j01, j02 = px * k00, px * k01, px * k02
        j10, j11, j12 = py * k10, py * k11, py * k12
        d00, d10 = j00 * q00 + j01 * q10 + j02 * q20, j10 * q00 + j11 * q10 + j12 * q20
        d01, d11 = j00 * q01 + j01 * q11 + j02 * q21, j10 * q01 + j11 * q11 + j12 * q21
        d02, d12 = j00 * q02 + j01 * q12 + j02 * q22, j10 * q02 + j11 * q12 + j12 * q22
        sx, sy, sz = local[_SX + i], local[_SY + i], local[_SZ + i]
        m00, m01, m02 = d00 * sx, d01 * sy, d02 * sz
        m10, m11, m12 = d10 * sx, d11 * sy, d12 * sz
        cov_xx = m00 * m00 + m01 * m01 + m02 * m02 + _BLUR
        cov_xy = m00 * m10 + m01 * m11 + m02 * m12
        cov_yy = m10 * m10 + m11 * m11 + m12 * m12 + _BLUR
        inverse = f32(1) / max(cov_xx * cov_yy - cov_xy * cov_xy, f32(1e-10))
        con_a, con_b, con_c = cov_yy * inverse, -cov_xy * inverse, cov_xx * inverse

        # Conic -> covariance: dL/dcovariance = -conic dL/dconic conic, all symmetric.
        by_a = f32(0.5) * local[_BY_HALF_A + i]
        by_b = f32(0.5) * local[_BY_FULL_B + i]
        by_c = f32(0.5) * local[_BY_HALF_C + i]
        by_xx = -(con_a * con_a * by_a + f32(2) * con_a * con_b * by_b + con_b * con_b * by_c)
        by_xy = -(con_a * con_b * by_a + (con_a * con_c + con_b * con_b) * by_b + con_b * con_c * by_c)
        by_yy = -(con_b * con_b * by_a + f32(2) * con_b * con_c * by_b + con_c * con_c * by_c)
        by_xx, by_xy, by_yy = f32(2) * by_xx, f32(2) * by_xy, f32(2) * by_yy
        n00, n01, n02 = by_xx * m00 + by_xy * m10, by_xx * m01 + by_xy * m11, by_xx * m02 + by_xy * m12
        n10, n11, n12 = by_xy * m00 + by_yy * m10, by_xy * m01 + by_yy * m11, by_xy * m02 + by_yy * m12
        by_sx, by_sy, by_sz = n00 * d00 + n10 * d10, n01 * d01 + n11 * d11, n02 * d02 + n12 * d12
        e00, e01, e02 = n00 * sx, n01 * sy, n02 * sz
        e10, e11, e12 = n10 * sx, n11 * sy, n12 * sz

        # Rotation of the Gaussian -> quaternion, then through its normalisation.
        g00, g01, g02 = e00 * j00 + e10 * j10, e01 * j00 + e11 * j10, e02 * j00 + e12 * j10
        g10, g11, g12 = e00 * j01 + e10 * j11, e01 * j01 + e11 * j11, e02 * j01 + e12 * j11
        g20, g21, g22 = e00 * j02 + e10 * j12, e01 * j02 + e11 * j12, e02 * j02 + e12 * j12
        by_w = f32(2) * (a * (g21 - g12) + b * (g02 - g20) + c * (g10 - g01))
        by_qx = f32(2) * (b * (g01 + g10) + c * (g02 + g20) + w * (g21 - g12)) - f32(4) * a * (g11 + g22)
        by_qy = f32(2) * (a * (g01 + g10) + c * (g12 + g21) + w * (g02 - g20)) - f32(4) * b * (g00 + g22)
        by_qz = f32(2) * (a * (g02 + g20) + b * (g12 + g21) + w * (g10 - g01)) - f32(4) * c * (g00 + g11)
        along = w * by_w + a * by_qx + b * by_qy + c * by_qz

        # Jacobian and centre -> the point in camera axes -> the mean.
        by_j00, by_j01, by_j02 = (
            e00 * q00 + e01 * q01 + e02 * q02, e00 * q10 + e01 * q11 + e02 * q12, e00 * q20 + e01 * q21 + e02 * q22,
        )  # fmt: skip
        by_j10, by_j11, by_j12 = (
            e10 * q00 + e11 * q01 + e12 * q02, e10 * q10 + e11 * q11 + e12 * q12, e10 * q20 + e11 * q21 + e12 * q22,
        )  # fmt: skip
        by_s_x = local[_BY_S_X + i]
        by_s_y = local[_BY_S_Y + i]
        by_u = -fx * (con_a * by_s_x + con_b * by_s_y)
        by_v = -fy * (con_b * by_s_x + con_c * by_s_y)
        held_u = -px * (by_j00 * r20 + by_j01 * r21 + by_j02 * r22)
        held_v = -py * (by_j10 * r20 + by_j11 * r21 + by_j12 * r22)
        by_u += held_u if u == u_held else f32(0)
        by_v += held_v if v == v_held else f32(0)
        by_px = by_j00 * k00 + by_j01 * k01 + by_j02 * k02
        by_py = by_j10 * k10 + by_j11 * k11 + by_j12 * k12
        by_camera_x, by_camera_y = by_u * inverse_depth, by_v * inverse_depth
        by_depth = -inverse_depth * (by_u * u + by_v * v + by_px * px + by_py * py)

        # s contains minus the log of the opacity.
        by_opacity = -local[_BY_S + i] / max(local[_OPACITY + i], f32(1e-12))

        seen = local[_VISIBLE + i] > f32(0)
        local[_X + i] = r00 * by_camera_x + r10 * by_camera_y + r20 * by_depth if seen else f32(0)
        local[_Y + i] = r01 * by_camera_x + r11 * by_camera_y + r21 * by_depth if seen else f32(0)
        local[_Z + i] = r02 * by_camera_x + r12 * by_camera_y + r22 * by_depth if seen else f32(0)
        local[_SX + i] = by_sx if seen else f32(0)
        local[_SY + i] = by_sy if seen else f32(0)
        local[_SZ + i] = by_sz if seen else f32(0)
        local[_QW + i] = unit * (by_w - w * along) if seen else f32(0)
        local[_QX + i] = unit * (by_qx - a * along) if seen else f32(0)
        local[_QY + i] = unit * (by_qy - b * along) if seen else f32(0)
        local[_QZ + i] = unit * (by_qz - c * along) if seen else f32(0)
        local[_OPACITY + i] = by_opacity if seen else f32(0)


@kernel()
def _sum_slots(records, record, end, block, size, starts, slots, local):
    """Sum the slots of the records from ``record`` on whose Gaussians lie in the block; return the next record."""
    while record < end:
        index = np.int64(float_bits(records[u64(record * rec.RECORD_SIZE) + rec.INDEX])) - block
        if index >= size:
            break
        for pair in range(starts[record], starts[record + 1]):
            slot = u64(pair * pairs.SLOT_SIZE)
            for e in range(pairs.SLOT_SIZE):
                local[u64((_INPUTS + e) * BLOCK + index)] += slots[slot + u64(e)]
        local[_VISIBLE + u64(index)] = f32(1)
        record += 1
    return record


@kernel()
def _chunk_gradient(
    start, stop, record, end, count, planar, world2cam, lens, width, height, records, starts, slots, local, out
):
    """Gradients of Gaussians [start, stop); records [``record``, ``end``) are those of them that are visible."""
    for block in range(start, stop, BLOCK):
        size = min(BLOCK, stop - block)
        for channel in range(_INPUTS):
            source, target = u64(channel * count + block), u64(channel * BLOCK)
            for index in range(size):
                local[target + u64(index)] = planar[source + u64(index)]
        for at in range(_INPUTS * BLOCK, LOCAL_SIZE):
            local[u64(at)] = f32(0)
        record = _sum_slots(records, record, end, block, size, starts, slots, local)
        _block_gradient(local, world2cam, lens, width, height)
        for channel in range(CHANNELS):
            row = channel if channel < _INPUTS else channel + np.int64(pairs.BY_RED)
            source, target = u64(row * BLOCK), u64(channel * count + block)
            for index in range(size):
                out[target + u64(index)] = local[source + u64(index)]


@parallel_kernel()
def project_backward(
    planar, world2cam, lens, width, height, records, visible, slot_starts, slots, locals_, gradient, tickets
):
    """Write the gradient of every Gaussian.

    Args:
        planar, world2cam, lens, width, height, records, visible: as `avatar_core.rendering.project.project` took and
            left them.
        slot_starts, slots: see `pairs`.
        locals_: (workers, `LOCAL_SIZE`) float32, scratch of each worker.
        gradient: (14, N) float32, output.
        tickets: (1,) int64 zero, the work counter.
    """
    count, chunks = planar.shape[1], visible.shape[0]
    per_chunk = (count + chunks - 1) // chunks
    flat, out = planar.reshape(-1), gradient.reshape(-1)
    for worker in prange(locals_.shape[0]):
        while True:
            chunk = next_ticket(tickets, 0)
            if chunk >= chunks:
                break
            start = min(count, chunk * per_chunk)
            stop = min(count, start + per_chunk)
            _chunk_gradient(
                start, stop, start, start + visible[chunk], count, flat, world2cam, lens, width, height, records,
                slot_starts, slots, locals_[worker], out,
            )  # fmt: skip
