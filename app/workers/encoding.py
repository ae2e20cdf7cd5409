"""Encoding thread: turns the newest photo into an avatar while the old avatar stays on screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.notices import NoticeBoard
from app.slots import LatestSlot
from app.source import advice, load_source
from app.user_paths import expand
from app.workers.worker import Worker
from avatar_core.avatar import Avatar
from avatar_core.engine import AvatarEngine
from avatar_core.errors import AvatarError

_WAIT = 0.25


@dataclass(frozen=True)
class LoadedAvatar:
    """An avatar on screen; ``sequence`` grows with each."""

    avatar: Avatar
    name: str
    seconds: float
    sequence: int


class _Superseded(Exception):
    """A newer photo, or the end of the session, made this encoding useless."""


class EncodingWorker(Worker):
    """Calls ``deliver`` with each finished avatar. A second photo supersedes one that is still being encoded."""

    def __init__(self, engine: AvatarEngine, notices: NoticeBoard, deliver: Callable[[LoadedAvatar], None]) -> None:
        super().__init__("encoding", notices)
        self.progress: tuple[str, float] | None = None
        self._engine = engine
        self._deliver = deliver
        self._requests: LatestSlot[tuple[Path, int]] = LatestSlot()
        self._newest = 0
        self._warm = False

    def request(self, path: str) -> None:
        """Encode the photo, or load the saved avatar, at ``path``."""
        self._newest += 1
        self._requests.put((expand(path), self._newest))

    def step(self) -> None:
        request = self._requests.take(_WAIT)
        if request is None:
            return
        path, sequence = request
        self.progress = (f"Opening {path.name}", 0.0)
        try:
            self._load(path, sequence)
        except _Superseded:
            pass
        except AvatarError as error:
            self._notices.tell("error", str(error))
        finally:
            self.progress = None

    def _load(self, path: Path, sequence: int) -> None:
        if not self._warm:
            self._engine.warm_up(progress=lambda stage, done: self._report(sequence, stage, done))
            self._warm = True
        began = time.monotonic()
        avatar = load_source(self._engine, path, lambda stage, done: self._report(sequence, stage, done))
        seconds = time.monotonic() - began
        self._raise_if_superseded(sequence)
        self._deliver(LoadedAvatar(avatar, path.stem, seconds, sequence))
        built = f"'{path.name}': {len(avatar):,} Gaussians in {seconds:.1f} s."
        self._notices.tell("info", " ".join([built, *advice(avatar)]))

    def _report(self, sequence: int, stage: str, done: float) -> None:
        self._raise_if_superseded(sequence)
        self.progress = (stage, done)

    def _raise_if_superseded(self, sequence: int) -> None:
        if sequence != self._newest or self._stopping.is_set():
            raise _Superseded
