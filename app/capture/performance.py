"""The scripted performance as a driver: motion without a camera and without tracking."""

from __future__ import annotations

import threading
import time

from app.capture.driver import DriverFrame
from app.session_types import DriverKind
from avatar_core.performance import motion_at

_STEP = 1.0 / 60.0  # seconds between two motions: finer than any screen shows
_LATE_LIMIT = 0.5  # seconds; after a pause the performance goes on from where it stopped


class PerformanceDriver:
    """Driver that acts `avatar_core.performance.motion_at`."""

    name = "Scripted performance"
    kind: DriverKind = "performance"
    returns_after_trouble = False

    def __init__(self) -> None:
        self._acted = 0.0  # seconds of the performance
        self._last = 0.0

    def open(self) -> None:
        self._acted, self._last = 0.0, time.monotonic()

    def read(self, stop: threading.Event) -> DriverFrame | None:
        stop.wait(max(0.0, self._last + _STEP - time.monotonic()))
        now = time.monotonic()
        passed = now - self._last
        self._acted += passed if passed < _LATE_LIMIT else _STEP
        self._last = now
        motion = motion_at(self._acted)
        return DriverFrame(None, motion, now, 1e3 * (time.monotonic() - now))

    def close(self) -> None:
        pass
