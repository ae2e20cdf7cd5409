"""How long the parts of a frame take, on the CPU by the clock and on CUDA by events that nobody waits for."""

from __future__ import annotations

import time

import torch


class StageClock:
    """Times stages that follow one another: `start`, `mark` at the end of each, `finish` at the end of the last.

    On CUDA the host runs ahead of the GPU, so a stage is the time between two events on the current stream. The last
    stage must wait for the GPU itself (it brings the result to the host); it gets what remains of the clock's time.
    """

    def __init__(self, device: torch.device) -> None:
        self._on_cuda = device.type == "cuda"
        self._began = 0.0
        self._names: list[str] = []
        self._times: list[float] = []
        self._events: list[torch.cuda.Event] = []

    def start(self) -> None:
        """The first stage begins."""
        self._names = []
        self._began = time.perf_counter()
        self._times = [self._began]
        if self._on_cuda:
            self._record(0)

    def mark(self, name: str) -> None:
        """The stage ``name`` ends, and the next begins."""
        self._names.append(name)
        self._times.append(time.perf_counter())
        if self._on_cuda:
            self._record(len(self._names))

    def finish(self, name: str) -> dict[str, float]:
        """The last stage, ``name``, ends: milliseconds of all stages."""
        total = 1e3 * (time.perf_counter() - self._began)
        if self._on_cuda:
            ends = zip(self._events, self._events[1:], strict=False)
            spent = [before.elapsed_time(after) for (before, after), _ in zip(ends, self._names, strict=False)]
        else:
            spent = [1e3 * (after - before) for before, after in zip(self._times, self._times[1:], strict=False)]
        return {**dict(zip(self._names, spent, strict=True)), name: total - sum(spent)}

    def _record(self, index: int) -> None:
        if index == len(self._events):
            self._events.append(torch.cuda.Event(enable_timing=True))
        self._events[index].record()
