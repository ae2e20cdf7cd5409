from collections.abc import Callable

import pytest

from app.notices import NoticeBoard
from app.workers import worker as worker_module
from app.workers.worker import Worker
from avatar_core.errors import AvatarError
from tests.app.conftest import wait_until


class Scripted(Worker):
    """Does what ``act`` does, again and again."""

    def __init__(self, notices: NoticeBoard, act: Callable[[], None]) -> None:
        super().__init__("scripted", notices)
        self.steps = 0
        self._act = act

    def step(self) -> None:
        self.steps += 1
        self._stopping.wait(0.001)
        self._act()


def run(notices: NoticeBoard, act: Callable[[], None], done: Callable[[Scripted], bool]) -> None:
    worker = Scripted(notices, act)
    worker.start()
    try:
        assert wait_until(lambda: done(worker))
    finally:
        worker.stop()
        assert worker.join(10)


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "_PAUSE_AFTER_ERROR", 0.001)


def test_the_same_trouble_is_told_once_even_with_idle_steps_in_between() -> None:
    notices, calls = NoticeBoard(), 0

    def act() -> None:
        nonlocal calls
        calls += 1
        if calls % 2:
            raise AvatarError("no luck")

    run(notices, act, lambda worker: worker.steps > 20)
    assert [notice.text for notice in notices.take()] == ["no luck"]


def test_trouble_that_returns_after_a_recovery_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "_RECOVERED_SECONDS", 0.05)
    notices, failing = NoticeBoard(), True

    def act() -> None:
        if failing:
            raise AvatarError("no luck")

    def fails_recovers_and_fails_again(worker: Scripted) -> bool:
        nonlocal failing
        if worker.steps > 5 and failing:
            failing = False
        elif worker.steps > 5 and worker._failed_at is None:
            failing = True
            return True
        return False

    worker = Scripted(notices, act)
    worker.start()
    try:
        assert wait_until(lambda: fails_recovers_and_fails_again(worker))
        assert wait_until(lambda: worker._failed_at is not None)
    finally:
        worker.stop()
        assert worker.join(10)
    assert [notice.text for notice in notices.take()] == ["no luck", "no luck"]


def test_an_unexpected_error_names_the_thread_and_the_thread_lives_on() -> None:
    notices = NoticeBoard()

    def act() -> None:
        raise KeyError("lost")

    run(notices, act, lambda worker: worker.steps > 3)
    (notice,) = notices.take()
    assert notice.level == "error"
    assert "scripted" in notice.text and "KeyError" in notice.text
