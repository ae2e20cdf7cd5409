"""Taking the background's hue off the person's rim."""

from __future__ import annotations

import numpy as np

from avatar_core.lift.spill import RIM, without_spill

SIDE, EYES = 64, 50.0
HAIR, SKIN = np.array([0.4, 0.3, 0.2], np.float32), np.array([0.8, 0.6, 0.5], np.float32)
BLUE, GREY = np.array([0.1, 0.3, 0.8], np.float32), np.array([0.5, 0.5, 0.5], np.float32)


def portrait(ground: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A square of hair before ``ground``, a third of which tints the outermost pixels; and where those are."""
    alpha, rim = np.zeros((2, SIDE, SIDE), np.float32)
    alpha[10:54, 10:54] = rim[10:54, 10:54] = 1
    rim[14:50, 14:50] = 0
    colours = HAIR + rim[..., None] * (ground - HAIR) / 3
    return colours.astype(np.float32), alpha, np.broadcast_to(ground, colours.shape).astype(np.float32), rim > 0


def blueness(colours: np.ndarray) -> np.ndarray:
    return colours[..., 2] - colours.mean(-1)


def test_the_rim_loses_a_vivid_background():
    colours, alpha, behind, rim = portrait(BLUE)
    cleaned = without_spill(colours, alpha, behind, SKIN, EYES)
    assert blueness(colours)[rim].mean() > 0.05
    assert blueness(cleaned)[rim].max() < 0.02
    inside = np.zeros_like(rim)
    depth = int(RIM * EYES) + 2
    inside[10 + depth : 54 - depth, 10 + depth : 54 - depth] = True
    assert np.array_equal(cleaned[inside], colours[inside])
    assert np.allclose(cleaned.mean(-1), colours.mean(-1), atol=1e-5)  # as bright as before


def test_a_pale_background_and_skin_change_nothing():
    colours, alpha, behind, rim = portrait(GREY)
    assert np.array_equal(without_spill(colours, alpha, behind, SKIN, EYES), colours)
    _, alpha, behind, rim = portrait(1.2 * SKIN - 0.1)
    ears = np.where(rim[..., None], SKIN, HAIR).astype(np.float32)
    assert np.allclose(without_spill(ears, alpha, behind, SKIN, EYES), ears, atol=1e-5)
