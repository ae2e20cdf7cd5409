"""Psi: the AdaLN motion decoder (paper section 4.1; sizes as in the reference model)."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

CODE_SIZE = 512
FEATURE_SIZE = 48
MOTION_SIZE = 48
HIDDEN_SIZE = 96


class MotionDecoder(nn.Module):
    """(motion basis m, source code, driver code) -> delta f, each Gaussian by itself.

    The two codes give a scale and a shift of LayerNorm(m); there is no ``1 +`` on the scale. ``gain`` multiplies the
    output (0.01 in the paper's weights, 1 in ours).
    """

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = gain
        self.mapping = nn.Linear(2 * CODE_SIZE, 2 * MOTION_SIZE, bias=False)
        self.modulated = nn.Linear(MOTION_SIZE, MOTION_SIZE)
        self.hidden = nn.Linear(MOTION_SIZE, HIDDEN_SIZE)
        self.output = nn.Linear(HIDDEN_SIZE, FEATURE_SIZE)

    def modulation(self, source: Tensor, driver: Tensor) -> tuple[Tensor, Tensor]:
        """Scale and shift, each (..., 48), of codes (..., 512)."""
        both = self.mapping(torch.cat([source, driver], dim=-1))
        return both[..., :MOTION_SIZE], both[..., MOTION_SIZE:]

    def forward(self, m: Tensor, source: Tensor, driver: Tensor) -> Tensor:
        """delta f (N, 48) of ``m`` (N, 48) under codes (512,)."""
        scale, shift = self.modulation(source, driver)
        normalised = functional.layer_norm(m, (MOTION_SIZE,)) * scale + shift
        return self.gain * self.output(functional.softplus(self.hidden(self.modulated(normalised))))
