"""The only channels between threads: a slot that holds the newest value and forgets the one before."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Value = TypeVar("Value")


class LatestSlot(Generic[Value]):
    """Holds at most one value; a later `put` replaces one that nobody took, so a slow reader never lags behind."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._value: Value | None = None

    def put(self, value: Value) -> None:
        """Replace the held value and wake a waiting reader."""
        with self._condition:
            self._value = value
            self._condition.notify()

    def take(self, timeout: float = 0.0) -> Value | None:
        """Remove and return the value, waiting up to ``timeout`` seconds for one; None when there is none."""
        with self._condition:
            if self._value is None and timeout > 0:
                self._condition.wait(timeout)
            value, self._value = self._value, None
            return value

    def clear(self) -> None:
        """Forget the held value."""
        with self._condition:
            self._value = None
