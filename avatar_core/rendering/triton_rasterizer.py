"""The Triton rasteriser: Gaussians and a camera -> premultiplied RGBA on the GPU, without a CUDA toolkit.

Image formation is that of `reference`, and of gsplat's classic mode. Importing this needs Triton.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from avatar_core.camera import Camera
from avatar_core.gaussians import Gaussians
from avatar_core.rendering import records as rec
from avatar_core.rendering.triton_frame import TritonFrame

MAX_FRAMES = 3  # numbers of Gaussians and picture sizes kept ready: the window's, a recording's, a thumbnail's


class TritonRasterizer:
    """Gaussian splatting with the rules of gsplat's classic mode, on CUDA.

    On the CPU it runs through Triton's interpreter, for tests. One instance serves one thread at a time.
    """

    def __init__(self, device: torch.device, because: str = "") -> None:
        """Draw on ``device``; ``because`` is the reason for this rasteriser that its name gives."""
        self._device = device
        where = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU, interpreted"
        self.name = f"Triton on {where}" + (f" ({because})" if because else "")
        self._frames: list[TritonFrame] = []

    def render(self, gaussians: Gaussians, camera: Camera, width: int, height: int) -> Tensor:
        """Draw ``gaussians`` as ``camera`` sees them.

        Returns:
            (height, width, 4) float32 on the device: RGB premultiplied by alpha, and alpha. The buffer is reused by
            the next call of the same size.

        Raises:
            ValueError: the image is empty or larger than 4096 pixels a side, or the Gaussians are not float32.
        """
        if not (1 <= width <= rec.MAX_IMAGE_SIDE and 1 <= height <= rec.MAX_IMAGE_SIDE):
            raise ValueError(f"image sides must lie in 1..{rec.MAX_IMAGE_SIDE}, got {width} x {height}")
        if gaussians.planar.dtype != torch.float32:
            raise ValueError(f"planar must be float32, got {gaussians.planar.dtype}")
        if len(gaussians) == 0:
            return torch.zeros(height, width, 4, device=self._device)
        frame = self.frame(len(gaussians), width, height)
        pinned = self._device.type == "cuda"
        view = torch.from_numpy(packed_view(camera, width, height))
        frame.view.copy_(view.pin_memory() if pinned else view, non_blocking=True)
        return frame.draw(gaussians.planar.detach().to(self._device).contiguous())

    def frame(self, count: int, width: int, height: int) -> TritonFrame:
        """The passes for ``count`` Gaussians and this size, made when they are not among those used last."""
        size = (count, width, height)
        found = next((frame for frame in self._frames if (frame.count, frame.width, frame.height) == size), None)
        frame = found or TritonFrame(count, width, height, self._device)
        self._frames = [frame, *(other for other in self._frames if other is not frame)][:MAX_FRAMES]
        return frame


def packed_view(camera: Camera, width: int, height: int) -> np.ndarray:
    """(16,) float32: three rows of world2cam, then focal lengths and principal point in pixels."""
    pixel = camera.pixel_intrinsics(width, height)
    lens = [pixel[0, 0], pixel[1, 1], pixel[0, 2], pixel[1, 2]]
    return np.concatenate([camera.world2cam[:3].reshape(-1), lens]).astype(np.float32)
