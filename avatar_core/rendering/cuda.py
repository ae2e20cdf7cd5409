"""The gsplat rasteriser: a thin wrapper of gsplat, which is imported here and in training, and nowhere else.

gsplat compiles its kernels when they are first used, which needs a CUDA toolkit and takes minutes, unless its wheel
brings them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from avatar_core.camera import Camera
from avatar_core.errors import DeviceError
from avatar_core.gaussians import Gaussians
from avatar_core.rendering import records as rec


class GsplatRasterizer:
    """Gaussian splatting on an NVIDIA GPU through gsplat (1.4 or later), classic mode."""

    def __init__(self, device: torch.device) -> None:
        """Use ``device``, a CUDA device. Whether gsplat's kernels compile shows when something is drawn.

        Raises:
            DeviceError: gsplat is not installed or does not load.
        """
        _import_rasterization()
        self._device = device
        self.name = "gsplat"

    @torch.inference_mode()
    def render(self, gaussians: Gaussians, camera: Camera, width: int, height: int) -> Tensor:
        """(height, width, 4) float32 on the GPU: RGB premultiplied by alpha, and alpha."""
        return draw(gaussians.planar.to(self._device), camera, width, height)


def draw(planar: Tensor, camera: Camera, width: int, height: int) -> Tensor:
    """Draw ``planar`` (14, N) float32 on a GPU; gradients flow to it unless they are switched off.

    Returns:
        (height, width, 4) float32 on the same device: RGB premultiplied by alpha, and alpha.

    Raises:
        DeviceError: gsplat is not installed or does not load.
    """
    rasterization = _import_rasterization()
    device = planar.device
    if planar.shape[1] == 0:
        return torch.zeros(height, width, 4, device=device) + planar.sum()
    placed = Gaussians(planar)
    world2cam = torch.as_tensor(camera.world2cam, dtype=torch.float32, device=device)
    intrinsics = torch.as_tensor(camera.pixel_intrinsics(width, height), dtype=torch.float32, device=device)
    colour, alpha, _ = rasterization(
        means=placed.means.contiguous(),
        quats=placed.quats.contiguous(),
        scales=placed.scales.contiguous(),
        opacities=placed.opacities.contiguous(),
        colors=placed.colors.contiguous(),
        viewmats=world2cam[None],
        Ks=intrinsics[None],
        width=width,
        height=height,
        near_plane=rec.NEAR_PLANE,
        far_plane=rec.FAR_PLANE,
        eps2d=rec.SCREEN_BLUR,
        packed=False,
        render_mode="RGB",
        rasterize_mode="classic",
    )
    return torch.cat([colour[0], alpha[0]], dim=-1)


def _import_rasterization() -> Callable[..., tuple[Tensor, Tensor, dict[str, Any]]]:
    try:
        from gsplat import rasterization
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "gsplat"
        raise DeviceError("gsplat is not installed" if missing else f"gsplat does not load: {error}") from error
    return rasterization
