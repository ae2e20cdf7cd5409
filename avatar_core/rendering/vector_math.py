"""Scalar helpers that LLVM turns into vector instructions, and what Numba lacks: bit casts, atomics, line copies.

NumPy's ``exp`` and ``log`` become library calls that stop a loop from vectorising; these polynomials do not. All take
and return float32.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.np.arrayobj import make_array

from avatar_core.rendering.jit import inlined, intrinsic

f32 = np.float32

_SQRT_HALF_BITS = np.int32(0x3F3504F3)
_MANTISSA_BITS = np.int32(23)
_LN2 = f32(0.69314718056)
_LOG2_E = f32(1.44269504089)
_EXP_LIMIT = f32(80.0)  # keeps 2^k within the exponents of normal float32 values


@intrinsic
def float_bits(typing_context, value):
    """The bits of a float32 as int32."""

    def generate(_context, builder, _signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), generate


@intrinsic
def bits_float(typing_context, value):
    """The float32 that has the bits of an int32."""

    def generate(_context, builder, _signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@intrinsic
def next_ticket(typing_context, counters, index):
    """Atomically return ``counters[index]`` and add one: how threads share out work items.

    ``counters`` is a contiguous int64 array.
    """

    def generate(context, builder, signature, arguments):
        data = make_array(signature.args[0])(context, builder, arguments[0]).data
        one = ir.Constant(ir.IntType(64), 1)
        return builder.atomic_rmw("add", builder.gep(data, [arguments[1]]), one, "monotonic")

    return types.int64(types.Array(types.int64, 1, "C"), types.int64), generate


@intrinsic
def copy_line(typing_context, source, source_at, target, target_at):
    """Copy 16 float32 between flat arrays as one vector; a loop would copy them one by one, as arrays may overlap."""

    def generate(context, builder, signature, arguments):
        line = ir.VectorType(ir.FloatType(), 16)

        def place(array: int, at: int):
            data = make_array(signature.args[array])(context, builder, arguments[array]).data
            return builder.bitcast(builder.gep(data, [arguments[at]]), line.as_pointer())

        builder.store(builder.load(place(0, 1), align=4), place(2, 3), align=4)
        return context.get_dummy_value()

    return types.void(source, types.uint64, target, types.uint64), generate


@intrinsic
def prefetch(typing_context, array, index):
    """Start loading the cache line of ``array[index]``, a flat array, so that a later read does not wait for it."""

    def generate(context, builder, signature, arguments):
        data = make_array(signature.args[0])(context, builder, arguments[0]).data
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        flag = ir.IntType(32)
        name = ir.FunctionType(ir.VoidType(), [pointer.type, flag, flag, flag])
        call = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], name)
        builder.call(call, [pointer, flag(0), flag(3), flag(1)])  # a read, to be kept, of data
        return context.get_dummy_value()

    return types.void(array, types.uint64), generate


@inlined()
def log_positive(x):
    """Natural logarithm of a normal x > 0; absolute error near 1e-6 (the Cephes polynomial)."""
    bits = float_bits(x)
    exponent = (bits - _SQRT_HALF_BITS) >> _MANTISSA_BITS
    m = bits_float(np.int32(bits - (exponent << _MANTISSA_BITS))) - f32(1)
    p = f32(7.0376836292e-2)
    p = p * m + f32(-1.1514610310e-1)
    p = p * m + f32(1.1676998740e-1)
    p = p * m + f32(-1.2420140846e-1)
    p = p * m + f32(1.4249322787e-1)
    p = p * m + f32(-1.6668057665e-1)
    p = p * m + f32(2.0000714765e-1)
    p = p * m + f32(-2.4999993993e-1)
    p = p * m + f32(3.3333331174e-1)
    square = m * m
    return m + (p * m * square - f32(0.5) * square) + f32(exponent) * _LN2


@inlined()
def exponential(x):
    """exp(x), relative error near 2e-7; x is held to [-80, 80]; exactly 1 at 0 (the Cephes polynomial)."""
    x = min(max(x, -_EXP_LIMIT), _EXP_LIMIT)
    power = np.int32(x * _LOG2_E + f32(128.5)) - np.int32(128)  # rounds: truncation of a positive number
    scale = f32(power)
    r = x - scale * f32(0.693359375)
    r = r + scale * f32(2.12194440e-4)
    p = f32(1.9875691500e-4)
    p = p * r + f32(1.3981999507e-3)
    p = p * r + f32(8.3334519073e-3)
    p = p * r + f32(4.1665795894e-2)
    p = p * r + f32(1.6666665459e-1)
    p = p * r + f32(5.0000001201e-1)
    return (p * r * r + r + f32(1)) * bits_float((power + np.int32(127)) << _MANTISSA_BITS)


@inlined()
def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return f32(1) / (f32(1) + exponential(-x))


@inlined()
def exponential_of_minus(s):
    """exp(-s) for s in [0, 6]; relative error 1e-6."""
    return exponential_of_minus_eight(s * f32(0.125))


@inlined()
def exponential_of_minus_eight(t):
    """exp(-8 t) for t in [0, 0.75]: a polynomial of degree 5 to the eighth power; relative error 1e-6."""
    p = f32(-0.0056939358)
    p = p * t + f32(0.0395127721)
    p = p * t + f32(-0.1658196449)
    p = p * t + f32(0.4998451769)
    p = p * t + f32(-0.9999893308)
    p = p * t + f32(0.9999998808)
    p = p * p
    p = p * p
    return p * p
