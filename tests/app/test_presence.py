import itertools

import pytest

from app.config import FaceConfig
from app.presence import FacePresence

CONFIG = FaceConfig(lost_after=0.5, fade_out=0.6, fade_in=0.3)


def follow(presence: FacePresence, start: float, seconds: float, *, face: bool, fps: int = 25) -> list[float]:
    """Weights while frames with or without a face arrive."""
    weights = []
    for index in range(1, round(seconds * fps) + 1):
        now = start + index / fps
        presence.observe(now, face_found=face)
        weights.append(presence.update(now))
    return weights


def test_nothing_is_tracked_before_the_first_face() -> None:
    presence = FacePresence(CONFIG)
    assert follow(presence, 0.0, 2.0, face=False)[-1] == 0.0
    assert presence.state(2.0) == "none"


def test_the_avatar_eases_in_and_stays() -> None:
    presence = FacePresence(CONFIG)
    presence.update(0.0)
    weights = follow(presence, 0.0, 1.0, face=True)
    assert weights == sorted(weights)
    assert 0.0 < weights[0] < 0.5
    assert weights[-1] == 1.0


def test_a_short_gap_is_held_and_half_a_second_is_lost() -> None:
    presence = FacePresence(CONFIG)
    follow(presence, 0.0, 1.0, face=True)
    assert set(follow(presence, 1.0, 0.48, face=False)) == {1.0}
    assert presence.state(1.48) == "tracking"
    weights = follow(presence, 1.48, 2.0, face=False)
    assert presence.state(3.48) == "lost"
    assert weights == sorted(weights, reverse=True)
    assert max(before - after for before, after in itertools.pairwise(weights)) < 0.1  # no jump
    assert weights[-1] == 0.0


def test_it_recovers_by_itself() -> None:
    presence = FacePresence(CONFIG)
    follow(presence, 0.0, 1.0, face=True)
    follow(presence, 1.0, 3.0, face=False)
    weights = follow(presence, 4.0, 1.0, face=True)
    assert presence.state(5.0) == "tracking"
    assert weights[0] < 0.5
    assert weights[-1] == 1.0


def test_a_slow_driver_that_always_shows_a_face_never_loses_it() -> None:
    presence = FacePresence(CONFIG)
    presence.observe(0.0, face_found=True)
    for now in (1.0, 1.5, 1.9):
        presence.update(now)
        assert presence.state(now) == "tracking"


def test_silence_of_the_driver_loses_the_face() -> None:
    presence = FacePresence(CONFIG)
    presence.observe(0.0, face_found=True)
    presence.silent()
    assert presence.state(0.4) == "tracking"
    assert presence.state(0.6) == "lost"


def test_a_pause_does_not_count_as_absence() -> None:
    presence = FacePresence(CONFIG)
    follow(presence, 0.0, 1.0, face=True)
    presence.observe(1.04, face_found=False)
    presence.update(1.04)
    for now in (2.0, 5.0, 30.0):
        presence.hold(now)
    assert presence.state(30.1) == "tracking"
    assert presence.update(30.1) == 1.0


def test_another_driver_starts_without_a_face() -> None:
    presence = FacePresence(CONFIG)
    follow(presence, 0.0, 1.0, face=True)
    presence.restart()
    assert presence.state(1.0) == "none"
    assert presence.update(1.3) == pytest.approx(0.5)


def test_a_recording_that_begins_with_a_face_begins_with_it_in_full() -> None:
    presence = FacePresence(CONFIG)
    presence.observe(0.0, face_found=True)
    assert presence.begin(0.0) == 1.0
