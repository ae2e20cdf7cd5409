"""Mouths that are wide open in the photo."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.open_mouth import (
    KEPT_SHARE,
    SHUT_SHARE,
    lip_to_chin,
    repair_open_mouth,
    with_chin_no_longer,
)
from avatar_core.tracking.topology import CHIN, LOWER_INNER_LIP, RIGID

BELOW_LIPS = (17, 18, 200, 199, 175, CHIN)  # the face's middle line, downwards


def _opened(mean: NDArray[np.float64], gap: float, chin: float) -> NDArray[np.float64]:
    """The mean face with its lower lip ``gap`` lower and its chin ``chin`` lower."""
    face = mean.copy()
    face[[*LOWER_INNER_LIP, 17, 84, 314], 1] -= gap
    face[CHIN, 1] -= chin
    return face


def test_the_chin_of_a_wide_open_mouth_bounds_the_neutrals(face_model: FaceModel) -> None:
    mean = face_model.mean
    neutral = mean.copy()
    neutral[CHIN, 1] -= 0.15  # a guess that is too long
    shown = _opened(mean, 0.4, 0.35)
    shorter = with_chin_no_longer(neutral, shown, mean)
    assert lip_to_chin(shown) - 0.05 < lip_to_chin(shorter) < lip_to_chin(neutral) - 0.1
    assert (np.diff(shorter[list(BELOW_LIPS), 1]) < 0).all()
    np.testing.assert_array_equal(shorter[RIGID[mean[RIGID, 1] > -0.5]], neutral[RIGID[mean[RIGID, 1] > -0.5]])


def test_a_neutral_that_is_short_enough_and_a_mouth_that_is_hardly_open_change_nothing(face_model: FaceModel) -> None:
    mean = face_model.mean
    assert with_chin_no_longer(mean, _opened(mean, 0.4, 0.6), mean) is mean
    long = mean.copy()
    long[CHIN, 1] -= 0.15
    assert with_chin_no_longer(long, _opened(mean, 0.1, 0.05), mean) is long


def test_after_a_repair_the_guess_is_shortened_by_a_tenth(face_model: FaceModel) -> None:
    mean = face_model.mean
    guess = mean.copy()
    guess[CHIN, 1] -= 0.15
    repaired = repair_open_mouth(_opened(mean, 0.4, 0.2), mean, lip_to_chin(guess))
    shorter = with_chin_no_longer(guess, repaired, mean)
    assert lip_to_chin(shorter) == pytest.approx(KEPT_SHARE / SHUT_SHARE * lip_to_chin(guess), rel=0.01)


def test_it_sets_in_gradually(face_model: FaceModel) -> None:
    mean = face_model.mean
    long = mean.copy()
    long[CHIN, 1] -= 0.15
    lengths = [
        lip_to_chin(with_chin_no_longer(long, _opened(mean, gap, gap), mean)) for gap in np.linspace(0.15, 0.35, 41)
    ]
    assert lengths[0] - lengths[-1] > 0.1
    assert np.abs(np.diff(lengths)).max() < 0.02
