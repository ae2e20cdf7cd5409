"""How the animator's matrices lie in memory, and what the processor at hand decides about it.

Gaussians are handled in tiles of `ROWS`, two vector registers wide: a register holds one channel of as many Gaussians.
Precision "fp32" stores each value as float32. "bf16" packs the values of two neighbouring channels into 32 bits, low
half first, as the processor's bf16 dot product takes them; sums stay float32. So

    activations  (tiles, channels, ROWS) float32      or  (tiles, channels / 2, ROWS) int32
    weights      (groups, inputs, group) float32      or  (groups, inputs / 2, group) int32

where a group is the number of output channels computed at once, chosen so that their sums fill the registers.
"""

from __future__ import annotations

import platform

import llvmlite.binding
import numpy as np
from numpy.typing import NDArray

from avatar_core.models.gaussian_decoder import RAW_CHANNELS

_FEATURES = {name for name, present in llvmlite.binding.get_host_cpu_features().items() if present}
_WIDE = "avx512f" in _FEATURES
_MANY_REGISTERS = _WIDE or platform.machine().lower() in ("arm64", "aarch64")

HAS_BF16 = _WIDE and "avx512bf16" in _FEATURES
"""The processor multiplies bf16 pairs (Intel from Cooper Lake and Sapphire Rapids on, AMD from Zen 4 on)."""

LANES = 16 if _WIDE else 8 if "avx" in _FEATURES else 4
ROWS = 2 * LANES
HIDDEN_GROUP = 12 if _MANY_REGISTERS else 6
OUTPUT_GROUP = RAW_CHANNELS // 2

_ALIGNMENT = 64  # bytes; a vector that crosses a cache line costs twice


def fastest_precision() -> str:
    """ "bf16" where the processor multiplies it natively (1.7 times as fast there), else "fp32"."""
    return "bf16" if HAS_BF16 else "fp32"


def aligned(shape: tuple[int, ...], dtype: type[np.float32] | type[np.int32]) -> NDArray:
    """A zeroed array that starts on a cache line; items of 4 bytes."""
    size = int(np.prod(shape)) * 4
    raw = np.zeros(size + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)


def tile_count(rows: int) -> int:
    """Tiles that hold ``rows`` Gaussians; the last may be part empty."""
    return -(-rows // ROWS)


def pack_rows(values: NDArray[np.float32], precision: str) -> NDArray:
    """Per-Gaussian ``values`` (N, channels) as tiles; missing rows of the last tile are zero."""
    count, channels = values.shape
    padded = np.zeros((tile_count(count) * ROWS, channels), np.float32)
    padded[:count] = values
    return _packed(padded.reshape(-1, ROWS, channels).transpose(0, 2, 1), precision)


def pack_weights(matrix: NDArray[np.floating], group: int, precision: str) -> NDArray:
    """A layer's ``matrix`` (outputs, inputs) as groups; outputs must be a multiple of ``group``."""
    outputs, inputs = matrix.shape
    grouped = matrix.reshape(outputs // group, group, inputs).transpose(0, 2, 1)
    return _packed(np.asarray(grouped, np.float32), precision)


def _packed(values: NDArray[np.float32], precision: str) -> NDArray:
    """(a, channels, b) as float32, or as bf16 pairs of neighbouring channels."""
    if precision == "fp32":
        out = aligned(values.shape, np.float32)
        out[:] = values
        return out
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    a, channels, b = values.shape
    out = aligned((a, channels // 2, b), np.int32)
    out[:] = (rounded[:, 0::2] | (rounded[:, 1::2] << 16)).view(np.int32)
    return out
