"""Bent photos: another person, still a face, the same for the same number."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.tracking.topology import LEFT_EYE_OUTER, MESH_COUNT, RIGHT_EYE_OUTER
from avatar_core.training.encoder.warping import FACE_AXES, FACE_MIDDLE, bend

Photo = tuple[NDArray[np.uint8], NDArray[np.float64]]
SEEDS = (0, 1, 2, 3)


@pytest.fixture(scope="module")
def photo(portrait: NDArray[np.uint8], face_model: FaceModel) -> Photo:
    finder = PhotoFaceFinder(face_model)
    landmarks = finder.find(portrait).landmarks.astype(np.float64)
    finder.close()
    return portrait, landmarks


def test_a_bent_photo_shows_a_face_of_other_proportions(photo: Photo, face_model: FaceModel) -> None:
    image, landmarks = photo
    shapes = []
    finder = PhotoFaceFinder(face_model)
    for seed in SEEDS:
        bent = bend(image, landmarks, np.random.default_rng(seed))
        assert bent.shape == image.shape and bent.dtype == np.uint8
        shapes.append(_in_eye_distances(finder.find(bent).landmarks))
    finder.close()
    own = _in_eye_distances(landmarks)
    changes = [np.linalg.norm(shape - own, axis=1).mean() for shape in shapes]
    assert min(changes) > 0.01 and max(changes) < 0.3
    assert all(np.linalg.norm(a - b, axis=1).mean() > 0.01 for i, a in enumerate(shapes) for b in shapes[:i]), (
        "two numbers gave the same person"
    )


def test_the_same_number_gives_the_same_person(photo: Photo) -> None:
    image, landmarks = photo
    first, second = (bend(image, landmarks, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, second)


def test_hair_and_face_change_apart(photo: Photo) -> None:
    """What lies beyond the face moves towards it or away, by amounts that differ from person to person."""
    image, landmarks = photo
    unit, middle = _eyes(landmarks)
    height, width = image.shape[:2]
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    place = (np.stack([x, y], axis=-1) - middle) / unit - np.array(FACE_MIDDLE)
    inside = np.linalg.norm(place / np.array(FACE_AXES), axis=-1) < 1
    rings = np.where(inside, 255, 0).astype(np.uint8)[..., None].repeat(3, axis=-1)
    above = []
    for seed in SEEDS:
        face = bend(rings, landmarks, np.random.default_rng(seed))[..., 0] > 127
        assert 0.6 < face.sum() / inside.sum() < 1.6
        crown = np.clip(255 * (-place[..., 1] / 3), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=-1)
        column = bend(crown, landmarks, np.random.default_rng(seed))[: int(middle[1]), int(middle[0]), 0]
        above.append(float(column.mean()))
    assert np.ptp(above) > 3


def _eyes(landmarks: NDArray[np.floating]) -> tuple[float, NDArray[np.float64]]:
    right, left = landmarks[RIGHT_EYE_OUTER, :2], landmarks[LEFT_EYE_OUTER, :2]
    return float(np.linalg.norm(left - right)), np.asarray((left + right) / 2, np.float64)


def _in_eye_distances(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    unit, middle = _eyes(landmarks)
    return np.asarray((landmarks[:MESH_COUNT, :2] - middle) / unit, np.float64)
