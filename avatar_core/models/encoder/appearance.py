"""Colours of the template's cells: what the photo shows there, its mirror image, the far side, or the decoder's guess.

Textures come from the photo at full sharpness; the network only decides which source to believe.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from avatar_core.models.encoder.projection import canvas_position

FACING_LOW, FACING_HIGH = 0.1, 0.45
"""Cosine between a cell's ray and the view from which the photo's pixel counts as this cell's, and counts fully."""


def blend_sources(
    points: Tensor,
    direction: Tensor,
    canonical_to_head: Tensor,
    front: Tensor,
    back: Tensor,
    coverage: Tensor,
    base: Tensor,
    gates: Tensor,
) -> Tensor:
    """Colours (B, R, C, 3).

    Args:
        points, direction: (B, R, C, 3) canonical points and (R, C, 3) their outward rays.
        canonical_to_head: (B, 4, 4).
        front, back: (B, 3, S, S) colours of the canvas; coverage: (B, 1, S, S).
        base: (B, R, C, 3) the decoder's colours; gates: (B, R, C, 3) logits of the sources.
    """
    mirror = points.new_tensor([-1.0, 1.0, 1.0])
    places = canvas_position(points, canonical_to_head)
    mirrored = canvas_position(points * mirror, canonical_to_head)
    sources, weights = [base], [torch.ones_like(base[..., 0])]
    for index, (picture, place, ray) in enumerate(
        ((front, places, direction), (front, mirrored, direction * mirror), (back, places, None))
    ):
        believed = torch.exp(gates[..., index].clamp(-6.0, 6.0))
        believed = believed * sample(coverage, place)[..., 0]
        if ray is not None:
            believed = believed * facing(ray, canonical_to_head)
        sources.append(sample(picture, place))
        weights.append(believed)
    total = torch.stack(weights, dim=-1)
    share = total / total.sum(-1, keepdim=True)
    return (torch.stack(sources, dim=-1) * share[..., None, :]).sum(-1)


def facing(direction: Tensor, canonical_to_head: Tensor) -> Tensor:
    """(B, R, C) in [0, 1]: how much outward rays (R, C, 3) look at the photo's camera."""
    forward = functional.normalize(canonical_to_head[:, 2, :3], dim=-1)
    cosine = torch.einsum("rck,bk->brc", direction, forward)
    share = ((cosine - FACING_LOW) / (FACING_HIGH - FACING_LOW)).clamp(0, 1)
    return share * share * (3 - 2 * share)


def sample(values: Tensor, place: Tensor) -> Tensor:
    """Canvas values (B, K, S, S) at places (B, R, C, 2), see `canvas_position` -> (B, R, C, K)."""
    sampled = functional.grid_sample(values, place, align_corners=False, padding_mode="border")
    return sampled.movedim(1, -1)


def finer(values: Tensor, fine: int) -> Tensor:
    """(K, R, C) -> (K, fine R, fine C) bilinear, closed round the head."""
    ring = functional.pad(values[None], (1, 1, 0, 0), mode="circular")
    size = (fine * values.shape[1], fine * (values.shape[2] + 2))
    return functional.interpolate(ring, size=size, mode="bilinear", align_corners=False)[0, :, :, fine:-fine]
