"""Contact sheets of the encoders beside the teacher: one row each for lift, learned and teacher.

    python -m avatar_core.training.encoder.sheet --data DIR --out DIR [--photos DIR]

Columns: five views, then six expressions seen from the front. Without ``--photos`` the held-out portraits of the
config are shown. The teacher's row is left out where it does not fit the photo.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from avatar_core.avatar import Avatar
from avatar_core.camera import Camera
from avatar_core.engine import ENCODERS, AvatarEngine
from avatar_core.errors import AvatarError
from avatar_core.evaluation.sheets import save_sheet, tile
from avatar_core.motion import ACTIVATION_NAMES, Motion
from avatar_core.rendering import composite
from avatar_core.rendering.rasterizer import Rasterizer
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.training.encoder.config import load_config
from avatar_core.training.encoder.identities import portrait_files, split, teacher_avatars
from avatar_core.training.teacher.avatar import TeacherAvatar
from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher.sheet import EXPRESSIONS, expression, orbit

YAWS = (-45.0, -25.0, 0.0, 25.0, 45.0)
GROUND = (235, 235, 235)
SIDE = 224
PEOPLE_PER_SHEET = 3
PICTURES = {".jpg", ".jpeg", ".png", ".webp"}

Row = list[NDArray[np.uint8]]


def avatar_row(engine: AvatarEngine, photo: Path, label: str) -> Row:
    """What ``engine`` makes of the photo.

    Raises:
        AvatarError: the photo cannot be encoded.
    """
    avatar = engine.encode(photo)

    def shown(motion: Motion | None, yaw: float, text: str) -> NDArray[np.uint8]:
        return tile(engine.render(avatar, motion, Camera.orbit(yaw), 512, GROUND), SIDE, text)

    views = [shown(None, yaw, f"{photo.stem} {label}" if yaw == YAWS[0] else f"{yaw:.0f}") for yaw in YAWS]
    return views + [shown(_over_source(avatar, values), 0.0, _name(values)) for values in EXPRESSIONS]


def teacher_row(avatar: TeacherAvatar, rasterizer: Rasterizer, name: str) -> Row:
    """The teacher's own pictures."""

    def shown(camera: Camera, activations: NDArray[np.floating], text: str) -> NDArray[np.uint8]:
        gaussians = avatar.gaussians(activations, avatar.source_gaze)
        return tile(np.asarray(composite(rasterizer.render(gaussians, camera, 512, 512), GROUND)), SIDE, text)

    own, front = avatar.source_activations, avatar.camera
    views = [
        shown(front if yaw == 0 else orbit(front, yaw, 0.0), own, f"{name} teacher" if yaw == YAWS[0] else "")
        for yaw in YAWS
    ]
    return views + [shown(front, expression(avatar, values), "") for values in EXPRESSIONS]


def _over_source(avatar: Avatar, values: dict[str, float]) -> Motion:
    """The photo's own expression with the named activations set to ``values``."""
    own = avatar.source_activations[: len(ACTIVATION_NAMES)]
    named = {name: float(value) for name, value in zip(ACTIVATION_NAMES, own, strict=True)}
    return Motion.from_activations({**named, **values})


def _name(values: dict[str, float]) -> str:
    return next(iter(values)).removesuffix("_L")


def _photos(options: argparse.Namespace) -> list[Path]:
    if options.photos is None:
        return split(portrait_files(options.data), load_config(options.config).held_out)[1]
    return sorted(path for path in options.photos.iterdir() if path.suffix.lower() in PICTURES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the sheets; returns the exit code."""
    parser = argparse.ArgumentParser(description="Contact sheets of the encoders beside the teacher.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=Path, help="folder of portraits (default: the config's held-out ones)")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--weights", type=Path, default=Path("weights"))
    options = parser.parse_args(arguments)
    try:
        engines = {name: AvatarEngine.from_pretrained(options.weights, "cpu", encoder=name) for name in ENCODERS}
        first = next(iter(engines.values()))
        photos, model = _photos(options), TeacherModel.load(options.data)
        finder = PhotoFaceFinder(first.face_model)
        rows: list[Row] = []
        sheet = 0
        for index, photo in enumerate(tqdm(photos, desc="people")):
            for name, engine in engines.items():
                try:
                    rows.append(avatar_row(engine, photo, name))
                except AvatarError as error:
                    tqdm.write(f"left out: {error}")
            for _, teacher in teacher_avatars([photo], model, first.face_model, finder):
                rows.append(teacher_row(teacher, first.rasterizer, photo.stem))
            if rows and ((index + 1) % PEOPLE_PER_SHEET == 0 or index + 1 == len(photos)):
                save_sheet(rows, options.out / f"encoders_{sheet}.png")
                rows, sheet = [], sheet + 1
    except (AvatarError, OSError) as error:
        parser.exit(2, f"{error}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
