"""Contact sheets of the teacher, to be looked at.

    python -m avatar_core.training.teacher.sheet --data DIR --photo FILE [FILE ...] --out sheet.png
    python -m avatar_core.training.teacher.sheet --data DIR --identities 24 --out sheet.png

The first draws one row per photo: the crop, the fit over it, the reconstruction, six views, six expressions. The second
draws random identities made of the portraits in ``DIR/portraits_synthetic``, each at a random view and expression.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.camera import Camera
from avatar_core.errors import AvatarError, NoFaceError
from avatar_core.models.networks import NAMED_COUNT
from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.rendering import Rasterizer, composite, create
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.training.teacher.avatar import TeacherAvatar
from avatar_core.training.teacher.build import build_teacher_avatar
from avatar_core.training.teacher.fit import fit_portrait, project
from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher.portrait import Portrait, load_portrait
from avatar_core.training.teacher.variation import vary

BACKGROUND = (235, 235, 235)
HEAD_CENTRE = np.array([0.0, -1.0, 2.0])  # cm: what the views turn about
VIEWS = ((-50, 0), (-25, 0), (25, 0), (50, 0), (0, 15), (0, -15))
EXPRESSIONS: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.8},
    {"mouthSmile_L": 1.0, "mouthSmile_R": 1.0, "cheekSquint_L": 0.5, "cheekSquint_R": 0.5},
    {"eyeBlink_L": 1.0, "eyeBlink_R": 1.0},
    {"mouthPucker": 1.0},
    {"browInnerUp_L": 1.0, "browInnerUp_R": 1.0, "browOuterUp_L": 1.0, "browOuterUp_R": 1.0, "jawOpen": 0.25},
    {"browDown_L": 1.0, "browDown_R": 1.0, "noseSneer_L": 0.7, "noseSneer_R": 0.7, "mouthFrown_L": 0.6},
)
MAX_FIT_ERROR, MAX_YAW = 0.013, 25.0
"""Portraits that fit worse or are turned farther are no training pictures."""


def orbit(camera: Camera, yaw: float, pitch: float) -> Camera:
    """``camera``'s lens on a circle round the head, from its own distance; degrees as in `Camera.orbit`."""
    distance = float(np.linalg.norm(camera.cam2world[:3, 3] - HEAD_CENTRE))
    cam2world = Camera.orbit(yaw, pitch, distance).cam2world.copy()
    cam2world[:3, 3] += HEAD_CENTRE
    return Camera(cam2world, camera.intrinsics)


def expression(avatar: TeacherAvatar, values: dict[str, float]) -> NDArray[np.float64]:
    """The photo's activations with the named ones set to ``values``."""
    activations = avatar.source_activations.copy()
    for name, value in values.items():
        activations[ACTIVATION_NAMES.index(name)] = value
    return activations


def overlay(avatar: TeacherAvatar, portrait: Portrait) -> NDArray[np.uint8]:
    """The crop with the fitted landmarks (green) and the detected ones (red)."""
    picture = portrait.image.copy()
    fit = avatar.fit
    points = avatar.model.basis.points(fit.identity, fit.activations)
    fitted = project(points, fit.rotation, fit.translation, portrait.intrinsics)[0]
    for dots, colour in ((portrait.landmarks[:468, :2], (255, 40, 40)), (fitted, (40, 255, 80))):
        for x, y in dots:
            cv2.circle(picture, (int(8 * x - 4), int(8 * y - 4)), 8, colour, -1, cv2.LINE_AA, 3)
    return picture


def portrait_row(avatar: TeacherAvatar, portrait: Portrait, rasterizer: Rasterizer, size: int) -> NDArray[np.uint8]:
    """One row of the first kind of sheet, tiles of ``size`` pixels."""

    def draw(camera: Camera, activations: NDArray[np.floating]) -> NDArray[np.uint8]:
        gaussians = avatar.gaussians(activations, avatar.source_gaze)
        return composite(rasterizer.render(gaussians, camera, 512, 512), BACKGROUND)

    own = avatar.source_activations
    tiles = [portrait.image, overlay(avatar, portrait), draw(avatar.camera, own)]
    tiles += [draw(orbit(avatar.camera, yaw, pitch), own) for yaw, pitch in VIEWS]
    tiles += [draw(avatar.camera, expression(avatar, values)) for values in EXPRESSIONS]
    return np.hstack([cv2.resize(tile, (size, size), interpolation=cv2.INTER_AREA) for tile in tiles]).astype(np.uint8)


def make_avatar(model: TeacherModel, portrait: Portrait) -> TeacherAvatar:
    """Fit and build in one."""
    fit = fit_portrait(model, portrait.landmarks, portrait.intrinsics)
    return build_teacher_avatar(
        model, fit, portrait.foreground, portrait.matte, portrait.landmarks, portrait.intrinsics, portrait.valid
    )


def identity_sheet(avatars: list[TeacherAvatar], count: int, seed: int, size: int) -> NDArray[np.uint8]:
    """``count`` random identities in rows of eight."""
    rng = np.random.default_rng(seed)
    rasterizer = create("cpu")
    tiles = []
    for index in range(count):
        avatar = vary(avatars[index % len(avatars)], rng, avatars)
        activations = avatar.source_activations + rng.uniform(0, 0.8, NAMED_COUNT) * (rng.random(NAMED_COUNT) < 0.1)
        camera = orbit(avatar.camera, rng.uniform(-35, 35), rng.uniform(-12, 12))
        gaussians = avatar.gaussians(np.clip(activations, 0, 1), avatar.source_gaze)
        picture = composite(rasterizer.render(gaussians, camera, 512, 512), BACKGROUND)
        tiles.append(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA))
    tiles += [np.full((size, size, 3), 235, np.uint8)] * (-len(tiles) % 8)
    return np.vstack([np.hstack(tiles[row : row + 8]) for row in range(0, len(tiles), 8)]).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=Path("weights"))
    parser.add_argument("--photo", type=Path, nargs="*", default=[])
    parser.add_argument("--identities", type=int, default=0)
    parser.add_argument("--portraits", type=int, default=12, help="how many portraits the identities are made of")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if bool(arguments.photo) == bool(arguments.identities):
        parser.error("give either --photo or --identities")
    try:
        _run(arguments)
    except AvatarError as error:
        sys.exit(str(error))


def _run(arguments: argparse.Namespace) -> None:
    model = TeacherModel.load(arguments.data)
    face_model = FaceModel.load(arguments.weights / "face_model.safetensors")
    finder = PhotoFaceFinder(face_model)
    if arguments.photo:
        rasterizer = create("cpu")
        rows = []
        for path in arguments.photo:
            portrait = load_portrait(path, face_model, finder)
            avatar = make_avatar(model, portrait)
            rows.append(portrait_row(avatar, portrait, rasterizer, arguments.size))
            print(
                f"{path.name}: fit error {100 * avatar.fit.error:.2f} % of the eye distance, yaw {avatar.fit.yaw:.0f}"
            )
        sheet = np.vstack(rows)
    else:
        avatars: list[TeacherAvatar] = []
        for path in sorted((arguments.data / "portraits_synthetic").glob("*.jpg")):
            if len(avatars) == arguments.portraits:
                break
            try:
                avatar = make_avatar(model, load_portrait(path, face_model, finder))
            except NoFaceError:
                continue
            if avatar.fit.error < MAX_FIT_ERROR and abs(avatar.fit.yaw) < MAX_YAW:
                avatars.append(avatar)
        if not avatars:
            raise NoFaceError(f"{arguments.data / 'portraits_synthetic'}: no usable portrait there.")
        sheet = identity_sheet(avatars, arguments.identities, arguments.seed, arguments.size)
    finder.close()
    cv2.imwrite(str(arguments.out), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
