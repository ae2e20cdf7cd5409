"""Taking the background's hue off the person's rim."""

from __future__ import annotations

import numpy as np

from avatar_core.lift.spill import RIM, without_spill

SIDE, EYES = 64, 50.0
HAIR, SKIN = np.array([0.4, 0.3, 0.2], np.float32), np.array([0.8, 0.6, 0.5], np.float32)
BLUE, GREY = np.array([0.1, 0.3, 0.8], np.float32), np.array([0.5, 0.5, 0.5], np.float32)


def cleaned_of(colours: np.ndarray, alpha: np.ndarray, behind: np.ndarray) -> np.ndarray:
    return without_spill(colours, alpha, np.ones(alpha.shape, bool), behind, SKIN, EYES)


def portrait(ground: np.ndarray, hair: np.ndarray = HAIR) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A square of hair before ``ground``, a third of which tints the outermost pixels; and where those are."""
    alpha, rim = np.zeros((2, SIDE, SIDE), np.float32)
    alpha[10:54, 10:54] = rim[10:54, 10:54] = 1
    rim[14:50, 14:50] = 0
    colours = hair + rim[..., None] * (ground - hair) / 3
    return colours.astype(np.float32), alpha, np.broadcast_to(ground, colours.shape).astype(np.float32), rim > 0


def blueness(colours: np.ndarray) -> np.ndarray:
    return colours[..., 2] - colours.mean(-1)


def test_the_rim_loses_a_vivid_background():
    colours, alpha, behind, rim = portrait(BLUE)
    cleaned = cleaned_of(colours, alpha, behind)
    assert blueness(colours)[rim].mean() > 0.05
    assert blueness(cleaned)[rim].max() < 0.02
    inside = np.zeros_like(rim)
    depth = int(RIM * EYES) + 2
    inside[10 + depth : 54 - depth, 10 + depth : 54 - depth] = True
    assert np.array_equal(cleaned[inside], colours[inside])
    assert np.allclose(cleaned.mean(-1), colours.mean(-1), atol=1e-5)  # as bright as before


def test_a_pale_background_and_skin_change_nothing():
    colours, alpha, behind, rim = portrait(GREY)
    assert np.array_equal(cleaned_of(colours, alpha, behind), colours)
    _, alpha, behind, rim = portrait(1.2 * SKIN - 0.1)
    ears = np.where(rim[..., None], SKIN, HAIR).astype(np.float32)
    assert np.allclose(cleaned_of(ears, alpha, behind), ears, atol=1e-5)


def test_dark_hair_keeps_no_more_of_an_orange_wall_than_skin_as_dark_would_have():
    dark = np.array([0.12, 0.08, 0.06], np.float32)
    wall = np.array([0.9, 0.55, 0.15], np.float32)
    colours, alpha, behind, rim = portrait(wall, dark)
    cleaned = cleaned_of(colours, alpha, behind)
    saturation = np.ptp(cleaned, axis=-1) / cleaned.mean(-1)
    assert np.ptp(colours, axis=-1)[rim].mean() / colours.mean(-1)[rim].mean() > 0.9
    assert saturation[rim].max() < 0.75  # hair's own .69


def test_a_lit_rim_of_the_persons_own_hue_stays():
    shirt, wall = np.array([0.1, 0.15, 0.35], np.float32), np.array([0.2, 0.35, 0.8], np.float32)
    _, alpha, behind, rim = portrait(wall)
    lit = np.where(rim[..., None], 1.5 * shirt, shirt).astype(np.float32)
    assert np.abs(cleaned_of(lit, alpha, behind) - lit).max() < 0.01
