"""The photo's hair led on round the head."""

from __future__ import annotations

import numpy as np

from avatar_core.models.encoder.hair_pixels import HairPixels
from avatar_core.models.encoder.layout import cell_azimuth, rays
from avatar_core.models.encoder.led_round import BEYOND, COARSE_COLUMNS, COARSE_ROWS, led_round

RADIUS = 1.2
ORIGIN, DIRECTION = rays()
SPHERE = (ORIGIN + RADIUS * DIRECTION).astype(np.float32)
TOP = 36  # rows: the dome
EDGE = 75.0  # degrees from the face's middle to which the photo shows hair


def _pixels(colour: np.ndarray, radius: float = RADIUS, azimuth: tuple[float, float] = (-EDGE, EDGE)) -> HairPixels:
    """Hair of ``colour`` (120, 3) by column, thick enough to be seen."""
    origin, direction = rays(320, 480)
    across = cell_azimuth(480)
    shown = np.zeros((320, 480), bool)
    shown[: 4 * TOP] = (across > azimuth[0]) & (across < azimuth[1])
    points = (origin + radius * direction)[shown]
    colours = np.broadcast_to(np.repeat(colour, 4, axis=0)[None], (320, 480, 3))[shown]
    return HairPixels(points, colours.astype(np.float32), np.ones(len(points), np.float32))


def _coarse(values: np.ndarray) -> np.ndarray:
    return values.reshape(COARSE_COLUMNS, 2, -1).mean(1)


def test_one_colour_goes_on_everywhere() -> None:
    brown = np.array([0.4, 0.3, 0.2])
    led = led_round(_pixels(np.tile(brown, (120, 1))), SPHERE)
    assert led is not None and led.shape == (COARSE_ROWS, COARSE_COLUMNS, 3)
    np.testing.assert_allclose(led, np.broadcast_to(brown, led.shape), atol=2e-3)


def test_brightness_goes_on_with_its_slope_and_not_beyond_what_is_seen() -> None:
    azimuth = np.abs(cell_azimuth())
    grey = np.repeat((0.8 - 0.015 * np.clip(azimuth - 45, 0, None))[:, None], 3, axis=1)
    led = led_round(_pixels(grey), SPHERE)
    assert led is not None
    row, across = led[10, :, 0], _coarse(azimuth[:, None])[:, 0]
    at_edge, farther = row[np.abs(across - 70) < 4].mean(), row[np.abs(across - 82) < 4].mean()
    assert farther < at_edge - 0.05
    assert led.min() > grey[azimuth < EDGE].min() - BEYOND - 1e-3


def test_hue_does_not_run_away() -> None:
    azimuth = np.abs(cell_azimuth())
    redder = np.clip((azimuth - 55) / (EDGE - 55), 0, 1)[:, None]
    colour = 0.5 + redder * np.array([0.05, -0.025, -0.01])
    led = led_round(_pixels(colour), SPHERE)
    assert led is not None
    seen = colour[azimuth < EDGE]
    assert (led[: TOP // 2, :, 0] - led[: TOP // 2, :, 1]).max() < 1.25 * (seen[:, 0] - seen[:, 1]).max()


def test_what_hangs_off_the_head_and_what_is_seen_edge_on_tells_nothing() -> None:
    pixels = _pixels(np.full((120, 3), 0.4))
    assert led_round(_pixels(np.full((120, 3), 0.4), RADIUS + 0.5), SPHERE) is None
    assert led_round(pixels._replace(facing=np.zeros_like(pixels.facing)), SPHERE) is None


def test_a_hidden_side_is_like_the_other() -> None:
    dark = np.full((120, 3), 0.5)
    dark[cell_azimuth() < -40] = 0.2
    led = led_round(_pixels(dark, azimuth=(-EDGE, 20.0)), SPHERE)
    assert led is not None
    across = _coarse(cell_azimuth()[:, None])[:, 0]
    assert led[10, (across > 50) & (across < 75)].mean() < 0.4
