"""Small avatars with random attributes, and networks whose motion is large enough to test."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from avatar_core.avatar import Avatar
from avatar_core.models.networks import MotionNetworks

RESIDUALS = 5


def random_networks(seed: int = 0) -> MotionNetworks:
    """Untrained networks, last layer strengthened so that expressions move Gaussians by tenths of a unit."""
    torch.manual_seed(seed)
    networks = MotionNetworks(RESIDUALS).eval().requires_grad_(False)
    networks.code.weight.mul_(4.0)
    networks.motion_decoder.output.weight.mul_(4.0)
    return networks


def random_avatar(count: int, seed: int = 0, *, motionless: int = 0) -> Avatar:
    """``count`` Gaussians, the last ``motionless`` of which no expression reaches; the others follow it by half
    or more."""
    random = np.random.default_rng(seed)
    rest = random.normal(size=(14, count)).astype(np.float32)
    rest[:3] *= 0.2
    rest[3:6] = random.uniform(-7.0, -5.0, (3, count))
    rest[6:10] /= np.linalg.norm(rest[6:10], axis=0)
    rest[11:] = random.uniform(0.0, 1.0, (3, count))
    neck = random.choice([0.0, 1.0, 0.3, 0.7], count).astype(np.float32)
    to_head = np.eye(4)
    to_head[:3, :3] = 0.13 * Rotation.from_euler("xyz", [0.2, -0.3, 0.1]).as_matrix()
    to_head[:3, 3] = (0.01, 0.05, 0.1)
    m = random.normal(size=(count, 48)).astype(np.float32)
    expression = random.uniform(0.5, 1.0, count).astype(np.float32)
    expression[count - motionless :] = 0.0
    return Avatar(
        rest=torch.from_numpy(rest),
        f=torch.from_numpy(random.normal(size=(count, 48)).astype(np.float32)),
        m=torch.from_numpy(m),
        neck_weight=torch.from_numpy(neck),
        expression_weight=torch.from_numpy(expression),
        part=torch.zeros(count, dtype=torch.uint8),
        source_activations=random_activations(100 + seed),
        landmarks=np.zeros((478, 3), np.float32),
        neutral_landmarks=np.zeros((478, 3), np.float32),
        canonical_to_head=to_head,
        pivot=np.array([0.0, -0.1, -0.05]),
        background=np.zeros((512, 512, 3), np.uint8),
        thumbnail=np.zeros((16, 16, 3), np.uint8),
    )


def random_activations(seed: int) -> np.ndarray:
    """(A,) named activations in [0, 1], gaze and residuals of either sign."""
    random = np.random.default_rng(seed)
    named, other = random.uniform(0.0, 1.0, 53), random.uniform(-0.5, 0.5, 4 + RESIDUALS)
    return np.concatenate([named, other]).astype(np.float32)
