"""The gsplat rasteriser: a thin wrapper of gsplat, which is imported here and in training, and nowhere else.

gsplat compiles its kernels when they are first used, which needs a CUDA toolkit and takes minutes, unless its wheel
brings them.
"""

from __future__ import annotations

from importlib.metadata import version

import torch
from torch import Tensor

from avatar_core.camera import Camera
from avatar_core.errors import DeviceError
from avatar_core.gaussians import CHANNELS, OPACITY, QUATERNION, SCALE, Gaussians
from avatar_core.rendering import records as rec

_PROBE_SIDE = 16  # pixels


class GsplatRasterizer:
    """Gaussian splatting on an NVIDIA GPU through gsplat (1.4 or later), classic mode."""

    def __init__(self, device: torch.device) -> None:
        """Use ``device``, a CUDA device, and draw one Gaussian to learn whether gsplat works.

        Raises:
            DeviceError: gsplat is not installed, does not load, or does not draw.
        """
        try:
            from gsplat import rasterization
        except ImportError as error:
            missing = isinstance(error, ModuleNotFoundError) and error.name == "gsplat"
            raise DeviceError("gsplat is not installed" if missing else f"gsplat does not load: {error}") from error
        self._rasterization = rasterization
        self._device = device
        probe = torch.zeros(CHANNELS, 1, device=device)
        probe[SCALE], probe[QUATERNION.start], probe[OPACITY] = 0.1, 1.0, 0.9
        try:
            drawn = float(self.render(Gaussians(probe), Camera.orbit(), _PROBE_SIDE, _PROBE_SIDE).max())
        except Exception as error:  # a compiler, a driver and a GPU take part: what they raise is theirs to choose
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise DeviceError(f"gsplat does not draw: {reason[0]}") from error
        if not drawn > 0:
            raise DeviceError("gsplat draws nothing")
        self.name = f"gsplat {version('gsplat')}"

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
