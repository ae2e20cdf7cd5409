"""Hair on the back of a head that the photo does not show."""

from __future__ import annotations

import numpy as np

from avatar_core.models.encoder.layout import cell_azimuth, rays
from avatar_core.models.encoder.nape import hair_to_nape

HAIR, SKIN = np.array([0.1, 0.08, 0.05], np.float32), np.array([0.8, 0.6, 0.5], np.float32)


def _half_bald() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    level, azimuth = rays()[0][:, 0, 1], np.abs(cell_azimuth())
    colour = np.broadcast_to(SKIN, (len(level), len(azimuth), 3)).copy()
    colour[: int(0.48 * len(level))] = HAIR
    return colour, level, azimuth


def test_hair_goes_down_to_the_nape_and_no_farther():
    colour, level, azimuth = _half_bald()
    shown = hair_to_nape(colour, np.zeros_like(colour), SKIN)
    back = azimuth > 140
    occiput, neck = (level < 0.0) & (level > -0.35), level < -0.8
    np.testing.assert_allclose(shown[occiput][:, back], np.broadcast_to(HAIR, shown[occiput][:, back].shape), atol=1e-5)
    neck_colour = shown[neck][:, back]
    assert (neck_colour < SKIN).all() and (neck_colour > 0.6 * SKIN).all()


def test_the_neck_does_not_take_on_the_dark_of_hair_and_clothes():
    colour, level, azimuth = _half_bald()
    colour[:] = HAIR
    neck = hair_to_nape(colour, np.zeros_like(colour), SKIN)[level < -0.8][:, azimuth > 140]
    assert (neck > 0.4 * SKIN).all()


def test_face_ears_and_crown_keep_their_colours():
    colour, level, azimuth = _half_bald()
    shown = hair_to_nape(colour, np.zeros_like(colour), SKIN)
    np.testing.assert_array_equal(shown[:, azimuth < 90], colour[:, azimuth < 90])
    dome = int(0.48 * len(level))
    np.testing.assert_array_equal(shown[:dome], colour[:dome])


def test_a_bald_head_stays_bald():
    level, azimuth = rays()[0][:, 0, 1], cell_azimuth()
    colour = np.broadcast_to(SKIN, (len(level), len(azimuth), 3)).copy()
    shown = hair_to_nape(colour, np.zeros_like(colour), SKIN)
    head = level > -0.4
    np.testing.assert_allclose(shown[head], colour[head], atol=1e-5)
