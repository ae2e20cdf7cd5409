"""The compiled descriptor networks against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avatar_core.models.animator_layout import HAS_BF16
from avatar_core.models.descriptor_cpu import CpuDescriber
from avatar_core.models.networks import MotionNetworks

COUNT = 1037  # no multiple of a tile


def points() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    normal = random.normal(size=(COUNT, 3)).astype(np.float32)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return (0.8 * random.normal(size=(COUNT, 3))).astype(np.float32), normal, random.integers(0, 15, COUNT, np.uint8)


def networks() -> MotionNetworks:
    torch.manual_seed(4)
    made = MotionNetworks(5).eval().requires_grad_(False)
    made.descriptors.jaw_warp.output.weight.mul_(0.3)
    return made


@pytest.mark.parametrize(
    ("precision", "tolerance"),
    [("fp32", 2e-3), pytest.param("bf16", 2e-2, marks=pytest.mark.skipif(not HAS_BF16, reason="no bf16 here"))],
)
def test_it_describes_as_the_networks_do(precision: str, tolerance: float) -> None:
    u, normal, part = points()
    reference = networks()
    expected = reference.describe(*(torch.from_numpy(values) for values in (u, normal, part)))
    found = CpuDescriber(reference.descriptors, precision).describe(u, normal, part, np.arange(COUNT))
    for ours, theirs in zip(found, expected, strict=True):
        assert float((ours - theirs).abs().max()) < tolerance * float(theirs.abs().max())
        assert torch.equal(ours.half().float(), ours)


def test_only_the_rows_asked_for_are_described() -> None:
    u, normal, part = points()
    describer = CpuDescriber(networks().descriptors)
    rows = np.flatnonzero(np.random.default_rng(2).random(COUNT) < 0.4)
    whole, some = (describer.describe(u, normal, part, chosen) for chosen in (np.arange(COUNT), rows))
    for complete, sparse in zip(whole, some, strict=True):
        assert torch.equal(sparse[rows], complete[rows])
        sparse[rows] = 0
        assert not sparse.any()


def test_no_rows_give_nothing() -> None:
    u, normal, part = points()
    f, m = CpuDescriber(networks().descriptors).describe(u, normal, part, np.zeros(0, np.int64))
    assert f.shape == m.shape == (COUNT, 48) and not f.any() and not m.any()
