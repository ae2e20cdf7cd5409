"""The animator's frame step on a GPU, in Triton; importing this needs Triton.

The folded networks (`animator_folding`), with ``first`` and ``first_bias`` new in each frame:

    hidden = softplus(first m + first_bias) - centre
    middle = softplus(second hidden + constant)
    change = third middle - (the same at the photo's own expression)

`modulate` makes the first layer of a frame, `animate` runs the networks and finishes the attributes in one pass over a
block of Gaussians, `pose_still` turns those that no expression moves. Operands of the first two products are half
precision; sums and all else are float32, the last product in three TF32 passes, which keeps float32's precision.

Block shapes must be powers of two: 48 channels are taken as 32 + 16, 96 as 64 + 32, so that nothing is padded.
"""

from __future__ import annotations

import triton
import triton.language as tl

# Sizes that the kernels are written for: `MOTION_SIZE`, `HIDDEN_SIZE` and the padded output channels.
_MOTION = tl.constexpr(48)
_HIDDEN = tl.constexpr(96)
_OUTPUT = tl.constexpr(16)


@triton.jit
def modulate(
    control, modulation, modulation_bias, inner, inner_bias, first, first_bias,
    ACTIVATIONS: tl.constexpr, ACTIVATION_BLOCK: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """AdaLN scale and shift of a frame's activations, folded into the first layer; `ROWS` of its 96 outputs a program.

    Args:
        control: (ACTIVATIONS + ...,) float32, the driver's activations first.
        modulation, modulation_bias: (96, ACTIVATIONS), (96,) float32, scale (first 48) and shift (last 48).
        inner, inner_bias: (96, 48), (96,) float32.
        first, first_bias: outputs, (48, 96) half precision and (96,) float32.
    """
    source = tl.arange(0, ACTIVATION_BLOCK)
    activations = tl.load(control + source, mask=source < ACTIVATIONS, other=0.0)
    channel = tl.arange(0, 64)  # 48 rounded up
    inside = channel < _MOTION
    place = channel[:, None] * ACTIVATIONS + source[None, :]
    valid = inside[:, None] & (source < ACTIVATIONS)[None, :]
    scale_rows = tl.load(modulation + place, mask=valid, other=0.0)
    shift_rows = tl.load(modulation + _MOTION * ACTIVATIONS + place, mask=valid, other=0.0)
    scale = tl.sum(scale_rows * activations[None, :], axis=1)
    scale += tl.load(modulation_bias + channel, mask=inside, other=0.0)
    shift = tl.sum(shift_rows * activations[None, :], axis=1)
    shift += tl.load(modulation_bias + _MOTION + channel, mask=inside, other=0.0)

    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    layer = tl.load(inner + row[:, None] * _MOTION + channel[None, :], mask=inside[None, :], other=0.0)
    target = first + channel[None, :] * _HIDDEN + row[:, None]
    tl.store(target, (layer * scale[None, :]).to(first.dtype.element_ty), mask=inside[None, :])
    bias = tl.sum(layer * shift[None, :], axis=1) + tl.load(inner_bias + row)
    tl.store(first_bias + row, bias)


@triton.jit
def _softplus(x):
    """max(x, 0) + log(1 + exp(-|x|)), the logarithm as e p(e) with p of degree 6 on [0, 1]; error below 4e-7.

    Triton's own logarithm takes three times the instructions, and there are 192 of these to a Gaussian.
    """
    e = tl.exp(-tl.abs(x))
    p = e * 0.010764511302113533 - 0.05514519289135933
    p = p * e + 0.134674534201622
    p = p * e - 0.22589801251888275
    p = p * e + 0.3282422125339508
    p = p * e - 0.4994717836380005
    p = p * e + 0.999981164932251
    return tl.maximum(x, 0.0) + e * p


@triton.jit
def _part(matrix, STRIDE: tl.constexpr, ROW: tl.constexpr, ROWS: tl.constexpr, COLUMN: tl.constexpr,
          COLUMNS: tl.constexpr):  # fmt: skip
    """Rows [ROW, ROW + ROWS) and columns [COLUMN, COLUMN + COLUMNS) of a matrix with rows of STRIDE items."""
    row, column = ROW + tl.arange(0, ROWS), COLUMN + tl.arange(0, COLUMNS)
    return tl.load(matrix + row[:, None] * STRIDE + column[None, :])


@triton.jit
def _columns(matrix, row, valid, STRIDE: tl.constexpr, COLUMN: tl.constexpr, COLUMNS: tl.constexpr):
    """Columns [COLUMN, COLUMN + COLUMNS) of the rows ``row`` that are ``valid``; zero elsewhere."""
    column = COLUMN + tl.arange(0, COLUMNS)
    return tl.load(matrix + row[:, None] * STRIDE + column[None, :], mask=valid[:, None], other=0.0)


@triton.jit
def _vector(vector, START: tl.constexpr, SIZE: tl.constexpr):
    """(1, SIZE) items of a vector from START on."""
    return tl.load(vector + START + tl.arange(0, SIZE))[None, :]


@triton.jit
def _networks(row, valid, motion, first, first_bias, centre, second, constant, third):
    """What the folded networks give for the Gaussians ``row``: (rows, 16) float32, of which 14 count."""
    m_a, m_b = _columns(motion, row, valid, _MOTION, 0, 32), _columns(motion, row, valid, _MOTION, 32, 16)
    sums = tl.dot(m_a, _part(first, _HIDDEN, 0, 32, 0, 64))
    sums = tl.dot(m_b, _part(first, _HIDDEN, 32, 16, 0, 64), sums)
    hidden_a = _softplus(sums + _vector(first_bias, 0, 64)) - _vector(centre, 0, 64)
    sums = tl.dot(m_a, _part(first, _HIDDEN, 0, 32, 64, 32))
    sums = tl.dot(m_b, _part(first, _HIDDEN, 32, 16, 64, 32), sums)
    hidden_b = _softplus(sums + _vector(first_bias, 64, 32)) - _vector(centre, 64, 32)
    half_a, half_b = hidden_a.to(second.dtype.element_ty), hidden_b.to(second.dtype.element_ty)

    sums = tl.dot(half_a, _part(second, _HIDDEN, 0, 64, 0, 64))
    sums = tl.dot(half_b, _part(second, _HIDDEN, 64, 32, 0, 64), sums)
    middle_a = _softplus(sums + _columns(constant, row, valid, _HIDDEN, 0, 64))
    sums = tl.dot(half_a, _part(second, _HIDDEN, 0, 64, 64, 32))
    sums = tl.dot(half_b, _part(second, _HIDDEN, 64, 32, 64, 32), sums)
    middle_b = _softplus(sums + _columns(constant, row, valid, _HIDDEN, 64, 32))

    change = tl.dot(middle_a, _part(third, _OUTPUT, 0, 64, 0, 16), input_precision="tf32x3")
    return tl.dot(middle_b, _part(third, _OUTPUT, 64, 32, 0, 16), change, input_precision="tf32x3")


@triton.jit
def _quarters(x, ROWS: tl.constexpr):
    """The four columns of ``x`` (ROWS, 4)."""
    even, odd = tl.split(tl.reshape(x, (ROWS, 2, 2)))
    first, third = tl.split(even)
    second, fourth = tl.split(odd)
    return first, second, third, fourth


@triton.jit
def _channels(x, ROWS: tl.constexpr):
    """The first 14 columns of ``x`` (ROWS, 16), each (ROWS,)."""
    even, odd = tl.split(tl.reshape(x, (ROWS, 8, 2)))
    by_4, plus_2 = tl.split(tl.reshape(even, (ROWS, 4, 2)))
    plus_1, plus_3 = tl.split(tl.reshape(odd, (ROWS, 4, 2)))
    c0, c4, c8, c12 = _quarters(by_4, ROWS)
    c1, c5, c9, c13 = _quarters(plus_1, ROWS)
    c2, c6, c10, _ = _quarters(plus_2, ROWS)
    c3, c7, c11, _ = _quarters(plus_3, ROWS)
    return c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13


@triton.jit
def _turn(weight, pose):
    """Quaternion of the head pose's rotation by the share ``weight``; exactly the identity for none."""
    half = weight * tl.load(pose + 3)
    sine = tl.sin(half)
    return tl.cos(half), sine * tl.load(pose), sine * tl.load(pose + 1), sine * tl.load(pose + 2)


@triton.jit
def _moved(x, y, z, weight, w, ux, uy, uz, pose):
    """A point under the blended head pose: x + (R - 1)(x - pivot) + weight translation."""
    dx, dy, dz = x - tl.load(pose + 4), y - tl.load(pose + 5), z - tl.load(pose + 6)
    cx, cy, cz = uy * dz - uz * dy, uz * dx - ux * dz, ux * dy - uy * dx
    x += 2.0 * (w * cx + (uy * cz - uz * cy)) + weight * tl.load(pose + 7)
    y += 2.0 * (w * cy + (uz * cx - ux * cz)) + weight * tl.load(pose + 8)
    z += 2.0 * (w * cz + (ux * cy - uy * cx)) + weight * tl.load(pose + 9)
    return x, y, z


@triton.jit
def _product(aw, ax, ay, az, bw, bx, by, bz):
    """The quaternion product a b."""
    w = aw * bw - ax * bx - ay * by - az * bz
    x = aw * bx + ax * bw + ay * bz - az * by
    y = aw * by - ax * bz + ay * bw + az * bx
    z = aw * bz + ax * by - ay * bx + az * bw
    return w, x, y, z


@triton.jit
def _sigmoid(x):
    return 1.0 / (1.0 + tl.exp(-x))


@triton.jit
def _clip(x):
    return tl.minimum(tl.maximum(x, 0.0), 1.0)


@triton.jit(do_not_specialize=["at_rest"])
def animate(
    motion, first, first_bias, centre, second, constant, third, rest_change, rest, pose, out,
    moving, count, at_rest, ROWS: tl.constexpr,
):  # fmt: skip
    """One frame of the Gaussians [0, moving), `ROWS` a program.

    With ``at_rest`` not zero it writes what the networks give to ``rest_change`` instead, so that the photo's own
    expression is computed by the very instructions that it is later subtracted from, and cancels to the last bit.

    Args:
        motion, constant: (moving, 48), (moving, 96) half precision, inputs and constants of the avatar.
        first, second: (48, 96), (96, 96) half precision weights, inputs by outputs; third: (96, 16) float32.
        first_bias, centre: (96,) float32.
        rest_change: (moving, 16) float32.
        rest: (16, moving) float32: position, scale, quaternion, opacity logit, colour, neck and expression weight.
        pose: (10,) float32: unit axis, half the angle, pivot, translation.
        out: (14, count) float32, planar Gaussians.
    """
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    valid = row < moving
    change = _networks(row, valid, motion, first, first_bias, centre, second, constant, third)
    raw = rest_change + row[:, None] * _OUTPUT + tl.arange(0, 16)[None, :]
    if at_rest != 0:
        tl.store(raw, change, mask=valid[:, None])
    else:
        change -= tl.load(raw, mask=valid[:, None], other=0.0)
        dx, dy, dz, dsx, dsy, dsz, dqw, dqx, dqy, dqz, dlogit, dred, dgreen, dblue = _channels(change, ROWS)
        source = rest + row
        weight = tl.load(source + 14 * moving, mask=valid, other=0.0)
        share = tl.load(source + 15 * moving, mask=valid, other=0.0)

        w, ux, uy, uz = _turn(weight, pose)
        x = tl.load(source, mask=valid, other=0.0) + share * dx
        y = tl.load(source + moving, mask=valid, other=0.0) + share * dy
        z = tl.load(source + 2 * moving, mask=valid, other=0.0) + share * dz
        x, y, z = _moved(x, y, z, weight, w, ux, uy, uz, pose)
        target = out + row
        tl.store(target, x, mask=valid)
        tl.store(target + count, y, mask=valid)
        tl.store(target + 2 * count, z, mask=valid)

        sx = tl.load(source + 3 * moving, mask=valid, other=0.0) * tl.exp(share * dsx)
        sy = tl.load(source + 4 * moving, mask=valid, other=0.0) * tl.exp(share * dsy)
        sz = tl.load(source + 5 * moving, mask=valid, other=0.0) * tl.exp(share * dsz)
        tl.store(target + 3 * count, sx, mask=valid)
        tl.store(target + 4 * count, sy, mask=valid)
        tl.store(target + 5 * count, sz, mask=valid)

        qw, qx, qy, qz = 1.0 + share * dqw, share * dqx, share * dqy, share * dqz
        shrink = tl.div_rn(1.0, tl.sqrt_rn(qw * qw + qx * qx + qy * qy + qz * qz + 1e-30))
        qw, qx, qy, qz = _product(
            qw * shrink, qx * shrink, qy * shrink, qz * shrink,
            tl.load(source + 6 * moving, mask=valid, other=0.0), tl.load(source + 7 * moving, mask=valid, other=0.0),
            tl.load(source + 8 * moving, mask=valid, other=0.0), tl.load(source + 9 * moving, mask=valid, other=0.0),
        )  # fmt: skip
        qw, qx, qy, qz = _product(w, ux, uy, uz, qw, qx, qy, qz)
        tl.store(target + 6 * count, qw, mask=valid)
        tl.store(target + 7 * count, qx, mask=valid)
        tl.store(target + 8 * count, qy, mask=valid)
        tl.store(target + 9 * count, qz, mask=valid)

        logit = tl.load(source + 10 * moving, mask=valid, other=0.0) + share * dlogit
        red = tl.load(source + 11 * moving, mask=valid, other=0.0) + share * dred
        green = tl.load(source + 12 * moving, mask=valid, other=0.0) + share * dgreen
        blue = tl.load(source + 13 * moving, mask=valid, other=0.0) + share * dblue
        tl.store(target + 10 * count, _sigmoid(logit), mask=valid)
        tl.store(target + 11 * count, _clip(red), mask=valid)
        tl.store(target + 12 * count, _clip(green), mask=valid)
        tl.store(target + 13 * count, _clip(blue), mask=valid)


@triton.jit
def pose_still(still, pose, out, moving, count, ROWS: tl.constexpr):
    """Head pose alone for the Gaussians [moving, count); their scale, opacity and colour stand in ``out`` already.

    Args:
        still: (8, count - moving) float32: position, quaternion, neck weight.
        pose, out: as for `animate`.
    """
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    stride = count - moving
    valid = row < stride
    source, target = still + row, out + moving + row
    weight = tl.load(source + 7 * stride, mask=valid, other=0.0)
    w, ux, uy, uz = _turn(weight, pose)
    x, y, z = _moved(
        tl.load(source, mask=valid, other=0.0), tl.load(source + stride, mask=valid, other=0.0),
        tl.load(source + 2 * stride, mask=valid, other=0.0), weight, w, ux, uy, uz, pose,
    )  # fmt: skip
    tl.store(target, x, mask=valid)
    tl.store(target + count, y, mask=valid)
    tl.store(target + 2 * count, z, mask=valid)
    qw, qx, qy, qz = _product(
        w, ux, uy, uz,
        tl.load(source + 3 * stride, mask=valid, other=0.0), tl.load(source + 4 * stride, mask=valid, other=0.0),
        tl.load(source + 5 * stride, mask=valid, other=0.0), tl.load(source + 6 * stride, mask=valid, other=0.0),
    )  # fmt: skip
    tl.store(target + 6 * count, qw, mask=valid)
    tl.store(target + 7 * count, qx, mask=valid)
    tl.store(target + 8 * count, qy, mask=valid)
    tl.store(target + 9 * count, qz, mask=valid)
