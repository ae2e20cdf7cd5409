from __future__ import annotations

import numpy as np

from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.performance import DURATION, motion_at

TIMES = np.arange(0.0, DURATION, 1 / 60)


def test_the_end_joins_the_beginning() -> None:
    first, last = motion_at(0.0), motion_at(DURATION - 1e-6)
    assert np.allclose(first.activations, last.activations, atol=1e-3)
    assert np.allclose(first.pose.rotation, last.pose.rotation, atol=1e-3)


def test_activations_stay_in_range_and_move_smoothly() -> None:
    values = np.array([motion_at(time).activations for time in TIMES])
    assert values.min() >= 0.0 and values.max() <= 1.0
    assert np.abs(np.diff(values, axis=0)).max() < 0.35  # a blink closes in five frames at 60 Hz


def test_it_shows_what_a_face_can_do() -> None:
    peak = dict(zip(ACTIVATION_NAMES, np.max([motion_at(time).activations for time in TIMES], axis=0), strict=True))
    for name in ("eyeBlink_L", "eyeBlink_R", "mouthSmile_L", "jawOpen", "browInnerUp_L", "mouthPucker", "browDown_R"):
        assert peak[name] > 0.6, name
    assert max(np.abs(motion_at(time).gaze).max() for time in TIMES) > 0.15
    assert min(motion_at(time).pose.rotation[0, 0] for time in TIMES) < np.cos(np.radians(10))


def test_rotations_are_proper() -> None:
    for time in TIMES[::97]:
        rotation = motion_at(time).pose.rotation
        assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(rotation) > 0
