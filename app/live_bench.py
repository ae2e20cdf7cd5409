"""Measure the live session without a window: `python -m app.live_bench [--seconds S] [--source PHOTO] [--driver CLIP]`.

Every thread of the session runs: capture, tracking, rendering; the pictures are taken as the window takes them and made
ready for a texture, but not drawn. By default the bundled portrait is driven by a clip of itself that sways, at 30
frames per second. A frame's age counts from its capture to the picture made ready.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import imageio.v2 as imageio
import numpy as np

from app.bundled import bundled_portrait
from app.config import AppConfig
from app.engines import create_engine
from app.gui.texture import to_float_rgba
from app.native_chatter import without_native_chatter
from app.session import STAGES, Session
from app.timing import percentile
from avatar_core.errors import AvatarError
from avatar_core.image_io import load_image

CLIP_FPS, CLIP_FRAMES = 30, 60
CLIP_SIZE = (640, 480)
SETTLING = 3.0  # seconds after the first picture that do not count: the tracker finds its neutral, caches fill
LONGEST_START = 180.0  # seconds: the first start of all compiles the kernels
_PAUSE = 0.001


@dataclass(frozen=True)
class LiveFigures:
    """Of ``seconds`` of a session: pictures per second, their ages in ms (captured frames only), stages in ms."""

    seconds: float
    fps: float
    track_fps: float
    ages: list[float]
    stages: dict[str, float]
    gaussians: int
    size: int
    device: str
    memory_mb: float

    def lines(self) -> list[str]:
        """The figures for people."""
        ages = " / ".join(f"{percentile(self.ages, share):.0f}" for share in (0.5, 0.95, 0.99))
        stages = ", ".join(f"{name} {value:.1f}" for name, value in self.stages.items())
        return [
            f"Live session of {self.seconds:.0f} s: {self.gaussians} Gaussians, {self.size} x {self.size} px, "
            f"{self.device}",
            f"Pictures: {self.fps:.1f} per second; tracked: {self.track_fps:.1f} per second",
            f"Frame age from capture to picture: {ages} ms (50th, 95th, 99th percentile of {len(self.ages)})",
            f"Stages, median ms: {stages}",
            f"Resident memory: {self.memory_mb:.0f} MB",
        ]


def swaying_clip(photo: Path, out: Path) -> Path:
    """Write two seconds of the photo swaying before a still camera to ``out`` (.mp4)."""
    image = load_image(photo)
    height, width = image.shape[:2]
    scale = CLIP_SIZE[1] / height
    writer: Any = imageio.get_writer(out, fps=CLIP_FPS, macro_block_size=1)
    with writer:
        for index in range(CLIP_FRAMES):
            phase = 2 * np.pi * index / CLIP_FRAMES
            turn = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), 6 * np.sin(phase), scale), np.float64)
            turn[:, 2] += np.array([CLIP_SIZE[0] - width, CLIP_SIZE[1] - height]) / 2 + [18 * np.sin(phase), 0.0]
            writer.append_data(cv2.warpAffine(image, turn, CLIP_SIZE, borderMode=cv2.BORDER_REPLICATE))
    return out


def measure(config: AppConfig, source: Path, seconds: float) -> LiveFigures:
    """Run a session on ``source`` and ``config.driver`` and watch it for ``seconds``.

    Raises:
        AvatarError: the settings are wrong, or no picture appeared; the session's own notice says why.
    """
    engine = create_engine(config)
    session = Session(engine, config)
    try:
        session.start()
        session.open_photo(str(source))
        _await_picture(session)
        _watch(session, SETTLING)
        began = time.monotonic()
        count, ages = _watch(session, seconds)
        passed = time.monotonic() - began
        status = session.status()
        return LiveFigures(
            passed, count / passed, status.track_fps, ages, {name: status.stage_ms[name] for name in STAGES},
            status.gaussian_count, config.size, status.device_report, status.memory_mb,
        )  # fmt: skip
    finally:
        session.close()
        engine.close()


def _await_picture(session: Session) -> None:
    deadline = time.monotonic() + LONGEST_START
    while session.take_frame() is None:
        trouble = [notice.text for notice in session.take_notices() if notice.level == "error"]
        if trouble or time.monotonic() > deadline:
            raise AvatarError(" ".join(trouble) or f"No picture appeared within {LONGEST_START:.0f} s.")
        time.sleep(0.05)


def _watch(session: Session, seconds: float) -> tuple[int, list[float]]:
    """Take pictures for ``seconds``: how many there were, and the ages (ms) of those that show a new driver frame."""
    count, ages, aged_until = 0, [], 0.0
    deadline = time.monotonic() + seconds
    rgba, scratch = np.empty((0, 0, 4), np.float32), np.empty((0, 0, 4), np.uint8)
    while time.monotonic() < deadline:
        frame = session.take_frame()
        if frame is None:
            time.sleep(_PAUSE)
            continue
        started = time.perf_counter()
        if rgba.shape[:2] != frame.rgb.shape[:2]:
            shape = (*frame.rgb.shape[:2], 4)
            rgba, scratch = np.empty(shape, np.float32), np.empty(shape, np.uint8)
        to_float_rgba(frame.rgb, rgba, scratch)
        session.report_upload(frame, time.perf_counter() - started)
        count += 1
        if frame.captured_at > aged_until:
            aged_until = frame.captured_at
            ages.append(1e3 * (time.monotonic() - frame.captured_at))
    return count, ages


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m app.live_bench", description="Measure the live session.")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--source", type=Path, help="portrait photo (default: the bundled one)")
    parser.add_argument("--driver", help="as for run_demo.py (default: a swaying clip of the bundled portrait)")
    parser.add_argument("--size", type=int, default=512, help="side of the picture, pixels")
    parser.add_argument("--quality", choices=("full", "balanced", "fast"), default="full")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    options = parser.parse_args(arguments)
    if not 1.0 <= options.seconds <= 3600.0:
        parser.error("--seconds must lie between 1 and 3600")
    try:
        with without_native_chatter(), tempfile.TemporaryDirectory() as folder:
            clip = options.driver or str(swaying_clip(bundled_portrait(), Path(folder) / "swaying.mp4"))
            config = replace(
                AppConfig(), driver=clip, size=options.size, quality=options.quality, device=options.device
            )
            for line in measure(config, options.source or bundled_portrait(), options.seconds).lines():
                print(line)
    except AvatarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
