"""Measured figures of the live session: rates, stage times and the age of shown frames, over a sliding window."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque

_MAX_SAMPLES = 600  # bounds memory; far above what one window holds


def percentile(values: list[float], fraction: float) -> float:
    """The nearest-rank percentile of ``values``, ``fraction`` in [0, 1]; 0 for an empty list."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(fraction * (len(ordered) - 1))))]


class Samples:
    """Timestamped values of the last ``window`` seconds; written by one thread, read by another."""

    def __init__(self, window: float = 1.0) -> None:
        self._window = window
        self._lock = threading.Lock()
        self._samples: deque[tuple[float, float]] = deque(maxlen=_MAX_SAMPLES)

    def add(self, value: float, now: float | None = None) -> None:
        with self._lock:
            self._samples.append((time.monotonic() if now is None else now, value))

    def values(self, now: float | None = None) -> list[float]:
        """Values that are still inside the window."""
        oldest = (time.monotonic() if now is None else now) - self._window
        with self._lock:
            while self._samples and self._samples[0][0] < oldest:
                self._samples.popleft()
            return [value for _, value in self._samples]

    def median(self) -> float:
        values = self.values()
        return statistics.median(values) if values else 0.0


class RateMeter:
    """Events per second, measured from the intervals between them and not from a device's claim."""

    def __init__(self, window: float = 2.0) -> None:
        self._window = window
        self._lock = threading.Lock()
        self._times: deque[float] = deque(maxlen=_MAX_SAMPLES)

    def tick(self, now: float | None = None) -> None:
        with self._lock:
            self._times.append(time.monotonic() if now is None else now)

    def rate(self, now: float | None = None) -> float:
        """Events per second over the window; 0 with fewer than two events."""
        now = time.monotonic() if now is None else now
        with self._lock:
            while self._times and self._times[0] < now - self._window:
                self._times.popleft()
            if len(self._times) < 2:
                return 0.0
            span = self._times[-1] - self._times[0]
            return (len(self._times) - 1) / span if span > 0 else 0.0

    def clear(self) -> None:
        with self._lock:
            self._times.clear()


class StageTimes:
    """Milliseconds of each named stage."""

    def __init__(self, names: tuple[str, ...], window: float = 2.0) -> None:
        self._stages = {name: Samples(window) for name in names}

    def add(self, name: str, milliseconds: float) -> None:
        self._stages[name].add(milliseconds)

    def medians(self) -> dict[str, float]:
        """Median of each stage over the window, 0 where it did not run."""
        return {name: samples.median() for name, samples in self._stages.items()}
