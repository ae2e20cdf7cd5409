"""Sheets moved along the photo's rays."""

from __future__ import annotations

import numpy as np

from avatar_core.lift.canvas import CANVAS_SIZE, project, unproject
from avatar_core.lift.depth_shift import shifted, shifted_points
from avatar_core.lift.layer import Layer, surface_steps


def slope() -> tuple[Layer, np.ndarray]:
    """A tilted sheet of 60 x 60 pixels, and its pixels (3600, 2)."""
    x, y = np.meshgrid(np.arange(300.0, 360.0) + 0.5, np.arange(200.0, 260.0) + 0.5)
    points = unproject(x, y, 0.3 * (x - 330))
    across, upward = surface_steps(points, np.ones((60, 60), bool))
    count = 3600
    flat = [values.reshape(-1, 3) for values in (points, across, upward)]
    zeros, ones = np.zeros(count, np.float32), np.ones(count, np.float32)
    layer = Layer(*flat, np.zeros((count, 3), np.float32), ones, flat[0], zeros.astype(np.uint8), ones, ones, ones > 0)
    return layer, np.stack([x.ravel(), y.ravel()], axis=-1)


def test_samples_keep_their_pixel_and_gain_the_shift() -> None:
    layer, pixels = slope()
    columns = np.arange(CANVAS_SIZE, dtype=np.float32)
    shift = np.broadcast_to(-0.3 * (columns + 0.5 - 330), (CANVAS_SIZE, CANVAS_SIZE)).astype(np.float32)
    placed = project(shifted_points(layer.position, shift))
    assert np.allclose(placed[:, :2], pixels, atol=1e-3)
    assert np.allclose(placed[:, 2], 0.0, atol=1e-3)


def test_tangents_follow_the_moved_surface() -> None:
    layer, _ = slope()
    columns = np.arange(CANVAS_SIZE, dtype=np.float32)
    shift = np.broadcast_to(-0.3 * (columns + 0.5 - 330), (CANVAS_SIZE, CANVAS_SIZE)).astype(np.float32)
    moved = shifted(layer, shift)
    assert np.abs(layer.across[:, 2]).min() > 1e-4
    assert np.abs(moved.across[:, 2]).max() < 2e-5 and np.abs(moved.upward[:, 2]).max() < 2e-5
    assert np.allclose(moved.across[:, 0], moved.across[:, 0].mean(), rtol=0.02)


def test_points_outside_the_map_take_its_border() -> None:
    shift = np.full((CANVAS_SIZE, CANVAS_SIZE), 7.0, np.float32)
    outside = unproject(np.array([-50.0, 900.0]), np.array([-20.0, 800.0]), np.array([0.0, 5.0]))
    assert np.allclose(project(shifted_points(outside, shift))[:, 2], [7.0, 12.0], atol=1e-3)
