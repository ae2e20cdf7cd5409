"""The teacher's people: portraits fitted once, split into those that train and those held out.

In: the folder portraits_synthetic. Out: `TeacherAvatar`s by name.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from avatar_core.errors import AvatarError
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.training.teacher.avatar import TeacherAvatar
from avatar_core.training.teacher.build import build_teacher_avatar
from avatar_core.training.teacher.fit import fit_portrait
from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher.portrait import Portrait, load_portrait
from avatar_core.training.teacher_geometry import TrainingDataError

PORTRAITS = "portraits_synthetic"
LARGEST_ERROR = 0.013  # of the inter-ocular distance
LARGEST_YAW = 25.0  # degrees
FEWEST = 4

_log = logging.getLogger(__name__)


def portrait_files(data: Path) -> list[Path]:
    """The training portraits, sorted.

    Raises:
        TrainingDataError: the folder is missing or holds too few pictures.
    """
    folder = data / PORTRAITS
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"})
    if len(files) < FEWEST:
        raise TrainingDataError(f"{folder}: {len(files)} portraits found, at least {FEWEST} are needed.")
    return files


def split(files: list[Path], held_out: Iterable[str]) -> tuple[list[Path], list[Path]]:
    """Files that train and files kept out, by stem.

    Raises:
        TrainingDataError: a held-out name is not among the files.
    """
    names = set(held_out)
    missing = names - {path.stem for path in files}
    if missing:
        raise TrainingDataError(f"held-out portraits that do not exist: {', '.join(sorted(missing))}")
    return [path for path in files if path.stem not in names], [path for path in files if path.stem in names]


def teacher_avatars(
    files: Iterable[Path], model: TeacherModel, face_model: FaceModel, finder: PhotoFaceFinder
) -> Iterator[tuple[Path, TeacherAvatar]]:
    """The portraits that fit well: near frontal, landmark error below 1.3 %. The others are told and left out."""
    for path in files:
        try:
            portrait = load_portrait(path, face_model, finder, wide=True)
        except AvatarError as error:
            _log.warning("left out: %s", error)
            continue
        avatar = teacher_avatar(portrait, path.name, model)
        if avatar is not None:
            yield path, avatar


def teacher_avatar(portrait: Portrait, name: str, model: TeacherModel) -> TeacherAvatar | None:
    """The teacher of a (wide) portrait called ``name``; None, and a warning, where it does not fit well."""
    fit = fit_portrait(model, portrait.landmarks, portrait.intrinsics)
    if fit.error > LARGEST_ERROR or abs(fit.yaw) > LARGEST_YAW:
        _log.warning("left out: %s (fit error %.2f %%, yaw %.0f degrees)", name, 100 * fit.error, fit.yaw)
        return None
    return build_teacher_avatar(model, fit, portrait.image, portrait.matte, portrait.landmarks, portrait.intrinsics)
