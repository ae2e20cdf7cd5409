"""Encoder E (paper section 4.1, sizes of the public release): one portrait -> feature planes.

In: (B, 3, 512, 512), RGB in [-1, 1], the person cut out on black. Out: planes (B, 3, 96, 256, 256); the first 48
channels of each are the feature f (appearance and shape), the last 48 the motion basis m. 54.0 M parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from avatar_core.models.paper.branches import HighBranch, LowBranch
from avatar_core.models.paper.deeplab import DeepLabHead
from avatar_core.models.paper.plane_decoder import PlaneDecoder
from avatar_core.models.paper.resnet import PictureInput, ResNetBody


class PlaneEncoder(nn.Module):
    """Picture (B, 3, S, S) -> planes; S is 512 for the published weights and a multiple of 32 in general."""

    def __init__(self) -> None:
        super().__init__()
        self.picture = PictureInput()
        self.body = ResNetBody()
        self.head = DeepLabHead()
        self.low_branch = LowBranch()
        self.high_branch = HighBranch()
        self.decoder = PlaneDecoder()

    def forward(self, image: Tensor) -> Tensor:
        """Three planes (B, 3, 96, S/2, S/2): xy, xz, zy."""
        return self.decoder(self._branches(image))

    def mean_plane(self, image: Tensor) -> Tensor:
        """The mean of the three planes (B, 96, S/2, S/2), all that plane instantiation needs."""
        return self.decoder.mean_plane(self._branches(image))

    def _branches(self, image: Tensor) -> Tensor:
        stem, deep = self.body(self.picture(image))
        return torch.cat([self.low_branch(self.head(deep)), self.high_branch(stem)], dim=1)
