"""The cameras present, looked for in the background: on some systems one look takes seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from app.capture import CameraInfo, list_cameras

_LIST_SECONDS = 3.0  # how old the list may become


class CameraWatch:
    """The newest list of cameras; belongs to one thread. At most one look runs at a time.

    Its thread is a daemon, which neither `close` nor the end of the program waits for: it holds nothing open, and the
    operating system's listing command may take long.
    """

    def __init__(self) -> None:
        self._cameras: list[CameraInfo] = []
        self._looked_at = float("-inf")
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def cameras(self) -> list[CameraInfo]:
        """The list as it is known now; once it has grown old, a new look begins."""
        looking = self._thread is not None and self._thread.is_alive()
        if not looking and time.monotonic() - self._looked_at > _LIST_SECONDS:
            self.look()
        return self._cameras

    def look(self, found: Callable[[list[CameraInfo]], None] = lambda _cameras: None) -> None:
        """Begin to look; ``found`` is called with the cameras, in the thread that looks, unless closed by then."""
        if self._closed.is_set():
            return
        self._thread = threading.Thread(target=self._look, args=(found,), name="cameras", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Begin no further look."""
        self._closed.set()

    def _look(self, found: Callable[[list[CameraInfo]], None]) -> None:
        cameras = list_cameras()
        self._cameras, self._looked_at = cameras, time.monotonic()
        if not self._closed.is_set():
            found(cameras)
