"""The batch command: plan, skip what is there, render the rest, report."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

from tqdm import tqdm

from app.background import parse_background
from app.batch.plan import BatchJob, Pair, plan_pairs
from app.batch.processes import ProcessPool
from app.batch.renderer import Outcome
from app.batch.schedule import Pool, work_off
from app.config import AppConfig
from app.errors import ConfigError
from app.outputs import check_output, remove_unfinished
from app.recorder import VIDEO_ENDINGS
from app.report import environment, write_report
from avatar_core.rendering import kernels_are_cached

REPORT_NAME = "batch_report.json"
_MAX_WORKERS = 1024


def run_batch(job: BatchJob, config: AppConfig) -> bool:
    """Render every video of ``job`` that is not there yet; returns whether there is at least one in the end.

    A pair that cannot be rendered is told and stands in the report with the reason; the others go on. The report is
    written as well when the user ends the batch; the next run goes on from there.

    Raises:
        AvatarError: a setting, a folder, the weights or the device cannot be used; found before any video is begun.
    """
    if job.workers is not None and not 1 <= job.workers <= _MAX_WORKERS:
        raise ConfigError(f"--workers must lie between 1 and {_MAX_WORKERS}.")
    parse_background(config.background)
    pairs = plan_pairs(job)
    _make_folder(job.out)
    report = check_output(job.out / REPORT_NAME, {".json"})
    check_output(pairs[0].out, VIDEO_ENDINGS)
    log = _Log(pairs)
    waiting = log.waiting()
    for pair in waiting:
        remove_unfinished(pair.out)
    pool: Pool | None = None
    try:
        if waiting:
            if not kernels_are_cached():
                print("Compiling for this processor (first start only), a minute at most ...", flush=True)
            pool = _make_pool(job, config, len(waiting))
            print(f"{len(pairs)} videos, {len(pairs) - len(waiting)} of them there already. {pool.description}")
            with tqdm(total=len(pairs), initial=len(pairs) - len(waiting), unit="video", desc="Batch") as bar:
                work_off(waiting, pool, lambda outcome: log.note(outcome, bar))
    finally:
        if pool is not None:
            pool.close()
            write_report(report, log.figures(pool.description, config))
    if not waiting:
        write_report(report, log.figures("none was needed", config))
    counts = log.counts()
    print(
        f"{counts['done']} videos written, {counts['skipped']} were there already, {counts['failed']} failed: "
        f"see '{report}'."
    )
    return counts["done"] + counts["skipped"] > 0


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ConfigError(f"The folder '{folder}' cannot be made ({error.strerror or error}). Check --out.") from error


def _make_pool(job: BatchJob, config: AppConfig, pairs: int) -> Pool:
    if job.ray:
        from app.batch.ray_pool import RayPool  # most people have no Ray

        return RayPool(config, job.take, pairs, job.workers)
    return ProcessPool(config, job.take, pairs, job.workers)


class _Log:
    """What became of every pair."""

    def __init__(self, pairs: list[Pair]) -> None:
        self._entries: dict[Path, dict[str, Any]] = {}
        self._pairs = pairs
        self._began = time.perf_counter()
        for pair in pairs:
            there = pair.out.is_file()
            self._entries[pair.out] = {
                "source": str(pair.source),
                "driver": pair.driver,
                "out": str(pair.out),
                "status": "skipped" if there else "not begun",
            }

    def waiting(self) -> list[Pair]:
        """Pairs without a video."""
        return [pair for pair in self._pairs if self._entries[pair.out]["status"] != "skipped"]

    def note(self, outcome: Outcome, bar: tqdm) -> None:
        """Keep and tell what became of a pair."""
        entry = self._entries[outcome.pair.out]
        entry["status"] = "failed" if outcome.reason else "done"
        if outcome.reason:
            entry["reason"] = outcome.reason
            bar.write(f"failed: '{outcome.pair.out.name}': {outcome.reason}")
        for line in outcome.figures.get("warnings", ()):
            bar.write(f"'{outcome.pair.out.name}': {line}")
        entry |= outcome.figures
        bar.update()

    def counts(self) -> Counter[str]:
        """How many pairs are "done", "skipped", "failed" and "not begun"."""
        return Counter(entry["status"] for entry in self._entries.values())

    def figures(self, workers: str, config: AppConfig) -> dict[str, Any]:
        """The report."""
        seconds = time.perf_counter() - self._began
        frames = sum(entry.get("frames", 0) for entry in self._entries.values())
        names = ("done", "skipped", "failed", "not begun")
        counts = self.counts()
        return {
            "videos": {name: counts[name] for name in names},
            "seconds": round(seconds, 2),
            "frames": frames,
            "frames_per_second": round(frames / seconds, 2),
            "frames_per_second_includes": "starting the workers, encoding the photos, and all that --headless includes",
            "workers": workers,
            "size": config.size,
            "quality": config.quality,
            "model": config.model,
            "pairs": [self._entries[pair.out] for pair in self._pairs],
            **environment(),
        }
