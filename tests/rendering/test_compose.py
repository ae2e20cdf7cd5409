"""Compositing rounds correctly and refuses what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avatar_core.rendering import composite


def premultiplied(height: int, width: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    alpha = random.uniform(0, 1, (height, width, 1))
    colour = random.uniform(0, 1, (height, width, 3)) * alpha
    return np.concatenate([colour, alpha], axis=2).astype(np.float32)


def expected(rgba: np.ndarray, behind: np.ndarray) -> np.ndarray:
    return 255.0 * rgba[..., :3].astype(np.float64) + (1 - rgba[..., 3:].astype(np.float64)) * behind


@pytest.mark.parametrize(("height", "width"), [(1, 1), (33, 65), (64, 48)])
def test_over_a_colour_each_value_is_within_rounding_of_the_exact_mix(height, width):
    rgba = premultiplied(height, width)
    picture = composite(torch.from_numpy(rgba), (10, 128, 250))
    assert picture.dtype == np.uint8
    assert picture.shape == (height, width, 3)
    assert np.abs(picture - expected(rgba, np.array([10, 128, 250]))).max() <= 0.5 + 1e-3


def test_over_a_picture_each_value_is_within_rounding_of_the_exact_mix():
    rgba = premultiplied(33, 65)
    behind = np.random.default_rng(1).integers(0, 256, (33, 65, 3), dtype=np.uint8)
    assert np.abs(composite(rgba, behind) - expected(rgba, behind)).max() <= 0.5 + 1e-3


def test_a_mirrored_picture_view_is_taken_as_shown():
    rgba = premultiplied(20, 30)
    behind = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)[:, ::-1]
    np.testing.assert_array_equal(composite(rgba, behind), composite(rgba, behind.copy()))


def test_fully_covered_and_fully_open_pixels_are_exact():
    rgba = np.zeros((2, 1, 4), np.float32)
    rgba[0] = (1.0, 0.0, 0.5, 1.0)
    np.testing.assert_array_equal(composite(rgba, (7, 8, 9))[:, 0], [[255, 0, 128], [7, 8, 9]])


def test_colours_out_of_range_are_held_to_8_bits():
    rgba = np.array([[[1.5, -0.5, 1.0001, 1.0]]], np.float32)
    np.testing.assert_array_equal(composite(rgba, (0, 0, 0))[0, 0], [255, 0, 255])


def test_a_new_picture_is_returned_each_time():
    first = composite(premultiplied(4, 4), (0, 0, 0))
    kept = first.copy()
    composite(premultiplied(4, 4, 2), (255, 255, 255))
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("background", [np.zeros((4, 5, 3), np.uint8), np.zeros((4, 4, 3), np.float32), (1, 2)])
def test_a_background_that_does_not_fit_is_refused(background):
    with pytest.raises(ValueError, match="background must be"):
        composite(premultiplied(4, 4), background)


def test_a_picture_without_alpha_is_refused():
    with pytest.raises(ValueError, match="rgba must be"):
        composite(np.zeros((4, 4, 3), np.float32), (0, 0, 0))
