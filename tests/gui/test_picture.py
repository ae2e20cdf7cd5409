"""Crops and the driver's picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.gui.picture import GLOW_SIDE, driver_picture, framed, framing, glow

sides = st.integers(20, 1500)


@given(sides, sides, sides, sides)
def test_a_picture_fills_its_frame_or_is_shown_whole(width: int, height: int, wide: int, high: int) -> None:
    place = framing((width, height), (wide, high))
    shown = width * place.scale, height * place.scale
    fills = shown[0] >= wide - 1e-6 and shown[1] >= high - 1e-6
    whole = shown[0] <= wide + 1e-6 and shown[1] <= high + 1e-6
    assert fills or whole


@pytest.mark.parametrize("size", [(640, 480), (1920, 1080), (200, 150)])
def test_landmarks_follow_the_picture_into_the_frame(size: tuple[int, int]) -> None:
    rgb = np.zeros((size[1], size[0], 3), np.uint8)
    x, y, half = size[0] * 0.6, size[1] * 0.4, max(4, size[0] // 40)
    rgb[int(y) - half : int(y) + half, int(x) - half : int(x) + half] = 255
    picture, place = framed(rgb, 276, 190)
    weight = picture[..., 0].astype(float) * (picture[..., 0] > 60)
    rows, columns = np.mgrid[0:190, 0:276] + 0.5
    centre = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
    expected = np.array([int(x), int(y)]) * place.scale + place.offset
    assert np.abs(centre - expected).max() < 0.6


@pytest.mark.parametrize("mesh", [False, True])
def test_landmarks_are_drawn_and_the_source_is_left_alone(mesh: bool, portrait: NDArray[np.uint8]) -> None:
    random = np.random.default_rng(0)
    landmarks = random.uniform(150, 300, (478, 2)).astype(np.float32)
    before = portrait.copy()
    plain = driver_picture(portrait, None, 276, 190, mesh=mesh)
    drawn = driver_picture(portrait, landmarks, 276, 190, mesh=mesh)
    assert (portrait == before).all()
    assert plain.shape == drawn.shape == (190, 276, 3)
    assert (plain != drawn).any(axis=-1).mean() > 0.01


def test_the_mesh_adds_lines_to_the_contours(portrait: NDArray[np.uint8]) -> None:
    landmarks = np.random.default_rng(0).uniform(150, 300, (478, 2)).astype(np.float32)
    contours = driver_picture(portrait, landmarks, 276, 190, mesh=False)
    mesh = driver_picture(portrait, landmarks, 276, 190, mesh=True)
    assert (contours != mesh).any(axis=-1).mean() > 0.05


def test_landmarks_outside_the_frame_do_no_harm(portrait: NDArray[np.uint8]) -> None:
    landmarks = np.full((478, 2), -4000.0, np.float32)
    assert driver_picture(portrait, landmarks, 120, 90, mesh=True).shape == (90, 120, 3)


def test_glow_keeps_the_colours_and_is_darker(portrait: NDArray[np.uint8]) -> None:
    light = glow(portrait)
    assert light.shape == (GLOW_SIDE, GLOW_SIDE, 3)
    assert light.mean() == pytest.approx(0.42 * portrait.mean(), rel=0.1)
