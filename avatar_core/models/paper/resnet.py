"""The body of encoder E: a ResNet-18 without norms at output stride 8, and its high-resolution stem.

In: five channels (B, 5, H, W): the normalised picture and two coordinates. Out: the stem's activation
(B, 64, H/2, W/2) and the deep feature (B, 512, H/8, W/8). Convolutions carry no bias.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

STEM_CHANNELS = 64
DEEP_CHANNELS = 512
_IMAGE_MEAN, _IMAGE_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut; in a dilated stage the shortcut is 1x1 with stride 1."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels_in, channels, 3, stride, dilation, dilation, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, 1, dilation, dilation, bias=False)
        same = channels_in == channels and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels_in, channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.second(torch.relu(self.first(x))) + self.shortcut(x))


def _stage(channels_in: int, channels: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        BasicBlock(channels_in, channels, stride, dilation), BasicBlock(channels, channels, dilation=dilation)
    )


class ResNetBody(nn.Module):
    """Stem and four stages; the last two are dilated (2, 4) in place of their strides."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(5, STEM_CHANNELS, 7, 2, 3, bias=False)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.stage1 = _stage(64, 64)
        self.stage2 = _stage(64, 128, stride=2)
        self.stage3 = _stage(128, 256, dilation=2)
        self.stage4 = _stage(256, DEEP_CHANNELS, dilation=4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Stem (B, 64, H/2, W/2) after its ReLU, and deep feature (B, 512, H/8, W/8)."""
        high = torch.relu(self.stem(x))
        return high, self.stage4(self.stage3(self.stage2(self.stage1(self.pool(high)))))


class PictureInput(nn.Module):
    """Picture (B, 3, H, W) in [-1, 1] -> (B, 5, H, W): ImageNet statistics taken off, x and y coordinates appended."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_IMAGE_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_IMAGE_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        batch, _, height, width = image.shape
        normalised = (0.5 * image + 0.5 - self.mean) / self.std
        x = _pixel_centres(width, image).expand(height, width)
        y = _pixel_centres(height, image)[:, None].expand(height, width)
        return torch.cat([normalised, torch.stack([x, y]).expand(batch, 2, height, width)], dim=1)


def _pixel_centres(count: int, like: Tensor) -> Tensor:
    """(count,) pixel centres of a side that spans [-1, 1]."""
    index = torch.arange(count, device=like.device, dtype=torch.float32)
    return ((2.0 * index + 1.0) / count - 1.0).to(like.dtype)
