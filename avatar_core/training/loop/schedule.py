"""The learning rate over the training, and the running average of the weights."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn


def rate_factor(step: int, steps: int, warm_up_steps: int, final_share: float) -> float:
    """Share of the full learning rate at ``step`` of ``steps``: linear rise, then half a cosine to ``final_share``."""
    rise = min(1.0, (step + 1) / (warm_up_steps + 1))
    falling = max(0, step - warm_up_steps) / max(1, steps - warm_up_steps)
    return rise * (final_share + (1 - final_share) * 0.5 * (1 + math.cos(math.pi * min(1.0, falling))))


def averaged_copy(model: nn.Module) -> nn.Module:
    """A copy of ``model`` to take the average of its weights: in eval mode, without gradients."""
    return copy.deepcopy(model).requires_grad_(False).eval()


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move ``average`` towards ``model``: an exponential moving average, shorter at the start of the training."""
    held = min(decay, (1 + step) / (10 + step))
    for mean, weight in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(weight, 1 - held)
    for held_buffer, buffer in zip(average.buffers(), model.buffers(), strict=True):
        held_buffer.copy_(buffer)
