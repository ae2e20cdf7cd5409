"""The DeepLabV3 head of encoder E (Chen et al. 2017): one deep feature seen at several dilations.

In: (B, 512, H, W). Out: (B, 256, H, W). No norms, no biases, a ReLU after every convolution.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avatar_core.models.paper.resnet import DEEP_CHANNELS

HEAD_CHANNELS = 256
RATES = (12, 24, 36)


class AtrousPyramid(nn.Module):
    """1x1, three dilated 3x3 and the whole map's mean, concatenated, projected: (B, 512, H, W) -> (B, 256, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.point = nn.Conv2d(DEEP_CHANNELS, HEAD_CHANNELS, 1, bias=False)
        self.dilated = nn.ModuleList(
            nn.Conv2d(DEEP_CHANNELS, HEAD_CHANNELS, 3, padding=rate, dilation=rate, bias=False) for rate in RATES
        )
        self.pooled = nn.Conv2d(DEEP_CHANNELS, HEAD_CHANNELS, 1, bias=False)
        self.project = nn.Conv2d(HEAD_CHANNELS * (2 + len(RATES)), HEAD_CHANNELS, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        whole = self.pooled(x.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        views = [self.point(x), *(conv(x) for conv in self.dilated), whole]
        return torch.relu(self.project(torch.relu(torch.cat(views, dim=1))))


class DeepLabHead(nn.Module):
    """The pyramid and a 3x3 convolution: (B, 512, H, W) -> (B, 256, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.pyramid = AtrousPyramid()
        self.project = nn.Conv2d(HEAD_CHANNELS, HEAD_CHANNELS, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.project(self.pyramid(x)))
