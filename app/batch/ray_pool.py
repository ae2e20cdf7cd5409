"""Workers as actors of a Ray cluster: the one that RAY_ADDRESS names, else one that is started on this machine.

Every machine of the cluster needs this program installed, and sees photos, clips and the output folder under the same
paths. A cluster started here reports nothing to Ray's makers.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import signal
import threading
from pathlib import Path
from typing import Any

from app.batch.plan import Pair
from app.batch.processes import LOST, THREAD_VARIABLES
from app.batch.renderer import Outcome, PairRenderer
from app.batch.schedule import shares
from app.config import AppConfig
from app.errors import ConfigError, WorkerError
from app.headless_render import Take
from app.outputs import remove_unfinished
from avatar_core.errors import AvatarError
from avatar_core.rendering.jit import thread_limit

_OBJECT_STORE_BYTES = 128 << 20  # only paths and figures travel
_ROOT = Path(__file__).resolve().parents[2]


class RenderActor:
    """`PairRenderer` in a process of the cluster."""

    def __init__(self, config: AppConfig, take: Take) -> None:
        self._trouble, self._device = "", ""
        try:
            self._renderer = PairRenderer(config, take)
            self._device = self._renderer.device_report
        except AvatarError as error:
            self._trouble = str(error)

    def start(self) -> tuple[str, str]:
        """What is wrong with the settings, empty when nothing is; and the device."""
        return self._trouble, self._device

    def render(self, pair: Pair) -> Outcome:
        return Outcome(pair, self._trouble) if self._trouble else self._renderer.render(pair)


class RayPool:
    """See `schedule.Pool`."""

    def __init__(self, config: AppConfig, take: Take, pairs: int, workers: int | None) -> None:
        """Join or start a cluster, and the first of ``workers`` actors for ``pairs`` videos, see `schedule.shares`.

        Raises:
            ConfigError: Ray is not installed, or the cluster is too small for so many workers.
            AvatarError: the cluster cannot be reached, or the weights, the device or a setting cannot be used.
        """
        if importlib.util.find_spec("ray") is None:
            raise ConfigError("Ray is not installed: pip install ray, or leave out --ray.")
        self._ray: Any = importlib.import_module("ray")
        self._actors: dict[int, Any] = {}
        self._running: dict[Any, tuple[int, Pair]] = {}
        self._connect(workers)
        try:
            self.workers, threads, graphics = self._share_out(config, pairs, workers)
            variables = dict.fromkeys(THREAD_VARIABLES, str(threads)) | {"PYTHONPATH": str(_ROOT)}
            remote = self._ray.remote(RenderActor)
            wanted = remote.options(num_cpus=threads, num_gpus=graphics, runtime_env={"env_vars": variables})
            self._make = lambda: wanted.remote(config, take)
            device = self._start_first()
        except BaseException:
            self.close()
            raise
        each = f"worker{'s' if self.workers > 1 else ''} of {threads} thread{'s' if threads > 1 else ''}"
        self.description = f"Ray, {self.workers} {each}; {device}"

    def submit(self, worker: int, pair: Pair) -> None:
        if worker not in self._actors:
            self._actors[worker] = self._make()
        self._running[self._actors[worker].render.remote(pair)] = worker, pair

    def next_outcome(self) -> tuple[int, Outcome]:
        finished, _ = self._ray.wait(list(self._running), num_returns=1)
        worker, pair = self._running.pop(finished[0])
        try:
            outcome: Outcome = self._ray.get(finished[0])
        except self._ray.exceptions.RayError:
            self._actors.pop(worker)
            remove_unfinished(pair.out)
            return worker, Outcome(pair, LOST)
        return worker, outcome

    def close(self) -> None:
        for actor in self._actors.values():
            self._ray.kill(actor)
        self._ray.shutdown()
        for _, pair in self._running.values():
            remove_unfinished(pair.out)
        self._actors.clear()
        self._running.clear()

    def _connect(self, workers: int | None) -> None:
        """Join the cluster of RAY_ADDRESS, or start one with room for ``workers``."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
        address = os.environ.get("RAY_ADDRESS")
        if address:
            options["address"] = address
        else:
            processors = max(thread_limit(), workers or 1)
            options |= {"num_cpus": processors, "include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
        terminate = signal.getsignal(signal.SIGTERM)
        try:
            self._ray.init(**options)
        except (OSError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise WorkerError(f"The Ray cluster cannot be used: {reason}. Check RAY_ADDRESS.") from error
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, terminate)  # Ray puts its own in place, which does not unwind

    def _share_out(self, config: AppConfig, pairs: int, workers: int | None) -> tuple[int, int, float]:
        """Workers, and threads and share of a graphics card for each."""
        machines = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        processors = [int(resources.get("CPU", 0)) for resources in machines]
        count, threads = shares(sum(processors), pairs, workers)
        if count > sum(processors):
            raise ConfigError(f"--workers {count}: the Ray cluster has {sum(processors)} processors. Ask for fewer.")
        cards = 0 if config.device == "cpu" else int(sum(resources.get("GPU", 0) for resources in machines))
        threads = min(threads, max(1, min((some for some in processors if some), default=1)))
        return count, threads, min(1.0, cards / count)

    def _start_first(self) -> str:
        """The device of the first worker: what it cannot load, no other could."""
        self._actors[0] = self._make()
        try:
            trouble, device = self._ray.get(self._actors[0].start.remote())
        except self._ray.exceptions.RayError as error:
            raise WorkerError(f"No worker can be started on the Ray cluster: {str(error).splitlines()[-1]}") from error
        if trouble:
            raise WorkerError(trouble)
        return str(device)
