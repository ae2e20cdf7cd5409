"""Small random scenes in front of the default camera."""

from __future__ import annotations

import numpy as np
import torch

from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE, Gaussians


def cloud(count: int, seed: int = 0, *, largest: float = 0.02, spread: float = 0.2) -> Gaussians:
    """``count`` random Gaussians round the origin: flat, long, faint and opaque ones."""
    random = np.random.default_rng(seed)
    planar = np.zeros((14, count), np.float32)
    planar[MEAN] = random.uniform(-spread, spread, (3, count))
    planar[SCALE] = np.exp(random.uniform(np.log(5e-4), np.log(largest), (3, count)))
    planar[QUATERNION] = random.normal(size=(4, count)) * random.uniform(0.5, 2.0, count)
    planar[OPACITY] = random.uniform(0.0, 1.0, count)
    planar[COLOR] = random.uniform(0.0, 1.0, (3, count))
    return Gaussians(torch.from_numpy(planar))


def single(mean: tuple[float, float, float] = (0.0, 0.0, 0.0), scale: float = 0.01, opacity: float = 0.8) -> Gaussians:
    """One round Gaussian, orange."""
    values = [*mean, scale, scale, scale, 1.0, 0.0, 0.0, 0.0, opacity, 1.0, 0.5, 0.25]
    return Gaussians(torch.tensor(values, dtype=torch.float32)[:, None])
