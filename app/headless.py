"""The headless command: photo and driver in, mp4 and figures out, every frame of a clip exactly once."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.background import parse_background
from app.capture import PERFORMANCE_KEY
from app.config import AppConfig
from app.engines import create_engine
from app.headless_input import open_input
from app.headless_render import Take, render_video, warnings
from app.outputs import check_output
from app.recorder import VIDEO_ENDINGS
from app.report import environment, write_report
from app.source import advice, face_count, load_source
from avatar_core.process_memory import resident_megabytes
from avatar_core.rendering import kernels_are_cached


@dataclass(frozen=True)
class HeadlessJob:
    """What to render, and how."""

    source: Path
    out: Path
    report: Path | None = None
    take: Take = field(default_factory=Take)


def run(job: HeadlessJob, config: AppConfig) -> dict[str, Any]:
    """Render ``job``; returns the figures of the report. Everything that can be wrong is found before work starts.

    Raises:
        AvatarError: bad input or output; no file is left under the final name.
    """
    report = None if job.report is None else check_output(job.report, {".json"})
    job = replace(job, out=check_output(job.out, VIDEO_ENDINGS), report=report)
    background = parse_background(config.background)
    driver_key = PERFORMANCE_KEY if config.driver == "auto" else config.driver
    source = open_input(driver_key, config, job.take.seconds, job.take.frames)
    engine = create_engine(config)
    try:
        print(f"Device: {engine.device_report}")
        if not kernels_are_cached():
            print("Compiling for this processor (first start only), a minute at most ...", flush=True)
        engine.warm_up()
        began = time.perf_counter()
        avatar = load_source(engine, job.source)
        encode_seconds = time.perf_counter() - began
        told = advice(avatar)
        for line in told:
            print(f"{job.source.name}: {line}")
        done = render_video(engine, avatar, source, job.out, job.take, config, background)
        for line in warnings(source, job.take, done):
            print(line, file=sys.stderr)
        figures = {
            "source": str(job.source),
            "faces_in_source": face_count(avatar),
            "advice": told,
            "driver": {"name": source.name, "kind": source.kind, "stated_frames": source.expected},
            "out": str(job.out),
            "frames": done.read,
            "frames_written": done.written,
            "frames_without_face": done.lost,
            "size": config.size,
            "quality": engine.quality,
            "gaussians": len(avatar),
            "gaussians_drawn": engine.last_gaussians,
            "device": engine.device_report,
            "model": config.model,
            "encode_seconds": round(encode_seconds, 3),
            "encode_milliseconds": {name: round(value, 1) for name, value in engine.last_encode_timings.items()},
            "seconds": round(done.seconds, 3),
            "frames_per_second": round(done.read / done.seconds, 2),
            "frames_per_second_includes": "reading, tracking, animation, rasterising, composing and video encoding",
            "milliseconds": done.stages.summary(),
            "resident_memory_mb": round(resident_megabytes(), 1),
            **environment(),
        }
    finally:
        engine.close()
    if report is not None:
        write_report(report, figures)
    print(f"Wrote {done.written} frames to '{job.out}' ({figures['frames_per_second']} frames per second).")
    return figures
