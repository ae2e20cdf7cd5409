from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from avatar_core.errors import NoFaceError
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder


@pytest.fixture(scope="module")
def finder(face_model: FaceModel) -> Iterator[PhotoFaceFinder]:
    made = PhotoFaceFinder(face_model)
    yield made
    made.close()


def test_finds_the_portrait(finder: PhotoFaceFinder, portrait: NDArray[np.uint8]) -> None:
    face = finder.find(portrait)
    centre = face.landmarks[:, :2].mean(0)
    assert 180 < centre[0] < 270 and 80 < centre[1] < 170
    assert abs(face.yaw) < 25 and face.face_count == 1


def test_finds_a_small_face_in_a_large_picture_in_its_pixels(
    finder: PhotoFaceFinder, portrait: NDArray[np.uint8]
) -> None:
    size = np.ptp(finder.find(portrait).landmarks[:, 0])
    small = cv2.resize(portrait[20:250, 100:340], None, fx=1.1, fy=1.1)
    wide = np.full((2400, 3600, 3), 90, np.uint8)
    wide[1500 : 1500 + small.shape[0], 2600 : 2600 + small.shape[1]] = small
    face = finder.find(wide)
    centre = face.landmarks[:, :2].mean(0)
    assert abs(centre[0] - 2735) < 40 and abs(centre[1] - 1610) < 40
    assert np.ptp(face.landmarks[:, 0]) == pytest.approx(1.1 * size, rel=0.15)


def test_takes_the_largest_of_several_and_says_how_many(finder: PhotoFaceFinder, portrait: NDArray[np.uint8]) -> None:
    head = portrait[0:260, 90:350]
    pair = np.full((520, 800, 3), 120, np.uint8)
    pair[:520, :520] = cv2.resize(head, (520, 520))
    pair[100:320, 560:780] = cv2.resize(head, (220, 220))
    face = finder.find(pair)
    assert face.face_count == 2
    assert face.landmarks[:, 0].mean() < 520


def test_no_face_too_small_and_empty_pictures_are_refused(finder: PhotoFaceFinder, portrait: NDArray[np.uint8]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    with pytest.raises(NoFaceError, match="no face"):
        finder.find(noise)
    with pytest.raises(NoFaceError, match=r"too small|no face"):
        finder.find(cv2.resize(portrait, (150, 150), interpolation=cv2.INTER_AREA))
