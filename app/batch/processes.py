"""Workers as processes of this machine, each with its share of the processor's threads."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import NoReturn

from app.batch.plan import Pair
from app.batch.renderer import Outcome, PairRenderer
from app.batch.schedule import shares
from app.config import AppConfig
from app.errors import WorkerError
from app.headless_render import Take
from app.outputs import remove_unfinished
from avatar_core.errors import AvatarError
from avatar_core.rendering.jit import thread_limit

THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")
"""Read by Numba and by PyTorch when they are loaded."""
LOST = "The worker process ended unexpectedly; out of memory? Try fewer --workers."

_EXIT_SECONDS = 10.0


@dataclass(frozen=True)
class Ready:
    """A worker can begin."""

    device_report: str


@dataclass(frozen=True)
class CannotStart:
    """A worker's engine cannot be made."""

    reason: str


@dataclass
class _Worker:
    process: SpawnProcess
    connection: Connection
    pair: Pair | None = None


class ProcessPool:
    """See `schedule.Pool`. The first worker is waited for: what it cannot load or compile, no other could."""

    def __init__(self, config: AppConfig, take: Take, pairs: int, workers: int | None) -> None:
        """Start the first of ``workers`` processes for ``pairs`` videos, see `schedule.shares`.

        Raises:
            AvatarError: the weights, the device or a setting cannot be used.
        """
        self.workers, threads = shares(thread_limit(), pairs, workers)
        self._config, self._take = config, take
        self._threads = {name: str(threads) for name in THREAD_VARIABLES}
        self._running: dict[int, _Worker] = {}
        try:
            first = self._start(0)
            message = _received(first)
        except BaseException:
            self.close()
            raise
        if not isinstance(message, Ready):
            self.close()
            raise WorkerError(message.reason if isinstance(message, CannotStart) else LOST)
        each = f"process{'es' if self.workers > 1 else ''} of {threads} thread{'s' if threads > 1 else ''}"
        self.description = f"{self.workers} {each}; {message.device_report}"

    def submit(self, worker: int, pair: Pair) -> None:
        running = self._running.get(worker) or self._start(worker)
        running.pair = pair
        with suppress(OSError):  # it may be dead: its end of the pipe will tell so
            running.connection.send(pair)

    def next_outcome(self) -> tuple[int, Outcome]:
        while True:
            busy = {running.connection: worker for worker, running in self._running.items() if running.pair is not None}
            worker = busy[wait(list(busy))[0]]  # type: ignore[index]
            running = self._running[worker]
            message = _received(running)
            if isinstance(message, Ready):
                continue
            if isinstance(message, CannotStart):
                raise WorkerError(message.reason)
            pair, running.pair = running.pair, None
            assert pair is not None
            if isinstance(message, Outcome):
                return worker, message
            self._end(self._running.pop(worker))
            remove_unfinished(pair.out)
            return worker, Outcome(pair, LOST)

    def close(self) -> None:
        for running in self._running.values():
            running.process.terminate()
        for running in self._running.values():
            self._end(running)
            if running.pair is not None:
                remove_unfinished(running.pair.out)
        self._running.clear()

    def _start(self, worker: int) -> _Worker:
        context = multiprocessing.get_context("spawn")  # a forked child would inherit locks and threads half way
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, self._config, self._take), name=f"batch {worker}")
        with _environment(self._threads), _without_ctrl_c():
            process.start()
        there.close()
        self._running[worker] = _Worker(process, here)
        return self._running[worker]

    @staticmethod
    def _end(running: _Worker) -> None:
        running.process.join(_EXIT_SECONDS)
        if running.process.is_alive():
            running.process.kill()
            running.process.join()
        running.connection.close()


def _received(running: _Worker) -> Ready | CannotStart | Outcome | None:
    """The worker's next message; None when it is dead."""
    try:
        message: Ready | CannotStart | Outcome = running.connection.recv()
    except (EOFError, OSError):
        return None
    return message


def _serve(connection: Connection, config: AppConfig, take: Take) -> None:
    """A worker's life: until the parent process closes its end, or terminates it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too; the parent process ends us in order
    signal.signal(signal.SIGTERM, _unwind)
    try:
        renderer = PairRenderer(config, take)
    except AvatarError as error:
        connection.send(CannotStart(str(error)))
        return
    try:
        connection.send(Ready(renderer.device_report))
        while True:
            connection.send(renderer.render(connection.recv()))
    except (EOFError, OSError):
        pass  # the parent process is gone
    finally:
        renderer.close()


def _unwind(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)  # the unfinished video is removed on the way


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for child processes that start meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """A child that starts meanwhile ignores Ctrl-C from its first moment on; where signals can be set."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
