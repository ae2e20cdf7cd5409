"""Does what the window does to a session: takes what it publishes, many times a second, and reports uploads."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.session import Session
from app.session_types import Notice, Preview, ShownFrame, Status

_TURN = 1.0 / 60.0
_LIMIT = 120.0  # seconds; only ends the test of a broken program


class WindowDouble:
    """A session with someone who looks at it. Keeps the newest of everything."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.frame: ShownFrame | None = None
        self.preview: Preview | None = None
        self.notices: list[Notice] = []
        self.frames_seen = 0
        self.faces_seen: list[str] = []

    @property
    def status(self) -> Status:
        return self.session.status()

    def turn(self) -> None:
        """One turn of the window's loop."""
        frame = self.session.take_frame()
        if frame is not None:
            self.frame = frame
            self.frames_seen += 1
            self.session.report_upload(frame, 0.0005)
        self.preview = self.session.take_preview() or self.preview
        self.notices += self.session.take_notices()
        face = self.session.status().face
        if not self.faces_seen or self.faces_seen[-1] != face:
            self.faces_seen.append(face)
        time.sleep(_TURN)

    def until(self, condition: Callable[[], bool]) -> bool:
        """Turn until ``condition`` holds; false when it does not come true."""
        end = time.monotonic() + _LIMIT
        while not condition():
            if time.monotonic() > end:
                return False
            self.turn()
        return True

    def for_seconds(self, seconds: float) -> None:
        """Turn for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn()

    def next_frame(self) -> ShownFrame:
        """The next picture from now on."""
        seen = self.frames_seen
        assert self.until(lambda: self.frames_seen > seen)
        assert self.frame is not None
        return self.frame

    def told(self, text: str, level: str | None = None) -> bool:
        return any(text in notice.text and level in (None, notice.level) for notice in self.notices)
