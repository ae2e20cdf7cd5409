"""How well the teacher fits and reproduces the training portraits.

    python -m avatar_core.training.teacher.figures --data DIR

Prints one line per portrait of ``DIR/portraits_synthetic`` and the medians: the landmark error in per cent of the eye
distance, the overlap (IoU) of the drawn head with the matte above the chin, the PSNR inside the face's outline, the
number of Gaussians, and the seconds that the fit and the building took.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.errors import AvatarError, NoFaceError
from avatar_core.rendering import Rasterizer, create
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.tracking.topology import CHIN, OVAL
from avatar_core.training.teacher.avatar import TeacherAvatar
from avatar_core.training.teacher.build import build_teacher_avatar
from avatar_core.training.teacher.fit import fit_portrait
from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher.portrait import Portrait, load_portrait

FACE_INSET = 15  # pixels that the face's outline is drawn in by


def drawn(avatar: TeacherAvatar, rasterizer: Rasterizer, size: int) -> NDArray[np.float32]:
    """(size, size, 4) premultiplied picture of the avatar as in its photo."""
    gaussians = avatar.gaussians(avatar.source_activations, avatar.source_gaze)
    return rasterizer.render(gaussians, avatar.camera, size, size).cpu().numpy().copy()


def head_overlap(rgba: NDArray[np.float32], portrait: Portrait) -> float:
    """IoU of what is drawn with the matte, above the chin."""
    chin = int(portrait.landmarks[CHIN, 1])
    head, person = rgba[:chin, :, 3] > 0.5, portrait.matte[:chin] > 0.5
    return float((head & person).sum() / max((head | person).sum(), 1))


def face_region(portrait: Portrait) -> NDArray[np.bool_]:
    """(S, S) inside the face's outline."""
    mask = np.zeros(portrait.matte.shape, np.uint8)
    cv2.fillConvexPoly(mask, np.round(portrait.landmarks[list(OVAL), :2]).astype(np.int32), (1,))
    return cv2.erode(mask, np.ones((FACE_INSET, FACE_INSET), np.uint8)) > 0


def face_psnr(rgba: NDArray[np.float32], portrait: Portrait) -> float:
    """Decibels inside `face_region`."""
    inside = face_region(portrait)
    error = rgba[..., :3][inside] - portrait.image[inside].astype(np.float32) / 255
    return float(-10 * np.log10(np.mean(error**2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=Path("weights"))
    arguments = parser.parse_args()
    try:
        _run(arguments.data, arguments.weights)
    except AvatarError as error:
        sys.exit(str(error))


def _run(data: Path, weights: Path) -> None:
    model = TeacherModel.load(data)
    face_model = FaceModel.load(weights / "face_model.safetensors")
    finder, rasterizer = PhotoFaceFinder(face_model), create("cpu")
    rows = []
    for path in sorted((data / "portraits_synthetic").glob("*.jpg")):
        try:
            portrait = load_portrait(path, face_model, finder)
        except NoFaceError as error:
            print(error)
            continue
        started = time.perf_counter()
        fit = fit_portrait(model, portrait.landmarks, portrait.intrinsics)
        fitted = time.perf_counter()
        avatar = build_teacher_avatar(
            model, fit, portrait.foreground, portrait.matte, portrait.landmarks, portrait.intrinsics, portrait.valid
        )
        built = time.perf_counter()
        rgba = drawn(avatar, rasterizer, portrait.image.shape[0])
        count = len(avatar.gaussians(avatar.source_activations, avatar.source_gaze))
        row = (100 * fit.error, head_overlap(rgba, portrait), face_psnr(rgba, portrait), count / 1000)
        rows.append((*row, fitted - started, built - fitted))
        print(f"{path.name} yaw {fit.yaw:4.0f}  {_line(rows[-1])}")
    finder.close()
    if not rows:
        raise NoFaceError(f"{data / 'portraits_synthetic'}: no portrait with a face there.")
    print(f"median of {len(rows)}    {_line(np.median(rows, axis=0))}")


def _line(row: tuple[float, ...] | NDArray[np.floating]) -> str:
    error, overlap, psnr, count, fit, build = row
    return (
        f"landmarks {error:.2f} %  head IoU {overlap:.3f}  face {psnr:.1f} dB  {count:.0f}K Gaussians  "
        f"fit {fit:.2f} s  build {build:.2f} s"
    )


if __name__ == "__main__":
    main()
