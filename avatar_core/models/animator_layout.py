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
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.models.gaussian_decoder import RAW_CHANNELS
from avatar_core.rendering.memory import aligned

_FEATURES = {name for name, present in llvmlite.binding.get_host_cpu_features().items() if present}
_WIDE = "avx512f" in _FEATURES
_MANY_REGISTERS = _WIDE or platform.machine().lower() in ("arm64", "aarch64")

HAS_BF16 = _WIDE and "avx512bf16" in _FEATURES
"""The processor multiplies bf16 pairs (Intel from Cooper Lake and Sapphire Rapids on, AMD from Zen 4 on)."""

LANES = 16 if _WIDE else 8 if "avx" in _FEATURES else 4
ROWS = 2 * LANES
HIDDEN_GROUP = 12 if _MANY_REGISTERS else 6
OUTPUT_GROUP = RAW_CHANNELS // 2


def fastest_precision() -> str:
    """ "bf16" where the processor multiplies it natively (1.7 times as fast there), else "fp32"."""
    return "bf16" if HAS_BF16 else "fp32"


def tile_count(rows: int) -> int:
    """Tiles that hold ``rows`` Gaussians; the last may be part empty."""
    return -(-rows // ROWS)


def empty_tiles(rows: int, channels: int, precision: str) -> NDArray:
    """Tiles for ``rows`` Gaussians of ``channels`` values; to be filled by `pack_into`."""
    if precision == "fp32":
        return aligned((tile_count(rows), channels, ROWS), np.float32)
    return aligned((tile_count(rows), channels // 2, ROWS), np.int32)


def pack_into(tiles: NDArray, values: Tensor, precision: str) -> None:
    """Write per-Gaussian ``values`` (N, channels) to ``tiles``; missing rows of the last tile become zero."""
    items = _items(values, precision)
    count, channels = items.shape
    padded = functional.pad(items, (0, 0, 0, tile_count(count) * ROWS - count))
    torch.from_numpy(tiles).copy_(padded.reshape(-1, ROWS, channels).transpose(1, 2))


def pack_rows(values: Tensor, precision: str) -> NDArray:
    """Per-Gaussian ``values`` (N, channels) as tiles; missing rows of the last tile are zero."""
    tiles = empty_tiles(len(values), values.shape[1], precision)
    pack_into(tiles, values, precision)
    return tiles


def pack_weights(matrix: NDArray[np.floating], group: int, precision: str) -> NDArray:
    """A layer's ``matrix`` (outputs, inputs) as groups; outputs must be a multiple of ``group``."""
    items = _items(torch.from_numpy(matrix), precision)
    blocks = items.reshape(-1, group, items.shape[1]).transpose(1, 2)
    out = aligned(tuple(blocks.shape), np.float32 if items.dtype == torch.float32 else np.int32)
    torch.from_numpy(out).copy_(blocks)
    return out


def _items(values: Tensor, precision: str) -> Tensor:
    """(rows, channels) as float32, or (rows, channels / 2) int32 of bf16 pairs."""
    if precision == "fp32":
        return values.float()
    return values.to(torch.bfloat16).contiguous().view(torch.int32)
