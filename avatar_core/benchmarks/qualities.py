"""What each quality level gains and costs: frames per second, and PSNR against the full avatar."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatar_core.avatar import Avatar
from avatar_core.benchmarks.frames import frame_figures
from avatar_core.camera import Camera
from avatar_core.engine import AvatarEngine, Background
from avatar_core.evaluation.metrics import psnr
from avatar_core.models.animator import Animator
from avatar_core.motion import Motion
from avatar_core.performance import motion_at
from avatar_core.simplify import simplify

YAWS = (0.0, -30.0, 30.0)
"""Degrees; the first one is the photo's own view."""
MOMENTS = {"smile": 22.0, "surprise": 13.0, "blink": 1.45}
"""Seconds of the performance."""

Pictures = dict[tuple[str, float], NDArray[np.uint8]]


def compare_qualities(engine: AvatarEngine, avatar: Avatar, size: int, frames: int) -> list[dict[str, Any]]:
    """Figures of each of the engine's levels, best first; the engine is left at the level it had.

    PSNR (dB) is of pixels that the full avatar covers, over `YAWS` under the photo's own expression and at `MOMENTS`;
    "psnr_whole" counts the pixels round it as well. The full avatar itself has none.
    """
    before = engine.quality
    rows = []
    full: Pictures = {}
    masks: dict[tuple[str, float], NDArray[np.bool_]] = {}
    try:
        for quality in engine.qualities:
            engine.quality = quality
            row: dict[str, Any] = {"quality": quality, **frame_figures(engine, avatar, size, frames)}
            row["gaussians"] = engine.last_gaussians
            animator = Animator(simplify(avatar, quality), engine.networks, engine.device)
            row |= {"gaussians_moving": animator.moving, "gaussians_through_networks": animator.evaluated}
            drawn = _pictures(engine, avatar, size, "photo")
            if not full:
                full = drawn
                black, white = (_pictures(engine, avatar, size, ground) for ground in ((0, 0, 0), (255, 255, 255)))
                masks = {key: (white[key].astype(int) - black[key]).mean(-1) < 127.5 for key in full}
            else:
                inside = {key: psnr(drawn[key], full[key], masks[key]) for key in full}
                whole = {key: psnr(drawn[key], full[key]) for key in full}
                row |= {"psnr": _summary(inside), "psnr_whole": _summary(whole)}
            rows.append(row)
    finally:
        engine.quality = before
    return rows


def describe_qualities(rows: list[dict[str, Any]]) -> list[str]:
    """The figures as lines for people."""
    lines = ["Quality levels (PSNR against full inside the person: photo's own view; mean and worst of all views)"]
    for row in rows:
        milliseconds = row["median_ms"]["total"]
        line = (
            f"  {row['quality']:<9}{row['frames_per_second']:6.1f} frames per second, {milliseconds:.1f} ms, "
            f"{row['gaussians']} Gaussians, {row['gaussians_through_networks']} through the networks"
        )
        if "psnr" in row:
            figures = row["psnr"]
            line += f", {figures['own_view']:.1f} dB; {figures['mean']:.1f}, {figures['worst']:.1f}"
        lines.append(line)
    return lines


def _pictures(engine: AvatarEngine, avatar: Avatar, size: int, background: Background) -> Pictures:
    """Every view and expression."""
    motions: dict[str, Motion | None] = {"own": None} | {name: motion_at(at) for name, at in MOMENTS.items()}
    return {
        (name, yaw): engine.render(avatar, motion, Camera.orbit(yaw), size, background)
        for name, motion in motions.items()
        for yaw in YAWS
    }


def _summary(values: dict[tuple[str, float], float]) -> dict[str, float]:
    listed = list(values.values())
    own, mean, worst = values["own", YAWS[0]], float(np.mean(listed)), min(listed)
    return {"own_view": round(own, 2), "mean": round(mean, 2), "worst": round(worst, 2)}
