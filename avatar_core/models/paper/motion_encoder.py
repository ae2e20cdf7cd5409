"""Motion encoder M (X-NeMo's): what a face does, without whose face it is.

In: face crops (B, 3, 224, 224), RGB in [-1, 1]. Out: codes (B, 512). 61.7 M parameters.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from avatar_core.models.motion_decoder import CODE_SIZE
from avatar_core.models.paper.face_network import HOURGLASS_CHANNELS, Hourglass, PyramidBlock
from avatar_core.models.paper.positions import line_code
from avatar_core.models.paper.spatial_attention import SpatialAttention

CROP_SIDE = 224
LANDMARK_MAPS = 68
BOX_SIZE = 64
CODE_TOKENS = 32


class FaceNetwork(nn.Module):
    """FAN with spatial attention: crops (B, 3, 224, 224) -> (B, 512)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 7, 2, 3)
        self.stem_norm = nn.BatchNorm2d(64)
        self.block1 = PyramidBlock(64, 128)
        self.attention1 = SpatialAttention(128, CROP_SIDE // 2, patch=4)
        self.block2 = PyramidBlock(128, 128)
        self.block3 = PyramidBlock(128, HOURGLASS_CHANNELS)
        self.attention2 = SpatialAttention(HOURGLASS_CHANNELS, CROP_SIDE // 4, patch=2)
        self.hourglass = Hourglass()
        self.top = PyramidBlock(HOURGLASS_CHANNELS, HOURGLASS_CHANNELS)
        self.mix = nn.Conv2d(HOURGLASS_CHANNELS, HOURGLASS_CHANNELS, 1)
        self.mix_norm = nn.BatchNorm2d(HOURGLASS_CHANNELS)
        self.attention3 = SpatialAttention(HOURGLASS_CHANNELS, CROP_SIDE // 4, patch=2)
        self.maps = nn.Conv2d(HOURGLASS_CHANNELS, LANDMARK_MAPS, 1)
        self.maps_norm = nn.BatchNorm2d(LANDMARK_MAPS)
        self.gather = nn.Conv2d(LANDMARK_MAPS, 1, 3, 2, 1)
        self.code = nn.Linear((CROP_SIDE // 8) ** 2, CODE_SIZE)

    def forward(self, crop: Tensor) -> Tensor:
        x = torch.relu(self.stem_norm(self.stem(crop)))
        x = functional.max_pool2d(self.attention1(self.block1(x)), 2)
        x = self.attention2(self.block3(self.block2(x)))
        x = self.attention3(self.mix_norm(self.mix(self.top(self.hourglass(x)))))
        x = torch.relu(self.maps_norm(self.maps(torch.relu(x))))
        return self.code(torch.relu(self.gather(x)).flatten(1))


class VisualMotionEncoder(nn.Module):
    """Face crop -> motion code, with a box vector that is fixed to (0, 0, 1) at inference."""

    box: Tensor
    position: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.face = FaceNetwork()
        self.box_first = nn.Linear(3, BOX_SIZE)
        self.box_last = nn.Linear(BOX_SIZE, BOX_SIZE)
        self.project = nn.Linear(CODE_SIZE + BOX_SIZE, CODE_SIZE)
        self.register_buffer("box", torch.tensor([[0.0, 0.0, 1.0]]), persistent=False)
        self.register_buffer("position", line_code(CODE_SIZE // CODE_TOKENS, torch.arange(CODE_TOKENS))[None])

    def forward(self, crop: Tensor) -> Tensor:
        """Codes (B, 512) of ``crop`` (B, 3, 224, 224)."""
        face = self.face(crop)
        box = self.box_last(functional.relu(self.box_first(self.box))).expand(len(crop), -1)
        code = self.project(torch.cat([face, box], dim=1))
        return code + self.position.flatten(1)
