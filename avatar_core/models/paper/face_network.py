"""The face network (FAN, Bulat and Tzimiropoulos 2017) inside motion encoder M: its residual blocks and hourglass.

Maps are (B, C, H, W).
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

HOURGLASS_CHANNELS = 256


class NormedConv(nn.Module):
    """Batch norm, ReLU, convolution without bias."""

    def __init__(self, channels_in: int, channels: int, kernel: int = 3) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels_in)
        self.conv = nn.Conv2d(channels_in, channels, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(torch.relu(self.norm(x)))


class PyramidBlock(nn.Module):
    """Three convolutions in a row whose outputs (1/2, 1/4, 1/4 of the channels) are concatenated, and a shortcut."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.first = NormedConv(channels_in, channels // 2)
        self.second = NormedConv(channels // 2, channels // 4)
        self.third = NormedConv(channels // 4, channels // 4)
        self.shortcut = nn.Identity() if channels_in == channels else NormedConv(channels_in, channels, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        half = self.first(x)
        quarter = self.second(half)
        return torch.cat([half, quarter, self.third(quarter)], dim=1) + self.shortcut(x)


class Hourglass(nn.Module):
    """Halves the map ``depth`` times and adds each level's detail on the way back; sides that are odd round down."""

    def __init__(self, depth: int = 4, channels: int = HOURGLASS_CHANNELS) -> None:
        super().__init__()
        self.detail = nn.ModuleList(PyramidBlock(channels, channels) for _ in range(depth))
        self.descend = nn.ModuleList(PyramidBlock(channels, channels) for _ in range(depth))
        self.bottom = PyramidBlock(channels, channels)
        self.ascend = nn.ModuleList(PyramidBlock(channels, channels) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        details = []
        for detail, descend in zip(self.detail, self.descend, strict=True):
            details.append(detail(x))
            x = descend(functional.max_pool2d(x, 2))
        x = self.bottom(x)
        for detail_map, ascend in zip(reversed(details), reversed(self.ascend), strict=True):
            size = (detail_map.shape[2], detail_map.shape[3])
            x = detail_map + functional.interpolate(ascend(x), size=size, mode="bilinear", align_corners=False)
        return x
