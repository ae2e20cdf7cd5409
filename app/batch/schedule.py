"""Who renders what next: a worker stays with its photo, as each photo a worker turns to has to be encoded by it."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from app.batch.plan import Pair
from app.batch.renderer import Outcome

PROCESSORS_EACH = 2
"""Tracking and video encoding use few threads, so several videos at once are faster than one on all processors; each
takes its own gigabyte of memory, though."""


class Pool(Protocol):
    """Workers, each of which renders one pair at a time."""

    workers: int
    description: str
    """For people: how many workers, and on what."""

    def submit(self, worker: int, pair: Pair) -> None:
        """Have an idle ``worker`` (0 ... workers - 1) render ``pair``."""

    def next_outcome(self) -> tuple[int, Outcome]:
        """Wait for a worker that is done with its pair. A worker that died has failed it, and is replaced.

        Raises:
            AvatarError: no worker can be started.
        """

    def close(self) -> None:
        """End all workers at once; unfinished videos are removed."""


def shares(processors: int, pairs: int, workers: int | None) -> tuple[int, int]:
    """How many workers for ``pairs`` videos, and threads for each: as many as asked for, else one for every
    `PROCESSORS_EACH` processors."""
    wanted = max(1, processors // PROCESSORS_EACH) if workers is None else workers
    count = max(1, min(wanted, pairs))
    return count, max(1, processors // count)


class Schedule:
    """The pairs that nobody has begun."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self._waiting: defaultdict[Path, deque[Pair]] = defaultdict(deque)
        for pair in pairs:
            self._waiting[pair.source].append(pair)
        self._holding: dict[int, Path] = {}

    def next_for(self, worker: int) -> Pair | None:
        """A pair of the photo that ``worker`` holds; else of one that nobody holds; else of the one that is farthest
        from done. None when all have begun."""
        if not self._waiting:
            return None
        source = self._holding.get(worker)
        if source is None or source not in self._waiting:
            held = set(self._holding.values())
            source = max(self._waiting, key=lambda photo: (photo not in held, len(self._waiting[photo])))
        self._holding[worker] = source
        pair = self._waiting[source].popleft()
        if not self._waiting[source]:
            del self._waiting[source]
        return pair

    def drop(self, source: Path) -> list[Pair]:
        """Take out and return all pairs of a photo."""
        return list(self._waiting.pop(source, ()))


def work_off(pairs: Iterable[Pair], pool: Pool, note: Callable[[Outcome], None]) -> None:
    """Have ``pool`` render all ``pairs``; ``note`` is called with what became of each, as it is known."""
    schedule = Schedule(pairs)
    busy: set[int] = set()

    def employ(worker: int) -> None:
        pair = schedule.next_for(worker)
        if pair is not None:
            pool.submit(worker, pair)
            busy.add(worker)

    for worker in range(pool.workers):
        employ(worker)
    while busy:
        worker, outcome = pool.next_outcome()
        busy.remove(worker)
        note(outcome)
        if outcome.at_source:
            for pair in schedule.drop(outcome.pair.source):
                note(Outcome(pair, outcome.reason, at_source=True))
        employ(worker)
