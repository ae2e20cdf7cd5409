"""SegFormer's transformer block (Xie et al. 2021): attention and a feed-forward net that sees its neighbours.

Tokens are (B, N, C) in row-major order of a grid of (rows, columns).
"""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor, nn

EMBEDDING_SIZE = 1024
Grid = tuple[int, int]


class PatchEmbedding(nn.Module):
    """Overlapping 3x3 patches at stride 2: (B, C, H, W) -> tokens (B, H/2 W/2, 1024), normalised."""

    def __init__(self, channels_in: int, size: int = EMBEDDING_SIZE) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels_in, size, 3, 2, 1)
        self.norm = nn.LayerNorm(size)

    def forward(self, x: Tensor) -> tuple[Tensor, Grid]:
        projected = self.project(x)
        grid = (projected.shape[2], projected.shape[3])
        return self.norm(projected.flatten(2).transpose(1, 2)), grid


def to_map(tokens: Tensor, grid: Grid) -> Tensor:
    """Tokens (B, N, C) -> map (B, C, rows, columns)."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], *grid)


class Attention(nn.Module):
    """Self-attention; with ``reduction`` R the keys and values come from the grid reduced R x R by a convolution."""

    def __init__(self, size: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(size, size)
        self.key_value = nn.Linear(size, 2 * size)
        self.project = nn.Linear(size, size)
        self.reduce = nn.Conv2d(size, size, reduction, reduction) if reduction > 1 else None
        self.reduce_norm = nn.LayerNorm(size) if reduction > 1 else None

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        batch, count, size = tokens.shape
        seen = tokens
        if self.reduce is not None and self.reduce_norm is not None:
            seen = self.reduce_norm(self.reduce(to_map(tokens, grid)).flatten(2).transpose(1, 2))
        query = self.query(tokens).view(batch, count, self.heads, -1).transpose(1, 2)
        key, value = self.key_value(seen).view(batch, seen.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.project(mixed.transpose(1, 2).reshape(batch, count, size))


class FeedForward(nn.Module):
    """Linear, 3x3 depthwise convolution over the grid, GELU, linear."""

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.expand = nn.Linear(size, hidden)
        self.neighbours = nn.Conv2d(hidden, hidden, 3, 1, 1, groups=hidden)
        self.contract = nn.Linear(hidden, size)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        spread = self.neighbours(to_map(self.expand(tokens), grid)).flatten(2).transpose(1, 2)
        return self.contract(functional.gelu(spread))


class TransformerBlock(nn.Module):
    """Attention and feed-forward net, each behind a LayerNorm and added to the tokens."""

    def __init__(self, heads: int, reduction: int = 1, size: int = EMBEDDING_SIZE, ratio: int = 2) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(size)
        self.attention = Attention(size, heads, reduction)
        self.feed_forward_norm = nn.LayerNorm(size)
        self.feed_forward = FeedForward(size, ratio * size)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        tokens = tokens + self.attention(self.attention_norm(tokens), grid)
        return tokens + self.feed_forward(self.feed_forward_norm(tokens), grid)
