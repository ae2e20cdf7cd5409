"""The ICT model and a few training portraits, read once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.training.teacher import Portrait, TeacherAvatar, TeacherModel, load_portrait
from avatar_core.training.teacher.sheet import make_avatar

PORTRAITS = ("027.jpg", "064.jpg", "031.jpg")
"""Near-frontal, with long hair and free foreheads."""


@pytest.fixture(scope="session")
def model(data_folder: Path) -> TeacherModel:
    return TeacherModel.load(data_folder)


@pytest.fixture(scope="session")
def finder(face_model: FaceModel) -> Iterator[PhotoFaceFinder]:
    made = PhotoFaceFinder(face_model)
    yield made
    made.close()


@pytest.fixture(scope="session")
def portraits(data_folder: Path, face_model: FaceModel, finder: PhotoFaceFinder) -> list[Portrait]:
    return [load_portrait(data_folder / "portraits_synthetic" / name, face_model, finder) for name in PORTRAITS]


@pytest.fixture(scope="session")
def avatars(model: TeacherModel, portraits: list[Portrait]) -> list[TeacherAvatar]:
    return [make_avatar(model, portrait) for portrait in portraits]
