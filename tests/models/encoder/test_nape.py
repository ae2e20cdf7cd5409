"""Hair on the back of a head that the photo does not show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from avatar_core.lift.canvas import pixel_grid, unproject
from avatar_core.models.encoder.extent import bare_back
from avatar_core.models.encoder.layout import cell_azimuth, rays
from avatar_core.models.encoder.nape import NECK_SHADE, NeckSides, hair_to_nape, neck_sides
from tests.models.encoder.conftest import Prepared

HAIR, SKIN = np.array([0.1, 0.08, 0.05], np.float32), np.array([0.8, 0.6, 0.5], np.float32)
COLOURS = np.array([[0.6, 0.45, 0.35], [0.7, 0.5, 0.4]], np.float32)
SIDES = NeckSides(np.repeat(COLOURS[:, None], 80, axis=1), (1.0, 1.0))
BACK = bare_back((1.0, 1.0), 120)


def _half_bald() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    level, azimuth = rays()[0][:, 0, 1], np.abs(cell_azimuth())
    colour = np.broadcast_to(SKIN, (len(level), len(azimuth), 3)).copy()
    colour[: int(0.48 * len(level))] = HAIR
    return colour, level, azimuth


def test_hair_goes_down_to_the_nape_and_no_farther():
    colour, level, azimuth = _half_bald()
    shown = hair_to_nape(colour, np.zeros_like(colour), SIDES, BACK)
    back = azimuth > 150
    occiput, neck = (level < 0.0) & (level > -0.35), level < -0.8
    np.testing.assert_allclose(shown[occiput][:, back], np.broadcast_to(HAIR, shown[occiput][:, back].shape), atol=1e-5)
    neck_colour = shown[neck][:, back]
    assert (neck_colour < SKIN).all() and (neck_colour > 0.5 * SKIN).all()


def test_the_neck_does_not_take_on_the_dark_of_hair_and_clothes():
    colour, level, azimuth = _half_bald()
    colour[:] = HAIR
    neck = hair_to_nape(colour, np.zeros_like(colour), SIDES, BACK)[level < -0.8][:, azimuth > 150]
    assert (neck > 0.4 * SKIN).all()


def test_face_ears_and_crown_keep_their_colours():
    colour, level, azimuth = _half_bald()
    shown = hair_to_nape(colour, np.zeros_like(colour), SIDES, BACK)
    ears = np.ix_(level > -0.6, azimuth < 90)
    np.testing.assert_array_equal(shown[ears], colour[ears])
    np.testing.assert_array_equal(shown[:, azimuth < 70], colour[:, azimuth < 70])
    dome = int(0.48 * len(level))
    np.testing.assert_array_equal(shown[:dome], colour[:dome])


def test_a_bald_head_stays_bald():
    level, azimuth = rays()[0][:, 0, 1], cell_azimuth()
    colour = np.broadcast_to(SKIN, (len(level), len(azimuth), 3)).copy()
    shown = hair_to_nape(colour, np.zeros_like(colour), SIDES, BACK)
    head = level > -0.4
    np.testing.assert_allclose(shown[head], colour[head], atol=1e-5)


def test_where_hair_hangs_the_crown_is_not_led_down():
    colour, _, _ = _half_bald()
    hanging = bare_back((0.0, 0.0), 120)
    covered = NeckSides(SIDES.colour, (0.0, 0.0))
    np.testing.assert_array_equal(hair_to_nape(colour, np.zeros_like(colour), covered, hanging), colour)


def test_the_neck_goes_on_from_the_colour_of_its_side():
    colour, level, _ = _half_bald()
    neck = hair_to_nape(colour, np.zeros_like(colour), SIDES, BACK)[level < -0.9]
    azimuth = cell_azimuth()
    for side, sign in enumerate((-1, 1)):
        own = (sign * azimuth > 88) & (sign * azimuth < 94)
        shown = neck[:, own]
        np.testing.assert_allclose(shown, np.broadcast_to(COLOURS[side], shown.shape), atol=0.03)
    steps = np.abs(np.diff(neck, axis=1)).max(-1)
    assert steps[:, (np.abs(azimuth[:-1]) > 88)].max() < 0.03


def _dressed(prepared: Prepared, colour: object) -> NeckSides:
    relief = prepared.relief
    painted = np.where(relief.face.body[..., None], np.asarray(colour, np.float32), relief.matte.foreground)
    return neck_sides(replace(relief, matte=replace(relief.matte, foreground=painted)), 160)


def _skin(prepared: Prepared) -> np.ndarray:
    relief = prepared.relief
    return np.median(relief.matte.foreground[relief.face.mesh.inside], axis=0).astype(np.float32)


def test_the_necks_sides_have_the_photos_colour(prepared: Prepared):
    skin = _skin(prepared)
    sides = _dressed(prepared, 0.8 * skin)
    np.testing.assert_allclose(sides.colour, np.broadcast_to(0.8 * skin, sides.colour.shape), rtol=1e-5)
    assert sides.bare == (1.0, 1.0)


@pytest.mark.parametrize("cover", [(0.1, 0.2, 0.8), (0.03, 0.03, 0.03)], ids=["blue", "black"])
def test_clothes_cover_the_neck_where_the_photo_shows_them_and_above_it_is_skin_in_the_shade(
    prepared: Prepared, cover: tuple[float, float, float]
):
    skin, sides = _skin(prepared), _dressed(prepared, cover)
    assert sides.bare == (0.0, 0.0)
    np.testing.assert_allclose(sides.colour[:, -1], np.broadcast_to(np.float32(cover), (2, 3)), atol=1e-4)
    assert (sides.colour[:, 60] <= NECK_SHADE * skin.sum() + 1e-4).all()
    assert (sides.colour[:, 60, 0] > sides.colour[:, 60, 2]).all()


def test_a_neck_in_the_shade_has_the_cheeks_light_above_it(prepared: Prepared):
    """Not that of the face's bright side."""
    relief, face = prepared.relief, prepared.relief.face
    x, y = pixel_grid()
    right = face.to_head.invert_map(unproject(x, y, relief.surfaces.head))[..., 0] > 0.2
    shaded = np.where((right | face.body)[..., None], np.float32(0.2), np.float32(1)) * relief.matte.foreground
    sides = neck_sides(replace(relief, matte=replace(relief.matte, foreground=shaded)), 160)
    assert sides.colour[1, 60].sum() < 0.4 * sides.colour[0, 60].sum()


def test_what_covers_the_necks_sides_covers_the_nape():
    colour, level, _ = _half_bald()
    collar = np.array([0.02, 0.02, 0.1], np.float32)
    colour[level < -0.7] = collar
    covered = NeckSides(SIDES.colour, (0.0, 0.0))
    shown = hair_to_nape(colour, np.zeros_like(colour), covered, BACK)
    np.testing.assert_allclose(shown[level < -0.8], np.broadcast_to(collar, shown[level < -0.8].shape), atol=1e-6)
