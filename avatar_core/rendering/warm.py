"""Compiling the CPU kernels before they are needed, and saying so.

The first start on a machine compiles, which Numba does on one core; processes beside this one therefore fill the disk
cache together. Whatever they leave undone, the calling process compiles itself.
"""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from avatar_core.camera import Camera
from avatar_core.gaussians import Gaussians
from avatar_core.rendering.compose import composite
from avatar_core.rendering.cpu import CpuRasterizer
from avatar_core.rendering.jit import CACHE_DIRECTORY, kernel_stamp

MOST_PROCESSES = 4  # of half a gigabyte each; more would wait for the longest stage
HELPER = "from avatar_core.rendering.warm import main; main()"

Progress = Callable[[str, float], None]

_log = logging.getLogger(__name__)


def stages() -> dict[str, Callable[[], None]]:
    """What is compiled, the longest first. No two of them compile the same function: the disk cache has no lock."""
    # Animator and lift stand above this package and use its tools, so they are looked up only when needed.
    from avatar_core.lift import compile_kernels as compile_lift
    from avatar_core.models import animator_warm
    from avatar_core.models.animator_prepare import compile_kernels as compile_preparation
    from avatar_core.models.descriptor_cpu import compile_kernels as compile_description

    return {
        "animation": animator_warm.compile_animation,
        "portrait": compile_lift,
        "rasteriser": _compile_rasteriser,
        "anchors": animator_warm.compile_anchors,
        "description": compile_description,
        "preparation": compile_preparation,
    }


def kernels_are_cached() -> bool:
    """Whether an earlier `warm_up` ran to its end; when not, the next one takes up to a minute."""
    return _marker().is_file()


def _marker() -> Path:
    return Path(CACHE_DIRECTORY) / f"complete-{kernel_stamp()}"


def warm_up(progress: Progress | None = None) -> None:
    """Compile all CPU kernels, or load them from the disk cache, by drawing and animating next to nothing.

    The first start on a machine compiles, which takes up to a minute; later ones load within a second.

    Args:
        progress: told what happens and how much of it is done (0..1), by one thread at a time, not always this one.
            What it raises ends the compilation and comes out of here.
    """
    first, every = not kernels_are_cached(), stages()
    verb = "Compiling (first start only)" if first else "Loading compiled kernels"
    compiled: list[str] = []
    telling = threading.Lock()

    def tell(name: str) -> None:
        with telling:
            compiled.append(name)
            if progress is not None:
                progress(f"{verb}: {len(compiled)} of {len(every)} parts", len(compiled) / len(every))

    if progress is not None:
        progress(verb, 0.0)
    if first:
        _compile_beside(list(every), tell)
    for name, compile_stage in every.items():
        compile_stage()
        if name not in compiled:
            tell(name)
    with suppress(OSError):  # a cache that cannot be written is compiled again each time
        _marker().touch()


def _compile_beside(names: Sequence[str], finished: Callable[[str], None]) -> None:
    """Fill the disk cache from a process for each core; from none, if there is but one or no way to start them."""
    count = min(_cores(), MOST_PROCESSES, len(names))
    if count < 2 or not sys.executable or getattr(sys, "frozen", False):
        return
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in names:
        waiting.put(name)
    helpers: list[subprocess.Popen[str]] = []
    with ThreadPoolExecutor(count) as threads:
        try:
            works = [threads.submit(_work_through, waiting, helpers, finished) for _ in range(count)]
            for work in wait(works, return_when=FIRST_EXCEPTION).done:
                work.result()
        finally:
            for helper in helpers:
                helper.kill()  # none still runs, unless somebody gave up; Numba writes each file at one stroke


def _cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _work_through(
    waiting: queue.SimpleQueue[str], helpers: list[subprocess.Popen[str]], finished: Callable[[str], None]
) -> None:
    """Let a process compile one stage after the other. Should it fail, the rest is compiled in this one later on."""
    try:
        helper = _helper()
    except OSError as error:
        _log.warning("no process to compile in: %s", error)
        return
    helpers.append(helper)
    with helper:
        try:
            while (name := _next(waiting)) is not None:
                if not _compiled_by(helper, name):
                    _log.warning("%s could not be compiled in a process of its own", name)
                    return
                finished(name)
        except BaseException:
            helper.kill()
            raise


def _next(waiting: queue.SimpleQueue[str]) -> str | None:
    try:
        return waiting.get_nowait()
    except queue.Empty:
        return None


def _compiled_by(helper: subprocess.Popen[str], name: str) -> bool:
    """Whether ``helper`` says that it compiled the stage ``name``."""
    assert helper.stdin is not None and helper.stdout is not None
    try:
        print(name, file=helper.stdin, flush=True)
        return helper.stdout.readline().strip() == name
    except OSError:
        return False


def _helper() -> subprocess.Popen[str]:
    """A process that runs `main` on the code and the disk cache of this one."""
    root = Path(__file__).resolve().parents[2]
    places = [str(root), *(place for place in sys.path if isinstance(place, str) and place)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": CACHE_DIRECTORY, "PYTHONPATH": os.pathsep.join(places)}
    return subprocess.Popen(
        [sys.executable, "-c", HELPER], cwd=root, env=environment, text=True, errors="replace",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _compile_rasteriser() -> None:
    planar = torch.zeros(14, 1)
    planar[3:6], planar[6], planar[10] = 0.01, 1.0, 0.9
    rgba = CpuRasterizer().render(Gaussians(planar), Camera.orbit(), 16, 16)
    composite(rgba, (0, 0, 0))
    composite(rgba, np.zeros((16, 16, 3), np.uint8))


def main() -> None:
    """The process beside another: compile the stages named on standard input, and say each when it is done."""
    every = stages()
    for line in sys.stdin:
        every[line.strip()]()
        print(line.strip(), flush=True)
