"""What the paper's architecture learns from: pictures of one person, one as source, one as driver, one as target.

A dataset gives `DistillationSample`; `PairFolder` reads one from a folder, whoever made the pictures (a diffusion
teacher, a fitted head model, a multi-view studio):

    pairs.json   a list of entries, file names relative to the folder:
                 {"source": "a/neutral.png",        512 x 512, person on black, as `preprocess.person_on_black` cuts it
                  "source_face": "a/neutral_face.png",   224 x 224, as `face_crop.FaceCropper` cuts it
                  "driver_face": "a/smile_face.png",     224 x 224, the expression to show
                  "target": "a/smile_left.png",     square, on black: that person with that expression from that camera
                  "cam2world": [[4 x 4]], "intrinsics": [[3 x 3]],      OpenCV axes, normalised
                  "visibility": "a/smile_left_visible.png",   optional: how far each target pixel is to be believed
                  "detail": "a/smile_left_detail.png"}        optional: eyes and mouth
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from avatar_core.camera import Camera
from avatar_core.errors import AvatarError, UnreadableImageError
from avatar_core.image_io import load_image
from avatar_core.models.paper.motion_encoder import CROP_SIDE

LISTING = "pairs.json"
_REQUIRED = ("source", "source_face", "driver_face", "target", "cam2world", "intrinsics")


@dataclass(frozen=True)
class DistillationSample:
    """One training example.

    Args:
        source: (3, S, S) the person on black, [-1, 1].
        source_face, driver_face: (3, 224, 224) motion crops, [-1, 1].
        target: (3, R, R) what the avatar shall look like from ``camera``, [0, 1].
        camera: of the target.
        visibility: (1, R, R) in [0, 1]: 1 where the teacher saw the surface, less where it guessed.
        detail: (1, R, R) in [0, 1]: eyes and mouth.
        same_expression: source and driver show the same; then delta f is to vanish.
    """

    source: Tensor
    source_face: Tensor
    driver_face: Tensor
    target: Tensor
    camera: Camera
    visibility: Tensor
    detail: Tensor
    same_expression: bool


class PairDataset(Protocol):
    """Any source of samples."""

    def __len__(self) -> int:
        """How many samples there are."""

    def sample(self, index: int) -> DistillationSample:
        """Sample ``index``."""


class PairFolder:
    """Samples from a folder with ``pairs.json``."""

    def __init__(self, folder: Path, picture_side: int, render_side: int) -> None:
        """Open ``folder``; pictures are brought to these sides when they are read.

        Raises:
            AvatarError: the listing is missing or wrong; the message names the entry.
        """
        listing = folder / LISTING
        try:
            entries = json.loads(listing.read_text())
        except (OSError, ValueError) as error:
            raise AvatarError(
                f"{listing}: cannot be read ({error}). See avatar_core/training/paper_pairs.py."
            ) from error
        if not isinstance(entries, list) or not entries:
            raise AvatarError(f"{listing}: must hold a list of pairs.")
        for index, entry in enumerate(entries):
            missing = [name for name in _REQUIRED if not isinstance(entry, dict) or name not in entry]
            if missing:
                raise AvatarError(f"{listing}: pair {index} has no {', '.join(missing)}.")
        self._folder, self._entries = folder, entries
        self._picture_side, self._render_side = picture_side, render_side

    def __len__(self) -> int:
        return len(self._entries)

    def sample(self, index: int) -> DistillationSample:
        """Pair ``index``.

        Raises:
            AvatarError: a picture or a matrix cannot be read.
        """
        entry = self._entries[index]
        try:
            camera = Camera(np.array(entry["cam2world"], np.float64), np.array(entry["intrinsics"], np.float64))
        except ValueError as error:
            raise AvatarError(f"{self._folder / LISTING}: pair {index}: {error}.") from error
        return DistillationSample(
            source=2 * self._picture(entry["source"], self._picture_side) - 1,
            source_face=2 * self._picture(entry["source_face"], CROP_SIDE) - 1,
            driver_face=2 * self._picture(entry["driver_face"], CROP_SIDE) - 1,
            target=self._picture(entry["target"], self._render_side),
            camera=camera,
            visibility=self._map(entry, "visibility", 1.0),
            detail=self._map(entry, "detail", 0.0),
            same_expression=entry["source_face"] == entry["driver_face"],
        )

    def _picture(self, name: str, side: int) -> Tensor:
        """(3, side, side) in [0, 1]."""
        image = load_image(self._folder / name)
        if image.shape[0] != image.shape[1]:
            raise UnreadableImageError(
                f"{self._folder / name}: must be square, is {image.shape[1]} x {image.shape[0]}."
            )
        if image.shape[0] != side:
            method = cv2.INTER_AREA if image.shape[0] > side else cv2.INTER_LINEAR
            image = cv2.resize(image, (side, side), interpolation=method).astype(np.uint8)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255

    def _map(self, entry: dict[str, Any], name: str, otherwise: float) -> Tensor:
        if name not in entry:
            return torch.full((1, self._render_side, self._render_side), otherwise)
        return self._picture(entry[name], self._render_side).mean(0, keepdim=True)


class RandomPairs:
    """Noise in the shape of samples: shows that a training runs, and teaches nothing."""

    def __init__(self, picture_side: int, render_side: int, count: int = 4) -> None:
        self._picture_side, self._render_side, self._count = picture_side, render_side, count

    def __len__(self) -> int:
        return self._count

    def sample(self, index: int) -> DistillationSample:
        generator = torch.Generator().manual_seed(index)

        def noise(side: int) -> Tensor:
            return torch.rand(3, side, side, generator=generator)

        face = 2 * noise(CROP_SIDE) - 1
        same = index % 2 == 0
        return DistillationSample(
            source=2 * noise(self._picture_side) - 1,
            source_face=face,
            driver_face=face if same else 2 * noise(CROP_SIDE) - 1,
            target=noise(self._render_side),
            camera=Camera.orbit(yaw=20.0 * (index % 3 - 1)),
            visibility=torch.ones(1, self._render_side, self._render_side),
            detail=torch.zeros(1, self._render_side, self._render_side),
            same_expression=same,
        )
