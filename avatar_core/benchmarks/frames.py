"""Times of whole frames and of single calls, and avatars of any number of Gaussians to time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from avatar_core.avatar import Avatar
from avatar_core.camera import Camera
from avatar_core.engine import AvatarEngine
from avatar_core.motion import Motion
from avatar_core.performance import motion_at

PERFORMANCE_STEP = 1.0 / 25.0  # seconds of the performance between measured frames
WARM_UP_FRAMES = 5
FRAME_FIGURES = ("frames_per_second", "median_ms", "p95_ms")
STAGES = ("animate", "rasterise", "compose")

Report = dict[str, Any]


def timed(work: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[float, Any]:
    """Seconds that a call took, and what it returned."""
    start = time.perf_counter()
    result = work(*arguments, **options)
    return time.perf_counter() - start, result


def frame_figures(engine: AvatarEngine, avatar: Avatar, size: int, frames: int) -> Report:
    """`FRAME_FIGURES`, milliseconds by stage, over ``frames`` of the performance."""
    times: dict[str, list[float]] = {stage: [] for stage in (*STAGES, "total")}
    for index in range(-WARM_UP_FRAMES, frames):
        motion: Motion = motion_at(max(index, 0) * PERFORMANCE_STEP)
        seconds, _ = timed(engine.render, avatar, motion, Camera.orbit(), size, "photo")
        if index < 0:
            continue
        times["total"].append(1e3 * seconds)
        for stage in STAGES:
            times[stage].append(engine.last_timings[stage])
    median = {stage: round(float(np.median(values)), 2) for stage, values in times.items()}
    return {
        "frames_per_second": round(1e3 / median["total"], 1),
        "median_ms": median,
        "p95_ms": round(float(np.percentile(times["total"], 95)), 2),
    }


def with_count(avatar: Avatar, count: int) -> Avatar:
    """The avatar with ``count`` Gaussians, drawn from its own evenly; more than it has repeats some."""
    rows = torch.from_numpy(np.linspace(0, len(avatar) - 1, count).round().astype(np.int64))
    return replace(
        avatar,
        rest=avatar.rest[:, rows].contiguous(),
        f=avatar.f[rows],
        m=avatar.m[rows],
        neck_weight=avatar.neck_weight[rows],
        expression_weight=avatar.expression_weight[rows],
        part=avatar.part[rows],
    )
