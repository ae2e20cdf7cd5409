"""One lifted portrait for all tests of the lift: scikit-image's astronaut (public domain, bundled, smiling)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from avatar_core.lift import LiftResult, lift
from avatar_core.lift.relief import Relief, build_relief
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder

WEIGHTS = Path(__file__).parents[2] / "weights"


@dataclass(frozen=True)
class Portrait:
    image: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    lifted: LiftResult


@pytest.fixture(scope="session")
def face_model() -> FaceModel:
    return FaceModel.load(WEIGHTS / "face_model.safetensors")


@pytest.fixture(scope="session")
def portrait(face_model: FaceModel) -> Portrait:
    image = skimage.data.astronaut()
    finder = PhotoFaceFinder(face_model)
    landmarks = finder.find(image).landmarks
    finder.close()
    return Portrait(image, landmarks, lift(image, landmarks, face_model))


@pytest.fixture(scope="session")
def relief(portrait: Portrait, face_model: FaceModel) -> Relief:
    return build_relief(portrait.image, portrait.landmarks, face_model, lambda stage, share: None)
