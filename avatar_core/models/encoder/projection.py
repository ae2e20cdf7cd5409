"""Where canonical points fall on the canvas of a photo, in torch."""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_core.camera import DEFAULT_RADIUS
from avatar_core.lift.canvas import CANVAS_SIZE, CROP_SIZE, FOCAL, MARGIN_LEFT, MARGIN_TOP


def to_head(points: Tensor, canonical_to_head: Tensor) -> Tensor:
    """Canonical points (R, C, 3) or (B, R, C, 3) in head space (B, R, C, 3), similarities (B, 4, 4)."""
    rotation = canonical_to_head[:, None, :3, :3].transpose(-1, -2)
    batched = points if points.ndim == 4 else points[None]
    return batched @ rotation + canonical_to_head[:, None, None, :3, 3]


def canvas_position(points: Tensor, canonical_to_head: Tensor) -> Tensor:
    """Canvas position (B, R, C, 2) of canonical points in `grid_sample`'s units: -1 and 1 are the canvas's edges."""
    x, y, z = to_head(points, canonical_to_head).unbind(-1)
    pixels = FOCAL / (DEFAULT_RADIUS - z)
    across = x * pixels + (MARGIN_LEFT + CROP_SIZE / 2)
    down = (MARGIN_TOP + CROP_SIZE / 2) - y * pixels
    return 2 * torch.stack([across, down], dim=-1) / CANVAS_SIZE - 1
