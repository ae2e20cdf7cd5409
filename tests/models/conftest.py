"""Networks without trained weights, for what must hold whatever the weights are."""

from __future__ import annotations

import pytest
import torch

from avatar_core.models.networks import MotionNetworks


@pytest.fixture
def networks() -> MotionNetworks:
    torch.manual_seed(0)
    made = MotionNetworks(residual_count=5)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return made.eval()
