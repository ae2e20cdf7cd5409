"""The two branches of encoder E: what the picture means (low resolution) and how it looks (high resolution).

Both end at (B, 128, S/4, S/4) for a picture of side S.
"""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor, nn

from avatar_core.models.paper.deeplab import HEAD_CHANNELS
from avatar_core.models.paper.resnet import STEM_CHANNELS
from avatar_core.models.paper.transformer import EMBEDDING_SIZE, PatchEmbedding, TransformerBlock, to_map

BRANCH_CHANNELS = 128
LEAK = 0.01  # slope of the leaky ReLUs


class Upsample(nn.Module):
    """Bilinear x2 with aligned corners: (B, C, H, W) -> (B, C, 2H, 2W)."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


class LowBranch(nn.Module):
    """Head feature (B, 256, S/8, S/8) -> (B, 128, S/4, S/4), through two transformer blocks at S/16."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = PatchEmbedding(HEAD_CHANNELS)
        self.blocks = nn.ModuleList(TransformerBlock(heads=4) for _ in range(2))
        self.unfold = nn.Sequential(nn.PixelShuffle(2), Upsample())
        self.first = nn.Conv2d(EMBEDDING_SIZE // 4, BRANCH_CHANNELS, 3, padding=1)
        self.last = nn.Conv2d(BRANCH_CHANNELS, BRANCH_CHANNELS, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        tokens, grid = self.embedding(x)
        for block in self.blocks:
            tokens = block(tokens, grid)
        return self.last(functional.leaky_relu(self.first(self.unfold(to_map(tokens, grid))), LEAK))


class HighBranch(nn.Module):
    """Stem (B, 64, S/2, S/2) -> (B, 128, S/4, S/4): six convolutions, the first at stride 2."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.Conv2d(STEM_CHANNELS, BRANCH_CHANNELS, 3, 2, 1)
        others = (nn.Conv2d(BRANCH_CHANNELS, BRANCH_CHANNELS, 3, 1, 1) for _ in range(5))
        self.layers = nn.ModuleList([first, *others])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = functional.leaky_relu(layer(x), LEAK)
        return self.layers[-1](x)
