import threading
from pathlib import Path

import imageio
import numpy as np
import pytest

from app.capture.clips import open_clip
from app.capture.playback import ClipDriver
from app.errors import DriverError
from tests.app.conftest import grey_frames, index_of, write_video

FPS = 25


class ManualTime(threading.Event):
    """A clock that stands still until someone waits or the test moves it; also the stop event that is waited on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        return self.is_set()


@pytest.fixture
def time() -> ManualTime:
    return ManualTime()


@pytest.fixture
def driver(tmp_path: Path, time: ManualTime) -> ClipDriver:
    player = ClipDriver(open_clip(write_video(tmp_path / "clip.mp4", grey_frames(20), FPS)), time)
    player.open()
    return player


def next_index(driver: ClipDriver, time: ManualTime) -> int:
    while True:
        frame = driver.read(time)
        if frame is not None and frame.rgb is not None:
            return index_of(frame.rgb)


def test_it_plays_at_its_own_speed(driver: ClipDriver, time: ManualTime) -> None:
    indices = [next_index(driver, time) for _ in range(20)]
    assert indices == list(range(20))
    assert time.now - 100.0 == pytest.approx(19 / FPS)


def test_late_frames_are_left_out(driver: ClipDriver, time: ManualTime) -> None:
    assert next_index(driver, time) == 0
    time.now += 0.2  # five frames fall due meanwhile
    assert next_index(driver, time) == 5
    assert next_index(driver, time) == 6


def test_it_goes_on_where_it_was_after_a_pause(driver: ClipDriver, time: ManualTime) -> None:
    assert next_index(driver, time) == 0
    time.now += 30.0
    assert next_index(driver, time) == 1
    assert next_index(driver, time) == 2


def test_it_begins_anew_at_the_end(driver: ClipDriver, time: ManualTime) -> None:
    indices = [next_index(driver, time) for _ in range(45)]
    assert indices == (list(range(20)) * 3)[:45]
    assert time.now - 100.0 == pytest.approx(44 / FPS)


def test_a_set_stop_event_ends_the_wait(driver: ClipDriver, time: ManualTime) -> None:
    next_index(driver, time)
    time.set()
    assert driver.read(time) is None


def test_a_clip_without_a_decodable_frame_is_told(tmp_path: Path, time: ManualTime) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    player = ClipDriver(open_clip(tmp_path), time)
    player.open()
    with pytest.raises(DriverError, match="no frame that can be decoded"):
        next_index(player, time)


def test_a_single_image_is_held(tmp_path: Path, time: ManualTime) -> None:
    imageio.imwrite(tmp_path / "a.png", np.full((8, 8, 3), 70, np.uint8))
    player = ClipDriver(open_clip(tmp_path / "a.png"), time)
    player.open()
    assert [next_index(player, time) for _ in range(5)] == [7] * 5
