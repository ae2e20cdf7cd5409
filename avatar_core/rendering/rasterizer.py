"""What a rasteriser is, and how the one for a device is made."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from avatar_core.camera import Camera
from avatar_core.errors import DeviceError
from avatar_core.gaussians import Gaussians
from avatar_core.triton_support import triton_obstacle


class Rasterizer(Protocol):
    """Draws Gaussians; implementations agree with gsplat's classic mode (see `records` for its constants)."""

    name: str
    """For people: what draws, and why that where there was a choice."""

    def render(self, gaussians: Gaussians, camera: Camera, width: int, height: int) -> Tensor:
        """(height, width, 4) float32 on the rasteriser's device: RGB premultiplied by alpha, and alpha.

        The result may be a buffer that the next call reuses.
        """


def create(device: str | torch.device) -> Rasterizer:
    """The rasteriser for ``device``: Numba on the CPU; gsplat on CUDA, or ours in Triton where gsplat does not work.

    The ``name`` of what is returned says which it is, and why.

    Raises:
        DeviceError: the device is neither, or on CUDA neither gsplat nor Triton works.
    """
    place = torch.device(device)
    if place.type == "cpu":
        from avatar_core.rendering.cpu import CpuRasterizer

        return CpuRasterizer()
    if place.type == "cuda":
        return _on_cuda(place)
    raise DeviceError(f"Device {place.type!r} has no rasteriser. Use 'cuda' or 'cpu'.")


def _on_cuda(device: torch.device) -> Rasterizer:
    if not torch.cuda.is_available():
        raise DeviceError("CUDA was asked for, but torch sees no usable GPU. Use --device cpu, or check the driver.")
    from avatar_core.rendering.cuda import GsplatRasterizer

    try:
        return GsplatRasterizer(device)
    except DeviceError as error:
        without_gsplat = str(error)
    obstacle = triton_obstacle(device)
    if obstacle is not None:
        raise DeviceError(f"Nothing can draw on the GPU: {without_gsplat}; {obstacle}. Mend one, or use --device cpu.")
    from avatar_core.rendering.triton_rasterizer import TritonRasterizer

    return TritonRasterizer(device, without_gsplat)
