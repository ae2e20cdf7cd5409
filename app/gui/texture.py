"""Pictures on their way to the GPU: uint8 RGB in, float32 RGBA textures out.

Dear PyGui's raw textures read a contiguous float32 RGBA buffer of exactly the announced size and check nothing, so
every buffer here is made once, at that size, and only ever written in place.
"""

from __future__ import annotations

import cv2
import dearpygui.dearpygui as dpg
import numpy as np
from numpy.typing import NDArray

_RING_LENGTH = 3  # one buffer being drawn, one being written, one in between
_UNIT_LUT = np.linspace(0.0, 1.0, 256, dtype=np.float32)


def to_float_rgba(rgb: NDArray[np.uint8], out: NDArray[np.float32], scratch: NDArray[np.uint8]) -> None:
    """Write ``rgb`` (H, W, 3) uint8 into ``out`` (H, W, 4) float32 in [0, 1], opaque.

    A table look-up: about four times as fast as a cast and a division.

    Args:
        scratch: (H, W, 4) uint8, overwritten.

    Raises:
        ValueError: the sizes differ.
    """
    if out.shape != (*rgb.shape[:2], 4) or scratch.shape != out.shape:
        raise ValueError(f"sizes differ: rgb {rgb.shape}, out {out.shape}, scratch {scratch.shape}")
    cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA, dst=scratch)
    cv2.LUT(scratch, _UNIT_LUT, dst=out)


def rounded_mask(width: int, height: int, radius: int) -> NDArray[np.float32]:
    """(H, W) coverage in [0, 1] of a rectangle with rounded corners, smooth over one pixel."""
    reach = max(0.5, min(radius, min(width, height) / 2.0))  # at half a pixel the corners are square
    x = np.abs(np.arange(width) + 0.5 - width / 2.0) - (width / 2.0 - reach)
    y = np.abs(np.arange(height) + 0.5 - height / 2.0) - (height / 2.0 - reach)
    outside = np.hypot(np.maximum(x, 0.0)[None, :], np.maximum(y, 0.0)[:, None])
    return np.clip(reach - outside + 0.5, 0.0, 1.0).astype(np.float32)


def corner_mask(radius: int, colour: tuple[int, ...]) -> NDArray[np.float32]:
    """(2r, 2r, 4) float32 RGBA: ``colour`` (RGB 0..255) outside a circle of ``radius``, clear inside it."""
    side = 2 * radius
    mask = np.empty((side, side, 4), np.float32)
    mask[..., :3] = np.asarray(colour, np.float32) / 255.0
    mask[..., 3] = 1.0 - rounded_mask(side, side, radius)
    return mask


class RingTexture:
    """A live picture of fixed size; every upload goes to the next of three buffers, so none is torn."""

    def __init__(self, registry: int, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._buffers = [np.zeros((height, width, 4), np.float32) for _ in range(_RING_LENGTH)]
        self._scratch = np.zeros((height, width, 4), np.uint8)
        self._next = 0
        self.item = int(
            dpg.add_raw_texture(width, height, self._buffers[-1], format=dpg.mvFormat_Float_rgba, parent=registry)
        )

    def upload(self, rgb: NDArray[np.uint8], mask: NDArray[np.float32] | None = None) -> None:
        """Show ``rgb`` (height, width, 3); ``mask`` (height, width) sets its opacity."""
        buffer = self._buffers[self._next]
        to_float_rgba(rgb, buffer, self._scratch)
        if mask is not None:
            buffer[..., 3] = mask
        dpg.set_value(self.item, buffer)
        self._next = (self._next + 1) % _RING_LENGTH

    def delete(self) -> None:
        dpg.delete_item(self.item)


def add_still(registry: int, rgb: NDArray[np.uint8], radius: int) -> int:
    """A texture of ``rgb`` (H, W, 3) with rounded corners that is uploaded once; raw textures are sent every frame."""
    height, width = rgb.shape[:2]
    rgba = np.empty((height, width, 4), np.float32)
    to_float_rgba(rgb, rgba, np.empty((height, width, 4), np.uint8))
    rgba[..., 3] = rounded_mask(width, height, radius)
    return int(dpg.add_static_texture(width, height, rgba.ravel(), parent=registry))


class RoundedPicture:
    """A live picture with rounded corners that can be resized; a texture of another size replaces the old one."""

    def __init__(self, registry: int, radius: int) -> None:
        self._registry, self._radius = registry, radius
        self._texture: RingTexture | None = None
        self._mask: NDArray[np.float32] | None = None

    def show(self, rgb: NDArray[np.uint8]) -> tuple[int, RingTexture | None]:
        """Upload ``rgb`` (H, W, 3); returns the texture's id and a replaced texture to delete once it is not drawn."""
        height, width = rgb.shape[:2]
        replaced = None
        if self._texture is None or (self._texture.width, self._texture.height) != (width, height):
            replaced = self._texture
            self._texture = RingTexture(self._registry, width, height)
            self._mask = rounded_mask(width, height, self._radius)
        self._texture.upload(rgb, self._mask)
        return self._texture.item, replaced
