"""The relief of the bundled portrait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from avatar_core.lift.layer import Layer
from avatar_core.lift.relief import Relief, build_relief
from avatar_core.lift.torso import build_back, hidden_height, hide_body
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder


@dataclass(frozen=True)
class Prepared:
    image: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    relief: Relief


@pytest.fixture(scope="session")
def prepared(portrait: NDArray[np.uint8], face_model: FaceModel) -> Prepared:
    finder = PhotoFaceFinder(face_model)
    landmarks = finder.find(portrait).landmarks
    finder.close()
    return Prepared(portrait, landmarks, build_relief(portrait, landmarks, face_model, lambda stage, share: None))


def far_side(relief: Relief) -> Layer:
    """What the lift makes of the side that a photo hides."""
    behind = hide_body(relief.matte, relief.face)
    height = hidden_height(relief.surfaces, behind, relief.face)
    return build_back(relief.surfaces, relief.matte, relief.face, behind, height, relief.far_colour)
