"""Where a Gaussian sits on the mean face -> its feature f (48) and its motion basis m (48).

In: canonical coordinate u (N, 3) on or around the mean face (unit: inter-ocular distance), surface normal (N, 3) in
canonical axes, part label (N,) (index into `avatar_core.avatar.PART_NAMES`).
Out: f (N, 48) and m (N, 48), the constants of the frame loop.

Both lips touch the same u when the mouth is shut, so the coordinate alone cannot tell them apart. Two inputs do: the
part embedding, and the coordinate a second time after a small learned warp that opens the mouth (it is trained on the
teacher's jaw-open pose and depends on u and the part alone, so it is at hand when an avatar is made).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from avatar_core.avatar import PART_NAMES
from avatar_core.models.motion_decoder import FEATURE_SIZE, MOTION_SIZE

LABEL_COUNT = PART_NAMES.index("hair") + 1
"""Labels the networks know; body and back move with the head alone and are described as head_neck."""

OCTAVES = 6
WARP_OCTAVES = 3
EMBEDDING_SIZE = 16
DESCRIPTOR_HIDDEN = 128
WARP_HIDDEN = 64


def positional_encoding(u: Tensor, octaves: int) -> Tensor:
    """u (..., 3) -> (..., 3 + 6 * octaves): u itself, then sine and cosine of pi 2^k u."""
    angles = u[..., None, :] * (math.pi * 2.0 ** torch.arange(octaves, dtype=u.dtype, device=u.device))[:, None]
    return torch.cat([u, torch.sin(angles).flatten(-2), torch.cos(angles).flatten(-2)], dim=-1)


def network_label(part: Tensor) -> Tensor:
    """Part labels (N,) of any integer type -> labels the embedding knows (N,) int64."""
    label = part.long()
    return torch.where(label < LABEL_COUNT, label, PART_NAMES.index("head_neck"))


class JawWarp(nn.Module):
    """u (N, 3), embedding (N, 16) -> displacement (N, 3) to the open-mouth pose, canonical units."""

    def __init__(self) -> None:
        super().__init__()
        self.input = nn.Linear(3 + 6 * WARP_OCTAVES + EMBEDDING_SIZE, WARP_HIDDEN)
        self.middle = nn.Linear(WARP_HIDDEN, WARP_HIDDEN)
        self.output = nn.Linear(WARP_HIDDEN, 3)

    def forward(self, u: Tensor, embedding: Tensor) -> Tensor:
        hidden = functional.silu(self.input(torch.cat([positional_encoding(u, WARP_OCTAVES), embedding], dim=-1)))
        return self.output(functional.silu(self.middle(hidden)))


class DescriptorNetwork(nn.Module):
    """(u, normal, part) -> (f, m): two SiLU layers over encoded coordinates, and two linear heads."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(LABEL_COUNT, EMBEDDING_SIZE)
        self.jaw_warp = JawWarp()
        inputs = 2 * (3 + 6 * OCTAVES) + 3 + EMBEDDING_SIZE
        self.first = nn.Linear(inputs, DESCRIPTOR_HIDDEN)
        self.second = nn.Linear(DESCRIPTOR_HIDDEN, DESCRIPTOR_HIDDEN)
        self.feature = nn.Linear(DESCRIPTOR_HIDDEN, FEATURE_SIZE)
        self.motion = nn.Linear(DESCRIPTOR_HIDDEN, MOTION_SIZE)

    def warp(self, u: Tensor, part: Tensor) -> Tensor:
        """Displacement (N, 3) of u to the open-mouth pose; the training holds it to the teacher's."""
        return self.jaw_warp(u, self.embedding(network_label(part)))

    def forward(self, u: Tensor, normal: Tensor, part: Tensor) -> tuple[Tensor, Tensor]:
        """u (N, 3), normal (N, 3) unit length, part (N,) integer -> f (N, 48), m (N, 48)."""
        embedding = self.embedding(network_label(part))
        opened = u + self.jaw_warp(u, embedding).to(u.dtype)
        inputs = [positional_encoding(u, OCTAVES), positional_encoding(opened, OCTAVES), normal, embedding]
        hidden = functional.silu(self.first(torch.cat(inputs, dim=-1)))
        hidden = functional.silu(self.second(hidden))
        return self.feature(hidden), self.motion(hidden)
