"""The differentiable rasteriser: Numba with hand-written gradients on the CPU, gsplat on CUDA."""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_core.camera import Camera
from avatar_core.errors import DeviceError
from avatar_core.gaussians import CHANNELS
from avatar_core.rendering import records as rec


def render(gaussians: Tensor, camera: Camera, width: int, height: int) -> Tensor:
    """Draw Gaussians as ``camera`` sees them; gradients flow to all 14 rows.

    On the CPU the picture is bit for bit that of the program's rasteriser, and the gradients do not depend on the
    number of threads. Colours need not lie in [0, 1]: depth or features are drawn three at a time in their place.

    Args:
        gaussians: (14, N) activated attributes in the layout of `avatar_core.gaussians.Gaussians`, any floating
            dtype; computed in float32.
        camera: the view; it is not differentiated.
        width, height: pixels, 1 to 4096.

    Returns:
        (height, width, 4) float32 on the device of ``gaussians``: RGB premultiplied by alpha, and alpha.

    Raises:
        ValueError: a shape, dtype or size is wrong, or a value is not finite.
        DeviceError: the device is neither CPU nor CUDA, or gsplat is missing.
    """
    if gaussians.ndim != 2 or gaussians.shape[0] != CHANNELS or not gaussians.is_floating_point():
        raise ValueError(
            f"gaussians must be ({CHANNELS}, N) and floating, got {tuple(gaussians.shape)} {gaussians.dtype}"
        )
    if not (1 <= width <= rec.MAX_IMAGE_SIDE and 1 <= height <= rec.MAX_IMAGE_SIDE):
        raise ValueError(f"image sides must lie in 1..{rec.MAX_IMAGE_SIDE}, got {width} x {height}")
    planar = gaussians.float()
    _require_finite(planar.detach())
    if planar.device.type == "cpu":
        from avatar_core.training.splatting.cpu import CpuSplatting

        return CpuSplatting.apply(planar, camera, width, height)
    if planar.device.type == "cuda":
        from avatar_core.rendering.cuda import draw

        return draw(planar, camera, width, height)
    raise DeviceError(f"Device {planar.device.type!r} has no differentiable rasteriser. Use 'cuda' or 'cpu'.")


def _require_finite(planar: Tensor) -> None:
    if bool(torch.isfinite(planar.sum())):  # one fast pass; only a sum that is not finite needs the closer look
        return
    broken = ~torch.isfinite(planar)
    if bool(broken.any()):
        rows = broken.any(dim=1).nonzero().flatten().tolist()
        count = int(broken.any(dim=0).sum())
        raise ValueError(f"{count} of {planar.shape[1]} Gaussians hold NaN or infinity, in rows {rows} of 14")
