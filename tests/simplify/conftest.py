"""A flat sheet of samples such as the lift makes, facing the camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from avatar_core.avatar import PART_NAMES, Avatar
from avatar_core.lift.canvas import UNITS_PER_PIXEL, unproject
from avatar_core.lift.layer import SIGMA_PER_STEP

SIDE = 8  # samples
LEFT, TOP = 100, 120  # canvas pixels, multiples of the largest cell


def flat_sheet(like: Avatar, step: int, part: str = "upper_face", side: int = SIDE) -> Avatar:
    """``side`` x ``side`` grey samples, ``step`` pixels apart, in the plane of the head's centre."""
    x, y = np.meshgrid(LEFT + step * (np.arange(side) + 0.5), TOP + step * (np.arange(side) + 0.5))
    count = side * side
    rest = np.zeros((14, count), np.float32)
    rest[:3] = unproject(x.ravel(), y.ravel(), np.zeros(count)).T
    rest[3:5] = np.log(SIGMA_PER_STEP * step * UNITS_PER_PIXEL)
    rest[5] = np.log(0.1 * UNITS_PER_PIXEL)
    rest[6] = 1.0
    rest[10] = 2.0
    rest[11:] = 0.5
    return replace(
        like,
        rest=torch.from_numpy(rest),
        f=torch.ones(count, 48),
        m=torch.ones(count, 48),
        neck_weight=torch.ones(count),
        expression_weight=torch.ones(count),
        part=torch.full((count,), PART_NAMES.index(part), dtype=torch.uint8),
    )


@pytest.fixture
def sheet(avatar: Avatar) -> Avatar:
    """A sheet of one sample per pixel."""
    return flat_sheet(avatar, 1)
