"""What raw attributes mean in the paper's weights: raw (N, 14) of Phi -> Gaussians in head space."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from avatar_core.gaussians import CHANNELS, COLOR, MEAN, OPACITY, QUATERNION, SCALE
from avatar_core.models.gaussian_decoder import RAW_COLOR, RAW_OPACITY, RAW_POSITION, RAW_QUATERNION, RAW_SCALE

DENSITY_SHIFT = -1.0
COLOUR_MARGIN = 0.001  # colours may leave [0, 1] by this much, so that black and white can be reached
MAXIMUM_SCALE = 0.05  # head-space units


def density(raw: Tensor) -> Tensor:
    """Sigma (N,) of raw attributes (N, 14); opacity is 1 - exp(-sigma)."""
    return functional.softplus(raw[:, RAW_OPACITY] + DENSITY_SHIFT)


def activate(raw: Tensor, out: Tensor | None = None) -> Tensor:
    """Planar Gaussians (14, N), see `avatar_core.gaussians`, of raw attributes (N, 14).

    The position is absolute, not an offset from where the planes were sampled.
    """
    planar = torch.empty(CHANNELS, len(raw), dtype=raw.dtype, device=raw.device) if out is None else out
    planar[MEAN] = torch.tanh(raw[:, RAW_POSITION]).T
    planar[SCALE] = MAXIMUM_SCALE * torch.sigmoid(raw[:, RAW_SCALE]).T
    planar[QUATERNION] = functional.normalize(raw[:, RAW_QUATERNION], dim=1).T
    planar[OPACITY] = -torch.expm1(-density(raw))
    planar[COLOR] = (torch.sigmoid(raw[:, RAW_COLOR]) * (1 + 2 * COLOUR_MARGIN) - COLOUR_MARGIN).T
    return planar
