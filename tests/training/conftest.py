"""The training data is large and stays outside the repository: these tests run where AVATAR_TRAINING_DATA names it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from avatar_core.tracking.face_model import FaceModel
from avatar_core.training.teacher_geometry import TeacherGeometry, load_teacher
from avatar_core.training.teacher_lids import LidModel, build_lids


@pytest.fixture(scope="session")
def data_folder() -> Path:
    named = os.environ.get("AVATAR_TRAINING_DATA")
    if not named:
        pytest.skip("set AVATAR_TRAINING_DATA to the folder of the training data")
    return Path(named)


@pytest.fixture(scope="session")
def geometry(data_folder: Path, face_model: FaceModel) -> TeacherGeometry:
    return load_teacher(data_folder, face_model.mean)


@pytest.fixture(scope="session")
def lids(geometry: TeacherGeometry) -> LidModel:
    return build_lids(geometry)
