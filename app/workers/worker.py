"""A thread that repeats one step until it is told to stop, and survives an error in it."""

from __future__ import annotations

import logging
import threading
import time

from app.notices import NoticeBoard
from avatar_core.errors import AvatarError

_PAUSE_AFTER_ERROR = 0.5  # seconds, so that a step that always fails does not spin
_RECOVERED_SECONDS = 10.0  # without an error; sooner, an idle step between two failures would have them told each time
_log = logging.getLogger(__name__)


class Worker:
    """Base of the session's threads. Subclasses write `step`, which waits at most about a second for work, and
    `finish`, which runs in the thread at its end."""

    def __init__(self, name: str, notices: NoticeBoard) -> None:
        self._name = name
        self._topic = f"worker {name}"
        self._notices = notices
        self._failed_at: float | None = None  # since the last recovery
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; returns at once."""
        self._stopping.set()

    def join(self, timeout: float) -> bool:
        """Wait for the end; false when the thread still runs after ``timeout`` seconds."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def step(self) -> None:
        raise NotImplementedError

    def finish(self) -> None:
        """Release what the thread holds."""

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._guarded_step()
        finally:
            self.finish()

    def _guarded_step(self) -> None:
        try:
            self.step()
        except AvatarError as error:
            self._fail(str(error))
        except Exception as error:
            _log.exception("unexpected error in the %s thread", self._name)
            self._fail(f"Unexpected error in {self._name}: {type(error).__name__}: {error}. The session goes on.")
        else:
            if self._failed_at is not None and time.monotonic() - self._failed_at > _RECOVERED_SECONDS:
                self._failed_at = None
                self._notices.forget(self._topic)

    def _fail(self, text: str) -> None:
        self._failed_at = time.monotonic()
        self._notices.tell("error", text, topic=self._topic)
        self._stopping.wait(_PAUSE_AFTER_ERROR)
