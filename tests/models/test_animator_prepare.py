"""The animator's compiled preparation against torch."""

from __future__ import annotations

import numpy as np
import torch

from avatar_core.models.animator_cpu import CpuAnimator
from avatar_core.models.animator_folding import FoldedNetworks
from tests.models.animator_scenes import random_avatar, random_networks


def unpacked(tiles: np.ndarray, count: int) -> np.ndarray:
    """(count, channels) of float32 tiles."""
    return tiles.transpose(0, 2, 1).reshape(-1, tiles.shape[1])[:count]


def test_constants_are_those_of_the_folded_networks() -> None:
    networks, avatar = random_networks(), random_avatar(101, motionless=20)
    animator = CpuAnimator(avatar, networks, precision="fp32", workers=2)
    source = np.asarray(avatar.source_activations, np.float32)
    folded = FoldedNetworks.of(networks, source, avatar.canonical_to_head)
    normalised, constant = folded.constants(
        avatar.f[:81], avatar.m[:81], networks, source, animator._centre, torch.float32
    )
    assert animator.moving == 81
    assert np.allclose(unpacked(animator._inputs.motion, 81), normalised.numpy(), atol=1e-5)
    assert np.allclose(unpacked(animator._inputs.constant, 81), constant.numpy(), atol=2e-3)
    rest = unpacked(animator._rest, 81)
    assert np.array_equal(rest[:, :3], avatar.rest[:3, :81].T.numpy())
    assert np.array_equal(rest[:, 3:6], np.exp(avatar.rest[3:6, :81].numpy()).T)
    assert np.array_equal(rest[:, 14], avatar.neck_weight[:81].numpy())
    assert np.array_equal(rest[:, 15], avatar.expression_weight[:81].numpy())
