"""The learning rate over the training and the average of the weights."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

pytest.importorskip("lightning_fabric", reason="needs the 'train' extra")

from avatar_core.training.loop.schedule import averaged_copy, rate_factor, update_average


def test_the_rate_rises_linearly_and_falls_by_half_a_cosine():
    rates = [rate_factor(step, 1000, 100, 0.1) for step in range(1001)]
    assert rates[0] == pytest.approx(1 / 101) and rates[49] == pytest.approx(50 / 101) and rates[100] == 1.0
    assert rates[550] == pytest.approx(0.55) and rates[1000] == pytest.approx(0.1)
    assert all(earlier >= later for earlier, later in itertools.pairwise(rates[100:]))
    assert rate_factor(0, 10, 0, 0.0) == 1.0


def test_the_average_follows_the_weights_and_takes_the_buffers():
    model = nn.BatchNorm1d(2)
    average = averaged_copy(model)
    with torch.no_grad():
        model.weight.fill_(3.0)
        model.running_mean.fill_(5.0)
        model.num_batches_tracked.fill_(7)
    update_average(average, model, 0.9, 1000)
    assert torch.allclose(average.weight, torch.full((2,), 1.2))
    assert float(average.running_mean[0]) == 5.0 and int(average.num_batches_tracked) == 7
    assert not average.training and not average.weight.requires_grad
    update_average(average, model, 0.999, 0)  # at the start a tenth of the past is kept
    assert torch.allclose(average.weight, torch.full((2,), 0.1 * 1.2 + 0.9 * 3.0))
