"""A photo as the teacher and the lift both see it: the same crop, matte and landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatar_core.errors import NoFaceError
from avatar_core.image_io import load_image
from avatar_core.lift.canvas import CROP_SIZE, FOCAL, MARGIN_LEFT, MARGIN_TOP, cut_canvas, inner_crop
from avatar_core.lift.matte import cut_out
from avatar_core.lift.pose import place_face
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder


@dataclass(frozen=True)
class Portrait:
    """One photo, cropped.

    Args:
        image: (S, S, 3) uint8 RGB, S = 512, or 640 when wide.
        foreground: the same with the person's colours continued past the rim.
        matte: (S, S) float32 coverage by the person; valid: (S, S) bool, where the photo has pixels.
        landmarks: (478, 3) in the crop's pixels: x right, y down, z away; centres at .5.
        intrinsics: (3, 3) pixels; yaw: degrees, as the face finder sees it; image_to_crop: (2, 3), photo to crop.
    """

    image: NDArray[np.uint8]
    foreground: NDArray[np.uint8]
    matte: NDArray[np.float32]
    valid: NDArray[np.bool_]
    landmarks: NDArray[np.float64]
    intrinsics: NDArray[np.float64]
    yaw: float
    image_to_crop: NDArray[np.float64]


def crop_intrinsics() -> NDArray[np.float64]:
    """(3, 3) pixels: the camera of `Camera.orbit` over the 512 pixel crop."""
    return np.array([[FOCAL, 0, CROP_SIZE / 2], [0, FOCAL, CROP_SIZE / 2], [0, 0, 1.0]])


def load_portrait(path: str | Path, face_model: FaceModel, finder: PhotoFaceFinder, wide: bool = False) -> Portrait:
    """Read a photo and cut its largest face out; ``wide`` as in `cut_portrait`.

    Raises:
        UnreadableImageError: the file is no picture that can be read.
        NoFaceError: no face, too small, or turned away too far.
    """
    image = load_image(path)
    try:
        face = finder.find(image)
    except NoFaceError as error:
        raise NoFaceError(f"{path}: {error}") from error
    return cut_portrait(image, face.landmarks, face_model, face.yaw, wide)


def cut_portrait(
    image: NDArray[np.uint8], landmarks: NDArray[np.floating], face_model: FaceModel, yaw: float = 0.0,
    wide: bool = False,
) -> Portrait:  # fmt: skip
    """The portrait of the face whose ``landmarks`` (478, 3) lie in ``image`` (H, W, 3).

    Args:
        wide: keep the border round the crop: 640 pixels a side at the same scale, so that less of the bust is cut off.
    """
    canvas = cut_canvas(image, landmarks)
    face = place_face(canvas, face_model)
    matte = cut_out(canvas, face.mesh.inside, face.body)
    shift = np.zeros(2) if wide else np.array([MARGIN_LEFT, MARGIN_TOP])
    crop = np.ascontiguousarray if wide else _inner
    intrinsics = crop_intrinsics()
    intrinsics[:2, 2] += np.array([MARGIN_LEFT, MARGIN_TOP]) - shift
    to_crop = canvas.image_to_crop.copy()
    to_crop[:, 2] += np.array([MARGIN_LEFT, MARGIN_TOP]) - shift
    return Portrait(
        image=crop(canvas.image),
        foreground=crop(np.round(255 * np.clip(matte.foreground, 0, 1)).astype(np.uint8)),
        matte=crop(matte.alpha),
        valid=crop(canvas.valid),
        landmarks=canvas.landmarks - np.array([*shift, 0.0]),
        intrinsics=intrinsics,
        yaw=yaw,
        image_to_crop=to_crop,
    )


def _inner(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(inner_crop(values))
