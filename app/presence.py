"""Whether the driver's face is there, and how strongly the avatar follows it while it goes and comes back."""

from __future__ import annotations

from app.config import FaceConfig
from app.session_types import FaceState


class FacePresence:
    """Eases a weight between 1 (follow the face) and 0 (neutral). All times are `time.monotonic` seconds.

    A face counts as lost ``lost_after`` seconds after it was last seen, when the newest frame shows none or frames
    stopped coming; a slow driver that always shows a face never loses it.
    """

    def __init__(self, config: FaceConfig) -> None:
        self._config = config
        self._last_seen: float | None = None
        self._missing = True
        self._weight = 0.0
        self._updated: float | None = None

    @property
    def weight(self) -> float:
        """The eased weight of the last `update`."""
        return self._weight

    def restart(self) -> None:
        """Another driver begins: nothing seen yet; the weight eases on from where it is."""
        self._last_seen = None
        self._missing = True

    def observe(self, now: float, *, face_found: bool) -> None:
        """A tracked frame arrived."""
        self._missing = not face_found
        if face_found:
            self._last_seen = now

    def silent(self) -> None:
        """Frames stopped coming."""
        self._missing = True

    def begin(self, now: float) -> float:
        """The first frame of a recording: there is nothing to ease from, a face in it counts in full."""
        self._updated = now
        self._weight = 1.0 if self.state(now) == "tracking" else 0.0
        return self._weight

    def hold(self, now: float) -> None:
        """Time that does not count (a pause)."""
        if self._updated is not None and self._last_seen is not None:
            self._last_seen += now - self._updated
        self._updated = now

    def update(self, now: float) -> float:
        """Ease up to ``now`` and return the weight in [0, 1]."""
        passed = 0.0 if self._updated is None else now - self._updated
        self._updated = now
        if self.state(now) == "tracking":
            self._weight = min(1.0, self._weight + passed / self._config.fade_in)
        else:
            self._weight = max(0.0, self._weight - passed / self._config.fade_out)
        return self._weight

    def state(self, now: float) -> FaceState:
        """ "none" before the first face, then "tracking" or "lost"."""
        if self._last_seen is None:
            return "none"
        lost = self._missing and now - self._last_seen > self._config.lost_after
        return "lost" if lost else "tracking"
