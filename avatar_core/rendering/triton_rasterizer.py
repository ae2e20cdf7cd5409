"""The Triton rasteriser: Gaussians and a camera -> premultiplied RGBA on the GPU, without a CUDA toolkit.

Image formation is that of `reference`, and of gsplat's classic mode. Importing this needs Triton.
"""

from __future__ import annotations

import torch
import triton
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
        self.name = f"Triton {triton.__version__}" + (f" ({because})" if because else "")
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
        frame.aim(camera)
        frame.take(gaussians.planar.detach().to(self._device).contiguous())
        return frame.draw()

    def frame(self, count: int, width: int, height: int) -> TritonFrame:
        """The passes for ``count`` Gaussians and this size, made when they are not among those used last."""
        size = (count, width, height)
        found = next((frame for frame in self._frames if (frame.count, frame.width, frame.height) == size), None)
        frame = found or TritonFrame(count, width, height, self._device)
        self._frames = [frame, *(other for other in self._frames if other is not frame)][:MAX_FRAMES]
        return frame
