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
    shown = hair_to_nape(colour, np.zeros_like(colour))
    back = azimuth > 140
    occiput, neck = (level < 0.0) & (level > -0.35), level < -0.8
    np.testing.assert_allclose(shown[occiput][:, back], np.broadcast_to(HAIR, shown[occiput][:, back].shape), atol=1e-5)
    np.testing.assert_allclose(shown[neck][:, back], np.broadcast_to(SKIN, shown[neck][:, back].shape), atol=1e-5)


def test_face_ears_and_crown_keep_their_colours():
    colour, level, azimuth = _half_bald()
    shown = hair_to_nape(colour, np.zeros_like(colour))
    np.testing.assert_array_equal(shown[:, azimuth < 90], colour[:, azimuth < 90])
    dome = int(0.48 * len(level))
    np.testing.assert_array_equal(shown[:dome], colour[:dome])


def test_a_bald_head_stays_bald():
    level, azimuth = rays()[0][:, 0, 1], cell_azimuth()
    colour = np.broadcast_to(SKIN, (len(level), len(azimuth), 3)).copy()
    np.testing.assert_allclose(hair_to_nape(colour, np.zeros_like(colour)), colour, atol=1e-5)
