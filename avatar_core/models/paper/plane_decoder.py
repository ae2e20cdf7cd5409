"""The last part of encoder E: both branches become three feature planes.

In: (B, 256, S/4, S/4), the low branch's channels first. Out: (B, 3, 96, S/2, S/2), or the mean of the three.
"""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor, nn

from avatar_core.models.paper.branches import BRANCH_CHANNELS, LEAK, Upsample
from avatar_core.models.paper.transformer import EMBEDDING_SIZE, PatchEmbedding, TransformerBlock, to_map

PLANES = 3
PLANE_CHANNELS = 96
_JOINED = 2 * BRANCH_CHANNELS


class PlaneDecoder(nn.Module):
    """One transformer block over S/8 and five convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.join = nn.Conv2d(_JOINED, _JOINED, 3, padding=1)
        self.embedding = PatchEmbedding(_JOINED)
        self.block = TransformerBlock(heads=2, reduction=2)
        self.shuffle = nn.PixelShuffle(2)
        self.layer1 = nn.Conv2d(EMBEDDING_SIZE // 4, _JOINED, 3, padding=1)
        self.upsample = Upsample()
        self.layer2 = nn.Conv2d(_JOINED, BRANCH_CHANNELS, 3, padding=1)
        self.layer3 = nn.Conv2d(BRANCH_CHANNELS, BRANCH_CHANNELS, 3, padding=1)
        self.layer4 = nn.Conv2d(BRANCH_CHANNELS, PLANES * PLANE_CHANNELS, 3, padding=1)
        self.output = nn.Conv2d(PLANES * PLANE_CHANNELS, PLANES * PLANE_CHANNELS, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Three planes (B, 3, 96, S/2, S/2)."""
        return self.output(self._features(x)).unflatten(1, (PLANES, PLANE_CHANNELS))

    def mean_plane(self, x: Tensor) -> Tensor:
        """The mean of the three planes (B, 96, S/2, S/2), for a third of the last convolution's work.

        A mean of convolutions is the convolution with the mean of their weights.
        """
        weight = self.output.weight.unflatten(0, (PLANES, PLANE_CHANNELS)).mean(0)
        assert self.output.bias is not None
        bias = self.output.bias.unflatten(0, (PLANES, PLANE_CHANNELS)).mean(0)
        return functional.conv2d(self._features(x), weight, bias, padding=1)

    def _features(self, x: Tensor) -> Tensor:
        tokens, grid = self.embedding(self.join(x))
        x = self.shuffle(to_map(self.block(tokens, grid), grid))
        x = self.upsample(functional.leaky_relu(self.layer1(x), LEAK))
        for layer in (self.layer2, self.layer3, self.layer4):
            x = functional.leaky_relu(layer(x), LEAK)
        return x
