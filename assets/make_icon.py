"""Draws the program's icon: a head of soft dots, as the avatar is one of soft Gaussians. Run it to write assets/icon/.

python assets/make_icon.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 256
_DOTS = 900
_TOP, _BOTTOM = np.array([150, 196, 255.0]), np.array([58, 110, 226.0])
_TILE = np.array([19, 22, 30.0])
_SEED = 7


def draw_icon(side: int = _SIDE) -> NDArray[np.uint8]:
    """The icon as uint8 RGBA (side, side, 4)."""
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    picture = np.broadcast_to(_TILE, (side, side, 3)).copy()
    for centre_x, centre_y, radius, colour in _dots():
        weight = 0.85 * np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2.0 * radius**2))
        picture += weight[..., None] * (colour - picture)
    corner = 0.22
    outside = np.hypot(*(np.maximum(np.abs(axis - 0.5) - (0.5 - corner), 0.0) for axis in (x, y)))
    alpha = np.clip((corner - outside) * side + 0.5, 0.0, 1.0)
    return np.dstack([picture, 255.0 * alpha]).round().astype(np.uint8)


def _dots() -> list[tuple[float, float, float, NDArray[np.float64]]]:
    """Dots (x, y, radius, colour), all but the colour in shares of the side, inside a head, a neck and shoulders."""
    random = np.random.default_rng(_SEED)
    dots: list[tuple[float, float, float, NDArray[np.float64]]] = []
    while len(dots) < _DOTS:
        x, y = random.uniform(0.05, 0.95, 2)
        head = ((x - 0.5) / 0.205) ** 2 + ((y - 0.385) / 0.265) ** 2 < 1.0
        neck = abs(x - 0.5) < 0.085 and 0.5 < y < 0.8
        shoulders = ((x - 0.5) / 0.38) ** 2 + ((y - 0.98) / 0.25) ** 2 < 1.0 and y < 0.95
        if head or neck or shoulders:
            shade = np.clip(1.12 - 0.55 * (x - 0.2) - 0.35 * y + random.normal(0, 0.08), 0.35, 1.15)
            colour = np.clip((_TOP + (_BOTTOM - _TOP) * y) * shade, 0, 255)
            dots.append((x, y, random.uniform(0.008, 0.016), colour))
    return dots


def main() -> None:
    """Write icon.png and icon.ico next to this file."""
    folder = Path(__file__).resolve().parent / "icon"
    folder.mkdir(exist_ok=True)
    icon = Image.fromarray(draw_icon(), "RGBA")
    icon.resize((128, 128), Image.Resampling.LANCZOS).save(folder / "icon.png", optimize=True)
    icon.save(folder / "icon.ico", sizes=[(16, 16), (32, 32), (48, 48), (256, 256)])


if __name__ == "__main__":
    main()
