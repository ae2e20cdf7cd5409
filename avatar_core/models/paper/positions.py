"""Fixed sine and cosine position codes (Vaswani et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor

_BASE = 10000.0


def line_code(size: int, positions: Tensor) -> Tensor:
    """(N, size) code of ``positions`` (N,): the sines of size / 2 frequencies, then their cosines."""
    half = size // 2
    frequency = _BASE ** -(torch.arange(half, dtype=torch.float64) / half)
    angle = positions.to(torch.float64)[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=1).float()


def grid_code(size: int, side: int) -> Tensor:
    """(side * side, size) code of a square grid in row-major order: half of it tells the column, half the row."""
    index = torch.arange(side)
    row, column = torch.meshgrid(index, index, indexing="ij")
    return torch.cat([line_code(size // 2, column.flatten()), line_code(size // 2, row.flatten())], dim=1)
