"""A photo as the teacher and the lift both see it: the same crop, matte and landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
        image: (512, 512, 3) uint8 RGB; foreground: the same with the person's colours continued past the rim.
        matte: (512, 512) float32 coverage by the person; valid: (512, 512) bool, where the photo has pixels.
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


def load_portrait(path: str | Path, face_model: FaceModel, finder: PhotoFaceFinder) -> Portrait:
    """Read a photo and cut its largest face out.

    Raises:
        UnreadableImageError: the file is no picture that can be read.
        NoFaceError: no face, too small, or turned away too far.
    """
    image = load_image(path)
    try:
        face = finder.find(image)
    except NoFaceError as error:
        raise NoFaceError(f"{path}: {error}") from error
    return cut_portrait(image, face.landmarks, face_model, face.yaw)


def cut_portrait(
    image: NDArray[np.uint8], landmarks: NDArray[np.floating], face_model: FaceModel, yaw: float = 0.0
) -> Portrait:
    """The portrait of the face whose ``landmarks`` (478, 3) lie in ``image`` (H, W, 3)."""
    canvas = cut_canvas(image, landmarks)
    matte = cut_out(canvas, place_face(canvas, face_model).mesh.inside)
    return Portrait(
        image=np.ascontiguousarray(inner_crop(canvas.image)),
        foreground=np.round(255 * np.clip(inner_crop(matte.foreground), 0, 1)).astype(np.uint8),
        matte=np.ascontiguousarray(inner_crop(matte.alpha)),
        valid=np.ascontiguousarray(inner_crop(canvas.valid)),
        landmarks=canvas.landmarks - np.array([MARGIN_LEFT, MARGIN_TOP, 0.0]),
        intrinsics=crop_intrinsics(),
        yaw=yaw,
        image_to_crop=canvas.image_to_crop,
    )
