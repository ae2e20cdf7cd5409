"""Premultiplied RGBA on a GPU -> 8-bit pictures in the host's memory, without stopping the GPU.

The copy goes to pinned memory on a stream of its own, so that the next frame may begin meanwhile. Each picture gets
pinned memory of its own, which torch gives out again when nobody holds the picture any more: two frames in flight take
turns with two buffers, and a picture that is kept is never written over.
"""

from __future__ import annotations

import weakref

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.rendering.compose import Colour, checked

MAX_PINNED = 16  # pictures handed out in pinned memory; more than these are moved to ordinary memory


def over(rgba: Tensor, behind: Tensor) -> Tensor:
    """(H, W, 3) uint8 of ``rgba`` (H, W, 4) over ``behind``, 0..255, (3,) or (H, W, 3); rounded as on the CPU."""
    mixed = torch.addcmul(255.0 * rgba[..., :3], 1.0 - rgba[..., 3:], behind.to(rgba.dtype))
    return mixed.add_(0.5).clamp_(0, 255).to(torch.uint8)


class PendingPicture:
    """A picture on its way to the host."""

    def __init__(self, host: Tensor, arrived: torch.cuda.Event | None, keep_pinned: bool) -> None:
        self._host, self._arrived, self._keep_pinned = host, arrived, keep_pinned

    def result(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8, once it is there; waits for this picture alone."""
        if self._arrived is not None:
            self._arrived.synchronize()
        picture = self._host.numpy()
        return picture if self._keep_pinned else picture.copy()


class PictureReader:
    """Puts pictures over backgrounds on ``device`` and brings them to the host."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._handed_out: weakref.WeakSet[Tensor] = weakref.WeakSet()
        self._known: tuple[NDArray, Tensor] = (np.zeros(3), torch.zeros(3, device=device))

    def send(self, rgba: Tensor, background: Colour | NDArray[np.uint8]) -> PendingPicture:
        """Enqueue the picture of ``rgba`` (H, W, 4) over ``background``; arguments as for `composite`.

        A background array that is marked read-only is kept on the device for the next frames.
        """
        values, behind = checked(rgba, background)
        picture = over(values, self._on_device(behind))
        if self._stream is None:
            return PendingPicture(picture, None, True)
        host = torch.empty(picture.shape, dtype=torch.uint8, pin_memory=True)
        keep_pinned = len(self._handed_out) < MAX_PINNED
        if keep_pinned:
            self._handed_out.add(host)
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            host.copy_(picture, non_blocking=True)
            picture.record_stream(self._stream)
            arrived = torch.cuda.Event()
            arrived.record()
        return PendingPicture(host, arrived, keep_pinned)

    def _on_device(self, behind: NDArray) -> Tensor:
        array, tensor = self._known
        if array is behind or (behind.ndim == 1 and np.array_equal(array, behind)):
            return tensor
        host = torch.from_numpy(np.array(behind))
        tensor = host if self._stream is None else host.pin_memory().to(self._device, non_blocking=True)
        if behind.ndim == 1 or not behind.flags.writeable:
            self._known = (behind, tensor)
        return tensor
