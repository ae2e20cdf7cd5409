"""Phi: feature f -> raw Gaussian attributes, each Gaussian by itself."""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor, nn

from avatar_core.models.motion_decoder import FEATURE_SIZE, HIDDEN_SIZE

# Order of the raw outputs, as in the reference model less its unused channels.
RAW_OPACITY = 0
RAW_COLOR = slice(1, 4)
RAW_POSITION = slice(4, 7)
RAW_SCALE = slice(7, 10)
RAW_QUATERNION = slice(10, 14)
RAW_CHANNELS = 14


class GaussianDecoder(nn.Module):
    """f (N, 48) -> raw (N, 14): opacity 1, colour 3, position 3, scale 3, quaternion wxyz 4."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(FEATURE_SIZE, HIDDEN_SIZE)
        self.output = nn.Linear(HIDDEN_SIZE, RAW_CHANNELS)

    def forward(self, f: Tensor) -> Tensor:
        return self.output(functional.softplus(self.hidden(f)))
