"""The inner loops of the per-Gaussian networks: a register-tiled product, softplus, and the packing between layers.

`multiply_hidden` and `multiply_output` are written as LLVM vector instructions, because neither NumPy calls nor Numba's
own loops keep the sums of 12 channels x `ROWS` Gaussians in registers. `put_pair` and `get_pair` hide the precision
(see `animator_layout`) from the kernels, which are compiled once for each.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import overload
from numba.np.arrayobj import make_array

from avatar_core.models.animator_layout import HIDDEN_GROUP, LANES, OUTPUT_GROUP, ROWS
from avatar_core.rendering.jit import FAST_MATH, inlined, intrinsic
from avatar_core.rendering.memory import CACHE_LINE
from avatar_core.rendering.vector_math import bits_float, f32, float_bits

u64 = np.uint64

_VECTORS = ROWS // LANES
_I64 = ir.IntType(64)
_SUMS = ir.VectorType(ir.FloatType(), LANES)


class _BFloat16(ir.Type):
    """LLVM's bfloat, which llvmlite has no name for."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _BFloat16)

    def __hash__(self) -> int:
        return hash(_BFloat16)


def _microkernel(module: ir.Module, group: int, packed: bool) -> ir.Function:
    """An LLVM function (inputs, weights, sums, depth) -> void that keeps group x `ROWS` sums in registers.

    A function of its own that is never inlined: within a larger one, the registers would not suffice.
    """
    name = f"animator_product_{group}_{'bf16' if packed else 'fp32'}"
    if name in module.globals:
        return module.globals[name]
    item = ir.IntType(32) if packed else ir.FloatType()
    items, pairs = ir.VectorType(item, LANES), ir.VectorType(_BFloat16(), 2 * LANES)
    arguments = [item.as_pointer(), item.as_pointer(), ir.FloatType().as_pointer(), _I64]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    inputs, weights, sums, depth = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))

    def offset(base: ir.Value, index: ir.Value, stride: int, extra: int) -> ir.Value:
        return builder.gep(base, [builder.add(builder.mul(index, _I64(stride)), _I64(extra))])

    def add_product(total: ir.Value, vector: ir.Value, weight: ir.Value) -> ir.Value:
        if not packed:
            return builder.fadd(total, builder.fmul(vector, weight, flags=["contract"]), flags=["contract"])
        dot_type = ir.FunctionType(_SUMS, [_SUMS, pairs, pairs])
        dot = cgutils.get_or_insert_function(module, dot_type, "llvm.x86.avx512bf16.dpbf16ps.512")
        return builder.call(dot, [total, builder.bitcast(vector, pairs), builder.bitcast(weight, pairs)])

    zero, undefined = ir.Constant(_SUMS, None), ir.Constant(items, ir.Undefined)
    first_lane = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    totals = [[cgutils.alloca_once_value(builder, zero) for _ in range(_VECTORS)] for _ in range(group)]
    with cgutils.for_range(builder, depth, intp=_I64) as loop:
        vectors = []
        for v in range(_VECTORS):
            place = offset(inputs, loop.index, ROWS, v * LANES)
            vectors.append(builder.load(builder.bitcast(place, items.as_pointer()), align=4))
        for channel in range(group):
            scalar = builder.load(offset(weights, loop.index, group, channel))
            lane = builder.insert_element(undefined, scalar, ir.IntType(32)(0))
            weight = builder.shuffle_vector(lane, undefined, first_lane)
            for total, vector in zip(totals[channel], vectors, strict=True):
                builder.store(add_product(builder.load(total), vector, weight), total)
    for channel in range(group):
        for v in range(_VECTORS):
            place = builder.gep(sums, [_I64(channel * ROWS + v * LANES)])
            builder.store(builder.load(totals[channel][v]), builder.bitcast(place, _SUMS.as_pointer()), align=4)
    builder.ret_void()
    return function


def _multiply(group: int):
    """The product of one tile with the weights of ``group`` output channels, as an intrinsic for kernels.

    ``product(inputs, input_at, weights, weight_at, sums, sum_at, depth)``: flat arrays and where to begin in each;
    ``depth`` is the number of input rows of the packed layout. Writes sums (group, ROWS) float32.
    """

    @intrinsic
    def product(typing_context, inputs, input_at, weights, weight_at, sums, sum_at, depth):
        packed = inputs.dtype == types.int32

        def generate(context, builder, signature, arguments):
            def pointer(array: int, at: int) -> ir.Value:
                data = make_array(signature.args[array])(context, builder, arguments[array]).data
                return builder.gep(data, [arguments[at]])

            microkernel = _microkernel(builder.module, group, packed)
            builder.call(microkernel, [pointer(0, 1), pointer(2, 3), pointer(4, 5), arguments[6]])
            return context.get_dummy_value()

        return types.void(inputs, types.int64, weights, types.int64, sums, types.int64, types.int64), generate

    return product


multiply_hidden = _multiply(HIDDEN_GROUP)
multiply_output = _multiply(OUTPUT_GROUP)


@inlined()
def scratch(size, dtype):
    """``size`` items of 4 bytes that start on a cache line.

    Scratch is allocated where it is used, once per chunk: the compiler then knows that it overlaps nothing else.
    """
    raw = np.empty(size + CACHE_LINE // 4, dtype)
    skip = (CACHE_LINE - np.int64(raw.ctypes.data) % CACHE_LINE) // 4
    return raw[skip : skip + size]


# log(1 + exp(-a)) on [0, 12] is p(1 - a / 12)^8; a least-squares fit re-weighted towards the largest error.
_P0, _P1, _P2 = f32(0.14913146), f32(0.54125071), f32(0.83312156)
_P3, _P4, _P5 = f32(-2.73137959), f32(3.79767746), f32(-1.63459034)


@inlined()
def softplus(x):
    """log(1 + exp(x)); absolute error below 5e-5."""
    t = max(f32(1) - abs(x) * f32(1.0 / 12.0), f32(0))
    p = _P0 + t * (_P1 + t * (_P2 + t * (_P3 + t * (_P4 + t * _P5))))
    p = p * p
    p = p * p
    return p * p + max(x, f32(0))


# sigmoid(-a) on [0, 12] likewise; the fit weighs errors by a, as they count in silu.
_Q0, _Q1, _Q2 = f32(0.16824539), f32(0.48939103), f32(0.92424589)
_Q3, _Q4, _Q5 = f32(-3.13954649), f32(4.61689815), f32(-2.14228501)


@inlined()
def quick_silu(x):
    """x sigmoid(x); absolute error below 2.5e-4."""
    a = abs(x)
    t = max(f32(1) - a * f32(1.0 / 12.0), f32(0))
    q = _Q0 + t * (_Q1 + t * (_Q2 + t * (_Q3 + t * (_Q4 + t * _Q5))))
    q = q * q
    q = q * q
    return max(x, f32(0)) - a * q * q


_ROUND = np.int32(0x8000)
_HIGH_HALF = np.int32(-65536)
_HALF = np.int32(16)


def put_pair(tile, at, pair, lane, first, second):
    """Store channels 2 ``pair`` and 2 ``pair`` + 1 of Gaussian ``lane`` in the tile that begins at ``at``."""
    raise NotImplementedError("only inside kernels")


def get_pair(tile, at, pair, lane):
    """The two channels that `put_pair` would store there."""
    raise NotImplementedError("only inside kernels")


@overload(put_pair, jit_options={"fastmath": FAST_MATH})
def _put_pair(tile, at, pair, lane, first, second):
    if tile.dtype == types.int32:

        def put(tile, at, pair, lane, first, second):
            low = np.uint32(float_bits(first) + _ROUND) >> np.uint32(16)
            tile[at + pair * u64(ROWS) + lane] = np.int32(low) | ((float_bits(second) + _ROUND) & _HIGH_HALF)

        return put

    def put_float(tile, at, pair, lane, first, second):
        place = at + pair * u64(2 * ROWS) + lane
        tile[place] = first
        tile[place + u64(ROWS)] = second

    return put_float


@overload(get_pair, jit_options={"fastmath": FAST_MATH})
def _get_pair(tile, at, pair, lane):
    if tile.dtype == types.int32:

        def get(tile, at, pair, lane):
            both = tile[at + pair * u64(ROWS) + lane]
            return bits_float(np.int32(both << _HALF)), bits_float(both & _HIGH_HALF)

        return get

    def get_float(tile, at, pair, lane):
        place = at + pair * u64(2 * ROWS) + lane
        return tile[place], tile[place + u64(ROWS)]

    return get_float
