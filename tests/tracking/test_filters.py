from __future__ import annotations

import numpy as np

from avatar_core.tracking.filters import OneEuroFilter

INTERVAL = 1 / 30


def test_the_first_value_passes() -> None:
    value = np.array([[1.0, 2.0, 3.0]])
    assert np.array_equal(OneEuroFilter(1.5, 8.0)(value, INTERVAL), value)


def test_noise_at_rest_is_damped() -> None:
    random = np.random.default_rng(0)
    smoother = OneEuroFilter(1.5, 8.0)
    noisy = random.normal(0, 0.001, (200, 50, 3))
    smooth = np.array([smoother(frame, INTERVAL) for frame in noisy])[60:]
    assert np.diff(smooth, axis=0).std() < 0.4 * np.diff(noisy, axis=0).std()


def test_a_fast_move_arrives_within_a_few_frames() -> None:
    smoother = OneEuroFilter(1.5, 8.0)
    for _ in range(30):
        smoother(np.zeros((1, 3)), INTERVAL)
    for _ in range(4):
        value = smoother(np.full((1, 3), 0.3), INTERVAL)
    assert value.min() > 0.2


def test_reset_forgets() -> None:
    smoother = OneEuroFilter(1.0, 0.0)
    smoother(np.zeros(3), INTERVAL)
    smoother.reset()
    assert np.array_equal(smoother(np.ones(3), INTERVAL), np.ones(3))
