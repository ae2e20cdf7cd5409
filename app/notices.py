"""Where every thread leaves its lines for the user, and where each trouble is told once."""

from __future__ import annotations

import logging
import threading
from collections import deque

from app.session_types import Notice, NoticeLevel

_KEPT = 100  # more unread notices than a person would read; the oldest go first
_LOG_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_log = logging.getLogger(__name__)


class NoticeBoard:
    """A thread-safe, bounded list of notices. A topic's line is told again only after it changed or was cleared."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unread: deque[Notice] = deque(maxlen=_KEPT)
        self._told: dict[str, str] = {}

    def tell(self, level: NoticeLevel, text: str, *, topic: str | None = None) -> None:
        """Add a notice; with a ``topic``, only when that topic's last line was another one."""
        with self._lock:
            if topic is not None:
                if self._told.get(topic) == text:
                    return
                self._told[topic] = text
            self._unread.append(Notice(level, text))
        _log.log(_LOG_LEVELS[level], text)

    def forget(self, topic: str) -> bool:
        """The trouble of ``topic`` is over, it may be told anew; true when there was one."""
        with self._lock:
            return self._told.pop(topic, None) is not None

    def take(self) -> list[Notice]:
        """All notices since the last call, oldest first."""
        with self._lock:
            notices = list(self._unread)
            self._unread.clear()
            return notices
