"""The gsplat rasteriser: a thin wrapper of gsplat, which is imported here and in training, and nowhere else.

gsplat compiles its kernels when they are first used, which needs a CUDA toolkit and takes minutes, unless its wheel
brings them.
"""

from __future__ import annotations

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
        try:
            from gsplat import rasterization
        except ImportError as error:
            missing = isinstance(error, ModuleNotFoundError) and error.name == "gsplat"
            raise DeviceError("gsplat is not installed" if missing else f"gsplat does not load: {error}") from error
        self._rasterization = rasterization
        self._device = device
        self.name = "gsplat"

    @torch.inference_mode()
    def render(self, gaussians: Gaussians, camera: Camera, width: int, height: int) -> Tensor:
        """(height, width, 4) float32 on the GPU: RGB premultiplied by alpha, and alpha."""
        planar = gaussians.planar.to(self._device)
        if planar.shape[1] == 0:
            return torch.zeros(height, width, 4, device=self._device)
        placed = Gaussians(planar)
        world2cam = torch.as_tensor(camera.world2cam, dtype=torch.float32, device=self._device)
        intrinsics = torch.as_tensor(camera.pixel_intrinsics(width, height), dtype=torch.float32, device=self._device)
        colour, alpha, _ = self._rasterization(
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
