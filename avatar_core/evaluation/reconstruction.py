"""How well an avatar at rest reproduces its photo, and what it looks like from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avatar_core.camera import Camera
from avatar_core.engine import AvatarEngine
from avatar_core.evaluation.metrics import psnr, ssim
from avatar_core.evaluation.sheets import tile
from avatar_core.image_io import load_image
from avatar_core.lift import lift
from avatar_core.tracking.photo_face import PhotoFaceFinder

VIEWS = ((-45, 0), (-30, 0), (-15, 0), (15, 0), (30, 0), (45, 0), (0, 10))
"""Yaw and pitch of the sheet's columns, degrees."""


@dataclass(frozen=True)
class Reconstruction:
    """Figures of one photo, and its row of the contact sheet."""

    name: str
    psnr_in_matte: float
    ssim: float
    gaussians: int
    encode_seconds: float
    row: list[NDArray[np.uint8]]


def reconstruct(engine: AvatarEngine, path: Path, tile_side: int = 256) -> Reconstruction:
    """Encode one photo and hold its input view against the crop.

    Raises:
        AvatarError: the photo cannot be read or shows no usable face.
    """
    avatar = engine.encode(path)
    image = load_image(path)
    finder = PhotoFaceFinder(engine.face_model)
    lifted = lift(image, finder.find(image).landmarks, engine.face_model)
    finder.close()
    shown = engine.render(avatar, None, Camera.orbit(), 512, "photo")
    row = [tile(lifted.crop, tile_side, path.stem), tile(shown, tile_side, "rest")]
    for yaw, pitch in VIEWS:
        view = engine.render(avatar, None, Camera.orbit(yaw, pitch), 512, "photo")
        row.append(tile(view, tile_side, f"yaw {yaw}" if pitch == 0 else f"pitch {pitch}"))
    return Reconstruction(
        path.name,
        psnr(shown, lifted.crop, (lifted.matte > 0.5) & lifted.valid),
        ssim(shown, lifted.crop),
        len(avatar),
        float(avatar.provenance["encode_seconds"]),
        row,
    )
