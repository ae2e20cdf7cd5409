import threading
import time
from collections.abc import Iterator

import pytest

from app import camera_watch
from app.camera_watch import CameraWatch
from app.capture import CameraInfo
from tests.app.conftest import wait_until

CAMERA = CameraInfo(0, "Built-in")


class SlowSystem:
    """A system whose listing of cameras takes until it is told to answer."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer = threading.Event()

    def __call__(self) -> list[CameraInfo]:
        self.asked += 1
        assert self.answer.wait(30)
        return [CAMERA]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowSystem]:
    slow = SlowSystem()
    monkeypatch.setattr(camera_watch, "list_cameras", slow)
    monkeypatch.setattr(camera_watch, "_LIST_SECONDS", 0.0)
    yield slow
    slow.answer.set()


def test_no_second_look_begins_while_one_runs(system: SlowSystem) -> None:
    watch = CameraWatch()
    for _ in range(20):
        assert watch.cameras == []
    assert system.asked == 1
    system.answer.set()
    assert wait_until(lambda: watch.cameras == [CAMERA])
    assert wait_until(lambda: bool(watch.cameras) and system.asked > 1)
    watch.close()


def test_a_list_that_is_fresh_is_not_made_again(system: SlowSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_watch, "_LIST_SECONDS", 60.0)
    system.answer.set()
    watch = CameraWatch()
    assert wait_until(lambda: watch.cameras == [CAMERA])
    assert watch.cameras == [CAMERA] and system.asked == 1


def test_closing_waits_for_nothing_and_calls_nobody(system: SlowSystem) -> None:
    watch, found = CameraWatch(), []
    watch.look(found.append)
    began = time.monotonic()
    watch.close()
    assert time.monotonic() - began < 1.0
    system.answer.set()
    assert wait_until(lambda: "cameras" not in [thread.name for thread in threading.enumerate()])
    assert found == []
    watch.look(found.append)
    assert system.asked == 1
