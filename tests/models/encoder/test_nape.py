"""Hair on the back of a head that the photo does not show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from avatar_core.models.encoder.layout import cell_azimuth, rays
from avatar_core.models.encoder.nape import NECK_SHADE, hair_to_nape, neck_sides
from tests.models.encoder.conftest import Prepared

HAIR, SKIN = np.array([0.1, 0.08, 0.05], np.float32), np.array([0.8, 0.6, 0.5], np.float32)
SIDES = np.array([[0.6, 0.45, 0.35], [0.7, 0.5, 0.4]], np.float32)


def _half_bald() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    level, azimuth = rays()[0][:, 0, 1], np.abs(cell_azimuth())
    colour = np.broadcast_to(SKIN, (len(level), len(azimuth), 3)).copy()
    colour[: int(0.48 * len(level))] = HAIR
    return colour, level, azimuth


def test_hair_goes_down_to_the_nape_and_no_farther():
    colour, level, azimuth = _half_bald()
    shown = hair_to_nape(colour, np.zeros_like(colour), SKIN, SIDES)
    back = azimuth > 140
    occiput, neck = (level < 0.0) & (level > -0.35), level < -0.8
    np.testing.assert_allclose(shown[occiput][:, back], np.broadcast_to(HAIR, shown[occiput][:, back].shape), atol=1e-5)
    neck_colour = shown[neck][:, back]
    assert (neck_colour < SKIN).all() and (neck_colour > 0.6 * SKIN).all()


def test_the_neck_does_not_take_on_the_dark_of_hair_and_clothes():
    colour, level, azimuth = _half_bald()
    colour[:] = HAIR
    neck = hair_to_nape(colour, np.zeros_like(colour), SKIN, SIDES)[level < -0.8][:, azimuth > 140]
    assert (neck > 0.4 * SKIN).all()


def test_face_ears_and_crown_keep_their_colours():
    colour, level, azimuth = _half_bald()
    shown = hair_to_nape(colour, np.zeros_like(colour), SKIN, SIDES)
    ears = np.ix_(level > -0.6, azimuth < 90)
    np.testing.assert_array_equal(shown[ears], colour[ears])
    np.testing.assert_array_equal(shown[:, azimuth < 70], colour[:, azimuth < 70])
    dome = int(0.48 * len(level))
    np.testing.assert_array_equal(shown[:dome], colour[:dome])


def test_a_bald_head_stays_bald():
    level, azimuth = rays()[0][:, 0, 1], cell_azimuth()
    colour = np.broadcast_to(SKIN, (len(level), len(azimuth), 3)).copy()
    shown = hair_to_nape(colour, np.zeros_like(colour), SKIN, SIDES)
    head = level > -0.4
    np.testing.assert_allclose(shown[head], colour[head], atol=1e-5)


def test_the_neck_goes_on_from_the_colour_of_its_side():
    colour, level, _ = _half_bald()
    neck = hair_to_nape(colour, np.zeros_like(colour), SKIN, SIDES)[level < -0.9]
    azimuth = cell_azimuth()
    for side, sign in enumerate((-1, 1)):
        own = (sign * azimuth > 88) & (sign * azimuth < 94)
        shown = neck[:, own]
        np.testing.assert_allclose(shown, np.broadcast_to(SIDES[side], shown.shape), atol=0.03)
    steps = np.abs(np.diff(neck, axis=1)).max(-1)
    assert steps[:, (np.abs(azimuth[:-1]) > 88)].max() < 0.03


@pytest.mark.parametrize("cover", [(0.1, 0.2, 0.8), (0.03, 0.03, 0.03)], ids=["blue", "black"])
def test_the_necks_sides_have_the_photos_colour_and_not_that_of_clothes(
    prepared: Prepared, cover: tuple[float, float, float]
):
    relief = prepared.relief
    face, colours = relief.face, relief.matte.foreground
    skin = np.median(colours[face.mesh.inside], axis=0).astype(np.float32)

    def dressed(colour: object) -> tuple[np.ndarray, tuple[float, float]]:
        painted = np.where(face.body[..., None], np.asarray(colour, np.float32), colours)
        return neck_sides(replace(relief, matte=replace(relief.matte, foreground=painted)), skin)

    sides, bare = dressed(0.8 * skin)
    np.testing.assert_allclose(sides, np.stack([0.8 * skin] * 2), rtol=1e-5)
    assert bare == (1.0, 1.0)
    sides, bare = dressed(cover)
    np.testing.assert_allclose(sides, NECK_SHADE * np.stack([skin] * 2), rtol=1e-5)
    assert bare == (0.0, 0.0)


def test_what_covers_the_necks_sides_covers_the_nape():
    colour, level, _ = _half_bald()
    collar = np.array([0.02, 0.02, 0.1], np.float32)
    colour[level < -0.7] = collar
    shown = hair_to_nape(colour, np.zeros_like(colour), SKIN, SIDES, (0.0, 0.0))
    np.testing.assert_allclose(shown[level < -0.8], np.broadcast_to(collar, shown[level < -0.8].shape), atol=1e-6)
