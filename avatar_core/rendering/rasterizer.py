"""What a rasteriser is, and how the one for a device is made."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from avatar_core.camera import Camera
from avatar_core.errors import DeviceError
from avatar_core.gaussians import CHANNELS, OPACITY, QUATERNION, SCALE, Gaussians
from avatar_core.triton_support import triton_obstacle

_PROOF_SIDE = 16  # pixels


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
    if place.type != "cuda":
        raise DeviceError(f"Device {place.type!r} has no rasteriser. Use 'cuda' or 'cpu'.")
    if not torch.cuda.is_available():
        raise DeviceError("CUDA was asked for, but torch sees no usable GPU. Use --device cpu, or check the driver.")
    return gpu_rasterizer(place)


def gpu_rasterizer(device: torch.device) -> Rasterizer:
    """gsplat on ``device``, or where it does not work ours in Triton, whose name then says what gsplat lacks.

    Raises:
        DeviceError: neither works.
    """
    from avatar_core.rendering.cuda import GsplatRasterizer

    try:
        return _proven(GsplatRasterizer(device), device)
    except DeviceError as error:
        without_gsplat = str(error)
    try:
        obstacle = triton_obstacle(device)
        if obstacle is not None:
            raise DeviceError(obstacle)
        from avatar_core.rendering.triton_rasterizer import TritonRasterizer

        return _proven(TritonRasterizer(device, without_gsplat), device)
    except DeviceError as error:
        reasons = f"{without_gsplat}; {error}"
        raise DeviceError(f"Nothing can draw on the GPU: {reasons}. Mend one, or use --device cpu.") from error


def _proven(rasterizer: Rasterizer, device: torch.device) -> Rasterizer:
    """``rasterizer``, once it has drawn one Gaussian: its kernels are compiled then.

    Raises:
        DeviceError: it cannot.
    """
    planar = torch.zeros(CHANNELS, 1, device=device)
    planar[SCALE], planar[QUATERNION.start], planar[OPACITY] = 0.1, 1.0, 0.9
    try:
        drawn = float(rasterizer.render(Gaussians(planar), Camera.orbit(), _PROOF_SIDE, _PROOF_SIDE).max())
    except Exception as error:  # a compiler, a driver and a GPU take part: what they raise is theirs to choose
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise DeviceError(f"{rasterizer.name} does not draw: {reason[0]}") from error
    if not drawn > 0:
        raise DeviceError(f"{rasterizer.name} draws nothing")
    return rasterizer
