"""What it gains and costs that most Gaussians follow anchors: milliseconds and PSNR against full evaluation."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from avatar_core.avatar import Avatar
from avatar_core.benchmarks.frames import timed
from avatar_core.engine import AvatarEngine
from avatar_core.evaluation.following import exact_twin, likeness
from avatar_core.models.animator_cpu import CpuAnimator
from avatar_core.motion import HeadPose
from avatar_core.performance import DURATION, motion_at
from avatar_core.simplify import simplify


def compare_following(
    engine: AvatarEngine, avatar: Avatar, size: int, frames: int, pictures: int = 24
) -> list[dict[str, Any]]:
    """Figures of each of the CPU engine's levels, best first; the engine is left at the level it had.

    Times are medians over ``frames`` frames, PSNR is over ``pictures`` of ``size`` pixels, spread over the performance.
    """
    before = engine.quality
    rows = []
    try:
        for quality in engine.qualities:
            engine.quality = quality
            lighter = simplify(avatar, quality)
            seconds, following = timed(CpuAnimator, lighter, engine.networks)
            exact = CpuAnimator(lighter, engine.networks, exact=True)
            motions = [motion_at((index + 0.5) * DURATION / pictures) for index in range(pictures)]
            controls = [engine.activations(avatar, motion) for motion in motions]
            times = np.array([_pair(following, exact, controls[index % pictures]) for index in range(frames + 1)])[1:]
            compared = likeness(engine, exact_twin(engine), avatar, motions, size)
            rows.append(
                {
                    "quality": quality,
                    "still": len(lighter) - following.moving,
                    "following": following.moving - following.evaluated,
                    "evaluated": following.evaluated,
                    "prepare_s": round(seconds, 3),
                    "median_ms": round(float(np.median(times[:, 0])), 2),
                    "exact_median_ms": round(float(np.median(times[:, 1])), 2),
                    "psnr": {name: round(value, 2) for name, value in asdict(compared).items()},
                }
            )
    finally:
        engine.quality = before
    return rows


def describe_following(rows: list[dict[str, Any]]) -> list[str]:
    """The figures as lines for people."""
    if not rows:
        return []
    lines = ["Gaussians that are still, follow, or go through the networks (PSNR of the person against all of them)"]
    for row in rows:
        counts = f"{row['still']} still, {row['following']} follow, {row['evaluated']} evaluated"
        lines.append(
            f"  {row['quality']:<9}{counts}: animate {row['median_ms']:.1f} ms, all evaluated "
            f"{row['exact_median_ms']:.1f} ms; {row['psnr']['mean']:.1f} dB, worst {row['psnr']['worst']:.1f}"
        )
    return lines


def _pair(following: CpuAnimator, exact: CpuAnimator, control: np.ndarray) -> tuple[float, float]:
    """Milliseconds of both in turn, so that whatever else the machine does weighs on both."""
    pose = HeadPose()
    return 1e3 * timed(following.animate, control, pose)[0], 1e3 * timed(exact.animate, control, pose)[0]
