"""When to draw: a window drawn by the CPU competes with the avatar for the same cores, so it must not spin."""

from __future__ import annotations

_IDLE_RATE = 15.0  # draws per second when nothing new arrives: still quick enough for hovering and dragging
_GPU_RATE = 60.0  # draws per second when a GPU draws
_SLICE = 0.004  # seconds to sleep between looks


class Pacer:
    """Decides from the clock and from whether a new picture waits whether to draw now or to sleep.

    Args:
        software: the window is drawn without a GPU.
        software_rate: draws per second with a new picture each in that case.
    """

    def __init__(self, *, software: bool, software_rate: float) -> None:
        self._new_interval = 1.0 / (software_rate if software else _GPU_RATE)
        self._idle_interval = 1.0 / (_IDLE_RATE if software else _GPU_RATE)
        self._last_draw = float("-inf")

    def due(self, now: float, *, new_picture: bool) -> bool:
        """Whether to draw at ``now`` (seconds)."""
        return now - self._last_draw >= (self._new_interval if new_picture else self._idle_interval)

    def drawn(self, started: float) -> None:
        """A draw began at ``started`` (seconds)."""
        self._last_draw = started

    def pause(self, now: float) -> float:
        """Seconds to sleep before looking again."""
        return min(_SLICE, max(0.0005, self._new_interval - (now - self._last_draw)))
