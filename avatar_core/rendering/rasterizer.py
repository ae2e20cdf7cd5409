"""What a rasteriser is, and how the one for a device is made."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from avatar_core.camera import Camera
from avatar_core.errors import DeviceError
from avatar_core.gaussians import Gaussians


class Rasterizer(Protocol):
    """Draws Gaussians; implementations agree with gsplat's classic mode (see `records` for its constants)."""

    name: str
    """For people: what draws, and on what."""

    def render(self, gaussians: Gaussians, camera: Camera, width: int, height: int) -> Tensor:
        """(height, width, 4) float32 on the rasteriser's device: RGB premultiplied by alpha, and alpha.

        The result may be a buffer that the next call reuses.
        """


def create(device: str | torch.device) -> Rasterizer:
    """The rasteriser for ``device``: gsplat on CUDA, Numba on the CPU.

    Raises:
        DeviceError: the device is neither, or CUDA or gsplat is missing.
    """
    kind = torch.device(device).type
    if kind == "cpu":
        from avatar_core.rendering.cpu import CpuRasterizer

        return CpuRasterizer()
    if kind == "cuda":
        from avatar_core.rendering.cuda import GsplatRasterizer

        return GsplatRasterizer(torch.device(device))
    raise DeviceError(f"Device {kind!r} has no rasteriser. Use 'cuda' or 'cpu'.")
