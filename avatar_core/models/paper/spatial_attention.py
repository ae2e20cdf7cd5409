"""Spatial self-attention inside motion encoder M: patches of a map exchange what they see.

The map (B, C, H, W) is cut into P x P patches, each a token of 1024; after attention and a gated feed-forward net the
tokens are laid out as a map again, projected to C channels and added to the input.
"""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor, nn

from avatar_core.models.paper.positions import grid_code

TOKEN_SIZE = 1024
HEADS = 8
FEED_FORWARD_RATIO = 4
GROUPS, GROUP_EPSILON = 32, 1e-6


class SelfAttention(nn.Module):
    """Tokens (B, N, 1024) -> the same shape, 8 heads of 128."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(TOKEN_SIZE, TOKEN_SIZE, bias=False)
        self.key = nn.Linear(TOKEN_SIZE, TOKEN_SIZE, bias=False)
        self.value = nn.Linear(TOKEN_SIZE, TOKEN_SIZE, bias=False)
        self.project = nn.Linear(TOKEN_SIZE, TOKEN_SIZE)

    def forward(self, tokens: Tensor) -> Tensor:
        split = [
            layer(tokens).unflatten(2, (HEADS, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        ]
        return self.project(functional.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2))


class GatedFeedForward(nn.Module):
    """Linear to twice the hidden size, one half gated by the other's GELU, linear back (GEGLU, Shazeer 2020)."""

    def __init__(self) -> None:
        super().__init__()
        hidden = FEED_FORWARD_RATIO * TOKEN_SIZE
        self.expand = nn.Linear(TOKEN_SIZE, 2 * hidden)
        self.contract = nn.Linear(hidden, TOKEN_SIZE)

    def forward(self, tokens: Tensor) -> Tensor:
        value, gate = self.expand(tokens).chunk(2, dim=-1)
        return self.contract(value * functional.gelu(gate))


class SpatialAttention(nn.Module):
    """A residual for a map of ``channels`` and ``side`` x ``side`` pixels, cut into patches of ``patch`` pixels.

    The output projection starts at zero, so that an untrained block passes its input on unchanged.
    """

    position: Tensor

    def __init__(self, channels: int, side: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.grid = side // patch
        self.norm = nn.GroupNorm(GROUPS, channels, GROUP_EPSILON)
        self.embed = nn.Conv2d(channels, TOKEN_SIZE, patch, patch)
        self.attention_norm = nn.LayerNorm(TOKEN_SIZE)
        self.attention = SelfAttention()
        self.feed_forward_norm = nn.LayerNorm(TOKEN_SIZE)
        self.feed_forward = GatedFeedForward()
        self.project = nn.Linear(TOKEN_SIZE // patch**2, channels)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)
        self.register_buffer("position", grid_code(TOKEN_SIZE, self.grid), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(self.norm(x)).flatten(2).transpose(1, 2) + self.position.to(x.dtype)
        tokens = tokens + self.attention(self.attention_norm(tokens))
        tokens = tokens + self.feed_forward(self.feed_forward_norm(tokens))
        # token channels are (row in patch, column in patch, channel)
        pixels = tokens.unflatten(2, (self.patch, self.patch, -1)).unflatten(1, (self.grid, self.grid))
        pixels = pixels.permute(0, 1, 3, 2, 4, 5).flatten(3, 4).flatten(1, 2)
        return x + self.project(pixels).permute(0, 3, 1, 2)
