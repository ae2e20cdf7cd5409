"""The encoder's network: guide maps -> depth correction of the visible layer, and the hidden template layer.

In: maps (B, 12, 160, 160) of `Guide`, canonical_to_head (B, 4, 4). Out: `Prediction`.

A U-Net over the photo gives the pixel-aligned correction; its bottleneck gives the identity latent w. The template
branch lives on the canonical layout: learned template values per cell, features of the photo sampled where the cell and
its mirror image project to, both modulated by w (FiLM), decoded to a radius and colours (FastAvatar: template plus
residual). The last layers start at zero: the untrained encoder changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from avatar_core.models.encoder.guide import GUIDE_CHANNELS
from avatar_core.models.encoder.layout import COLUMNS, ROWS, rays
from avatar_core.models.encoder.projection import canvas_position
from avatar_core.weights_file import check_format, check_shapes, read_tensors, write_tensors

FORMAT = "gaussian-avatar learned encoder"
VERSION = "1"

WIDTHS = (16, 40, 64, 96, 128)
LATENT_SIZE = 256
TEMPLATE_WIDTH = 64
TEMPLATE_TOKENS = 32
TEMPLATE_OUT = 8
SOURCES = 3
"""Where a hidden cell's colour may come from besides the decoder: the photo at its place, at its mirror image's place,
and the lift's far side."""


class Prediction(NamedTuple):
    """Args:
    correction: (B, 160, 160) what to add to the head's height, inter-ocular distances.
    radius: (B, 80, 120) canonical units along the layout's rays.
    presence: (B, 80, 120) about 1 where the template stands for what the photo hides, 0 elsewhere.
    colour: (B, 80, 120, 3) the decoder's own colour in about [0, 1].
    gates: (B, 80, 120, 3) logits of the three sources against the decoder's colour.
    latent: (B, 256) identity latent w.
    """

    correction: Tensor
    radius: Tensor
    presence: Tensor
    colour: Tensor
    gates: Tensor
    latent: Tensor


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(8, width)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = _norm(width), _norm(width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(functional.silu(self.first_norm(x)))
        return x + self.second(functional.silu(self.second_norm(hidden)))


class RoundConv(nn.Module):
    """3 x 3 convolution on the layout: columns close into a ring, the first and last rows repeat."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        ring = functional.pad(x, (1, 1, 0, 0), mode="circular")
        return self.conv(functional.pad(ring, (0, 0, 1, 1), mode="replicate"))


class TemplateBlock(nn.Module):
    """Residual block on the layout, modulated by w."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = _norm(width)
        self.modulation = nn.Linear(LATENT_SIZE, 2 * width)
        self.first, self.second = RoundConv(width, width), RoundConv(width, width)

    def forward(self, x: Tensor, latent: Tensor) -> Tensor:
        scale, shift = self.modulation(latent)[..., None, None].chunk(2, dim=1)
        hidden = self.first(functional.silu(self.norm(x) * (1 + scale) + shift))
        return x + self.second(functional.silu(hidden))


class EncoderNetwork(nn.Module):
    """See the module's text. ``template_log_radius`` (80, 120) are the template's learned radii."""

    rays_origin: Tensor
    rays_direction: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(GUIDE_CHANNELS, WIDTHS[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(WIDTHS))
        self.down_blocks = nn.ModuleList(ResidualBlock(width) for width in WIDTHS[1:])
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(WIDTHS))
        self.up_blocks = nn.ModuleList(ResidualBlock(width) for width in WIDTHS[:-1])
        self.latent = nn.Linear(2 * WIDTHS[-1], LATENT_SIZE)
        self.correction = nn.Conv2d(WIDTHS[0], 1, 3, padding=1)

        self.template_log_radius = nn.Parameter(torch.zeros(ROWS, COLUMNS))
        self.template_tokens = nn.Parameter(0.1 * torch.randn(TEMPLATE_TOKENS, ROWS // 2, COLUMNS // 2))
        self.gather = nn.Conv2d(2 * (WIDTHS[0] + 1) + TEMPLATE_TOKENS, TEMPLATE_WIDTH, 1)
        self.template_blocks = nn.ModuleList(TemplateBlock(TEMPLATE_WIDTH) for _ in range(3))
        self.widen = RoundConv(TEMPLATE_WIDTH, TEMPLATE_WIDTH // 2)
        self.template_head = RoundConv(TEMPLATE_WIDTH // 2, TEMPLATE_OUT)

        origin, direction = rays()
        self.register_buffer("rays_origin", torch.from_numpy(origin).float(), persistent=False)
        self.register_buffer("rays_direction", torch.from_numpy(direction).float(), persistent=False)
        with torch.no_grad():
            for last in (self.correction, self.template_head.conv):
                for parameter in last.parameters():
                    parameter.zero_()

    def points(self, radius: Tensor) -> Tensor:
        """Canonical points (..., 80, 120, 3) at ``radius`` (..., 80, 120)."""
        return self.rays_origin + self.rays_direction * radius[..., None]

    def forward(self, maps: Tensor, canonical_to_head: Tensor) -> Prediction:
        """maps (B, 12, 160, 160), canonical_to_head (B, 4, 4) -> `Prediction` in float32."""
        features, bottom = self._see(maps)
        pooled = torch.cat([bottom.mean((2, 3)), bottom.amax((2, 3))], dim=1)
        latent = self.latent(pooled)
        correction = self.correction(functional.silu(features))[:, 0]
        out = self._template(features, maps[:, 3:4], canonical_to_head, latent).float()
        radius = torch.exp(self.template_log_radius + out[:, 0].clamp(-1.0, 1.0))
        colour, gates = out[:, 2:5].movedim(1, -1) + 0.5, out[:, 5:8].movedim(1, -1)
        return Prediction(correction.float(), radius, out[:, 1], colour, gates, latent)

    def _see(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, 32, 160, 160) and the bottleneck (B, 128, 10, 10)."""
        x = self.stem(maps)
        skips = []
        for down, block in zip(self.down, self.down_blocks, strict=True):
            skips.append(x)
            x = block(down(x))
        bottom = x
        for up, block, skip in reversed(list(zip(self.up, self.up_blocks, skips, strict=True))):
            x = block(functional.interpolate(up(x), scale_factor=2.0, mode="nearest") + skip)
        return x, bottom

    def _template(self, features: Tensor, coverage: Tensor, canonical_to_head: Tensor, latent: Tensor) -> Tensor:
        """Raw outputs (B, 8, 80, 120) of the template branch."""
        points = self.points(torch.exp(self.template_log_radius.detach()))[::2, ::2]
        mirror = points.new_tensor([-1.0, 1.0, 1.0])
        seen = torch.cat([features, coverage.to(features.dtype)], dim=1)
        samples = [
            functional.grid_sample(
                seen, canvas_position(p, canonical_to_head).to(seen.dtype), align_corners=False, padding_mode="border"
            )
            for p in (points, points * mirror)
        ]
        tokens = self.template_tokens.to(seen.dtype).expand(len(seen), -1, -1, -1)
        x = self.gather(torch.cat([*samples, tokens], dim=1))
        for block in self.template_blocks:
            x = block(x, latent)
        x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.template_head(functional.silu(self.widen(x)))

    def save(self, path: str | Path, metadata: Mapping[str, str] | None = None) -> None:
        """Write the weights in half precision to ``path`` (safetensors, atomically)."""
        halves = {name: tensor.half() for name, tensor in self.state_dict().items()}
        write_tensors(Path(path), halves, {**(metadata or {}), "format": FORMAT, "version": VERSION})

    @classmethod
    def load(cls, path: str | Path) -> EncoderNetwork:
        """The network of a weights file, in evaluation mode.

        Raises:
            WeightsError: the file is missing, damaged, of another format or version, or has other shapes.
        """
        path = Path(path)
        tensors, metadata = read_tensors(path)
        check_format(path, metadata, FORMAT, VERSION)
        network = cls()
        check_shapes(path, tensors, {name: tensor.shape for name, tensor in network.state_dict().items()})
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
        return network.eval()
