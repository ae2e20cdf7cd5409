"""Plays a clip at its own speed, over and over; frames that fall due while nobody reads are left out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from app.capture.clips import Clip
from app.capture.driver import DriverFrame
from app.errors import DriverError
from app.session_types import DriverKind

_LATE_LIMIT = 0.5  # seconds; later than this (a pause, a slow decoder) the clip goes on from where it is
_MAX_WAIT = 0.5  # seconds one read may wait, so that a slow clip does not hold up closing
_ROUNDING = 1e-6  # of a frame


class ClipDriver:
    """Driver of a `Clip`."""

    returns_after_trouble = False

    def __init__(self, clip: Clip, clock: Callable[[], float] = time.monotonic) -> None:
        self._clip = clip
        self._clock = clock
        self._started = 0.0  # time at which frame 0 of the current round was due
        self._next = 0  # index of the frame that `advance` will reach
        self._shown_this_round = 0

    @property
    def name(self) -> str:
        return self._clip.name

    @property
    def kind(self) -> DriverKind:
        return self._clip.kind

    def open(self) -> None:
        self._rewind(self._clock())

    def read(self, stop: threading.Event) -> DriverFrame | None:
        now = self._clock()
        due = self._started + self._next / self._clip.fps
        if now - due > _LATE_LIMIT:
            self._started += now - due
            due = now
        if due > now:
            stop.wait(min(due - now, _MAX_WAIT))
            if stop.is_set() or due - now > _MAX_WAIT:
                return None
        began = self._clock()
        overdue = max(0, int((began - due) * self._clip.fps + _ROUNDING))  # frames that fell due in the meantime
        for _ in range(1 + overdue):
            if not self._clip.advance():
                self._next_round()
                return None
            self._next += 1
        image = self._clip.frame()
        if image is None:
            return None
        self._shown_this_round += 1
        finished = self._clock()
        return DriverFrame(image, None, began, 1e3 * (finished - began))

    def close(self) -> None:
        self._clip.close()

    def _next_round(self) -> None:
        if self._shown_this_round == 0:
            raise DriverError(f"'{self.name}' holds no frame that can be decoded: it is damaged. Choose another file.")
        self._rewind(self._started + self._next / self._clip.fps)

    def _rewind(self, start: float) -> None:
        self._clip.rewind()
        self._started, self._next, self._shown_this_round = start, 0, 0
