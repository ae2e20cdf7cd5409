"""Any photo a user may drop -> an RGB array, or one clear sentence about why not."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from avatar_core.errors import UnreadableImageError

MAX_MEGAPIXELS = 100
"""Above this a photo is refused before it is decoded: a decompressed picture of this size takes 300 MB."""

_TRANSPARENT_GROUND = (128, 128, 128)
_READABLE = "JPEG, PNG, WebP, AVIF, TIFF, BMP or GIF"
READABLE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".gif")
"""Endings of the picture files that `load_image` reads, for dialogs; what counts is the content."""


def load_image(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read a photo as RGB uint8 (H, W, 3), upright by its EXIF tag, transparency laid over grey.

    Grey, CMYK, palette and 16-bit pictures are converted; of an animation the first frame is taken.

    Raises:
        UnreadableImageError: missing, a folder, no permission, empty, no picture, damaged, or too large.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise UnreadableImageError(f"{path}: this is a folder. Give the path of one photo.")
        if not path.exists():
            raise UnreadableImageError(f"{path}: no such file. Check the path.")
        size = path.stat().st_size
        with open(path, "rb"):
            pass
    except PermissionError as error:
        raise UnreadableImageError(f"{path}: no permission to read it. Change its permissions or copy it.") from error
    except OSError as error:
        raise UnreadableImageError(f"{path}: cannot be opened ({error.strerror}). Copy it elsewhere.") from error
    if size == 0:
        raise UnreadableImageError(f"{path}: the file is empty (0 bytes). Save or download it again.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                _check_size(path, picture.size)
                return _to_rgb(picture)
    except Image.DecompressionBombError as error:
        raise UnreadableImageError(
            f"{path}: the picture is larger than {MAX_MEGAPIXELS} megapixels. Scale it down first."
        ) from error
    except UnidentifiedImageError as error:
        raise UnreadableImageError(f"{path}: not a picture this program can read. Use {_READABLE}.") from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise UnreadableImageError(
            f"{path}: the picture is damaged or incomplete ({error}). Save or download it again."
        ) from error


def _check_size(path: Path, size: tuple[int, int]) -> None:
    megapixels = size[0] * size[1] / 1e6
    if megapixels > MAX_MEGAPIXELS:
        raise UnreadableImageError(
            f"{path}: {megapixels:.0f} megapixels ({size[0]} x {size[1]}) is more than the {MAX_MEGAPIXELS} allowed. "
            "Scale it down first."
        )


def _to_rgb(picture: Image.Image) -> NDArray[np.uint8]:
    picture.seek(0)
    upright = ImageOps.exif_transpose(picture)
    if upright.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
        values = np.asarray(upright, np.float32)
        peak = 65535.0 if values.max() > 255 else 255.0
        grey = np.clip(values / peak * 255.0 + 0.5, 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if upright.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in upright.info:
        foreground = upright.convert("RGBA")
        ground = Image.new("RGBA", foreground.size, (*_TRANSPARENT_GROUND, 255))
        return np.asarray(Image.alpha_composite(ground, foreground).convert("RGB"))
    return np.asarray(upright.convert("RGB"))


def as_rgb(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Check an array a caller passes as a picture: uint8, (H, W, 3) RGB, (H, W) grey or (H, W, 4) RGBA.

    Raises:
        UnreadableImageError: another type or shape.
    """
    if np.asarray(image).dtype != np.uint8:
        raise UnreadableImageError(f"the image must be uint8 with values 0..255, got {np.asarray(image).dtype}")
    array = np.asarray(image, np.uint8)
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] not in (3, 4) or 0 in array.shape:
        raise UnreadableImageError(f"the image must be (H, W, 3) RGB, got {array.shape}")
    if array.shape[2] == 4:
        alpha = array[..., 3:].astype(np.float32) / 255.0
        blended = array[..., :3] * alpha + np.array(_TRANSPARENT_GROUND, np.float32) * (1 - alpha)
        array = (blended + 0.5).astype(np.uint8)
    if array.shape[0] * array.shape[1] > MAX_MEGAPIXELS * 1e6:
        size = f"{array.shape[1]} x {array.shape[0]}"
        raise UnreadableImageError(f"the image of {size} pixels is too large; scale it down")
    return np.ascontiguousarray(array)
