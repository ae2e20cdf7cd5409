"""The headless command: photo and driver in, mp4 and figures out, every frame of a clip exactly once."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from app.background import parse_background
from app.capture import PERFORMANCE_KEY
from app.config import AppConfig
from app.engines import create_engine
from app.errors import ConfigError, DriverError
from app.headless_input import HeadlessInput, InputFrame, open_input
from app.outputs import check_output
from app.presence import FacePresence
from app.recorder import VIDEO_ENDINGS, Mp4Writer
from app.report import StageLog, environment, write_report
from app.session_types import Background
from app.source import face_count, load_source
from app.workers.rendering import RENDER_STAGES
from avatar_core.avatar import Avatar
from avatar_core.camera import Camera
from avatar_core.engine import AvatarEngine
from avatar_core.motion import Gains, Motion
from avatar_core.process_memory import resident_megabytes
from avatar_core.rendering import kernels_are_cached

TURNTABLE_DEGREES = 35.0  # to each side: one photo shows no more of a head
TURNTABLE_SECONDS = 6.0  # there and back
_MAX_ANGLE = 80.0
_DAMAGE_SHARE = 0.9  # a clip that ends before this share of its stated frames is called damaged
_TIME_TOLERANCE = 1e-6  # seconds


@dataclass(frozen=True)
class HeadlessJob:
    """What to render. ``yaw`` and ``pitch`` in degrees; ``seconds`` or ``frames`` limit the length.

    Raises:
        ConfigError: a value is out of range.
    """

    source: Path
    out: Path
    report: Path | None = None
    yaw: float = 0.0
    pitch: float = 0.0
    turntable: bool = False
    seconds: float | None = None
    frames: int | None = None

    def __post_init__(self) -> None:
        for name in ("yaw", "pitch"):
            if not abs(getattr(self, name)) <= _MAX_ANGLE:
                raise ConfigError(f"--{name} must lie between -{_MAX_ANGLE:.0f} and {_MAX_ANGLE:.0f} degrees.")
        if self.seconds is not None and not (self.seconds > 0 and math.isfinite(self.seconds)):
            raise ConfigError("--seconds must be a number above 0.")
        if self.frames is not None and self.frames < 1:
            raise ConfigError("--frames must be 1 or more.")

    def camera(self, seconds: float) -> Camera:
        """The view at ``seconds`` of the video."""
        swing = TURNTABLE_DEGREES * math.sin(2 * math.pi * seconds / TURNTABLE_SECONDS) if self.turntable else 0.0
        return Camera.orbit(self.yaw + swing, self.pitch)


@dataclass
class _Counts:
    """What happened while the frames went by."""

    read: int = 0
    lost: int = 0


def run(job: HeadlessJob, config: AppConfig) -> dict[str, Any]:
    """Render ``job``; returns the figures of the report. Everything that can be wrong is found before work starts.

    Raises:
        AvatarError: bad input or output; no file is left under the final name.
    """
    report = None if job.report is None else check_output(job.report, {".json"})
    job = replace(job, out=check_output(job.out, VIDEO_ENDINGS), report=report)
    background = parse_background(config.background)
    driver_key = PERFORMANCE_KEY if config.driver == "auto" else config.driver
    source = open_input(driver_key, config, job.seconds, job.frames)
    engine = create_engine(config)
    try:
        print(f"Device: {engine.device_report}")
        if not kernels_are_cached():
            print("Compiling for this processor (first start only), a minute at most ...", flush=True)
        engine.warm_up()
        began = time.perf_counter()
        avatar = load_source(engine, job.source)
        encode_seconds = time.perf_counter() - began
        faces = face_count(avatar)
        if faces > 1:
            print(f"{job.source.name}: {faces} faces were found, the largest was taken.")
        stages, counts = StageLog(), _Counts()
        began = time.perf_counter()
        written = _render(engine, avatar, source, job, config, background, stages, counts)
        seconds = time.perf_counter() - began
        _tell_trouble(source, job, counts)
        figures = {
            "source": str(job.source),
            "faces_in_source": faces,
            "driver": {"name": source.name, "kind": source.kind, "stated_frames": source.expected},
            "out": str(job.out),
            "frames": counts.read,
            "frames_written": written,
            "frames_without_face": counts.lost,
            "size": config.size,
            "quality": engine.quality,
            "gaussians": len(avatar),
            "gaussians_drawn": engine.last_gaussians,
            "device": engine.device_report,
            "model": config.model,
            "encode_seconds": round(encode_seconds, 3),
            "encode_milliseconds": {name: round(value, 1) for name, value in engine.last_encode_timings.items()},
            "seconds": round(seconds, 3),
            "frames_per_second": round(counts.read / seconds, 2),
            "frames_per_second_includes": "reading, tracking, animation, rasterising, composing and video encoding",
            "milliseconds": stages.summary(),
            "resident_memory_mb": round(resident_megabytes(), 1),
            **environment(),
        }
    finally:
        engine.close()
    if report is not None:
        write_report(report, figures)
    print(f"Wrote {written} frames to '{job.out}' ({figures['frames_per_second']} frames per second).")
    return figures


def _render(
    engine: AvatarEngine,
    avatar: Avatar,
    source: HeadlessInput,
    job: HeadlessJob,
    config: AppConfig,
    background: Background,
    stages: StageLog,
    counts: _Counts,
) -> int:
    """Write the video; returns the number of frames in it."""
    controls = config.controls
    gains = Gains(controls.expression_gain, controls.eye_gain, controls.mouth_gain, controls.head_gain)
    engine.track.reset()
    engine.track.smoothing = controls.smoothing
    presence = FacePresence(config.face)
    held: Motion | None = None
    writer = Mp4Writer(job.out, source.fps, config.recording)
    try:
        for frame in _timed(source, job, stages):
            began = time.perf_counter()
            motion = frame.motion
            if frame.rgb is not None:
                motion = engine.track(frame.rgb, frame.seconds)
                stages.add("track", 1e3 * (time.perf_counter() - began))
                for stage, milliseconds in engine.track.last_timings.items():
                    stages.add(stage, milliseconds)
            counts.read += 1
            counts.lost += motion is None
            held = motion or held
            presence.observe(frame.seconds, face_found=motion is not None)
            weight = presence.update(frame.seconds) if counts.read > 1 else presence.begin(frame.seconds)
            shown = held.with_gains(gains).faded(weight) if held is not None else None
            picture = engine.render(avatar, shown, job.camera(frame.seconds), size=config.size, background=background)
            for stage in RENDER_STAGES:
                stages.add(stage, engine.last_timings.get(stage, 0.0))
            began = time.perf_counter()
            while writer.frames / source.fps <= frame.seconds + _TIME_TOLERANCE:
                writer.write(picture, mark=config.synthetic_mark)
            stages.add("write", 1e3 * (time.perf_counter() - began))
        if not counts.read:
            raise DriverError(
                f"'{source.name}' holds no frame that can be decoded: it is damaged. Choose another file."
            )
        writer.finish()
    except BaseException:
        writer.abandon()
        raise
    return writer.frames


def _timed(source: HeadlessInput, job: HeadlessJob, stages: StageLog) -> Iterator[InputFrame]:
    """The frames within the job's length, with a progress bar; the time to get each goes into stage "read"."""
    limit = math.inf
    if job.frames is not None:
        limit = job.frames
    elif job.seconds is not None:
        limit = max(1, round(job.seconds * source.fps))
    total = min(limit, source.expected) if source.expected else limit
    frames = source.frames()
    with tqdm(total=int(total) if math.isfinite(total) else None, unit="frame", desc="Rendering") as bar:
        count = 0
        while count < limit:
            began = time.perf_counter()
            frame = next(frames, None)
            if frame is None:
                return
            stages.add("read", 1e3 * (time.perf_counter() - began))
            yield frame
            count += 1
            bar.update()


def _tell_trouble(source: HeadlessInput, job: HeadlessJob, counts: _Counts) -> None:
    if counts.lost == counts.read:
        print(f"'{source.name}' shows no face: the avatar keeps the photo's expression.", file=sys.stderr)
    elif counts.lost:
        print(f"'{source.name}': no face in {counts.lost} of {counts.read} frames.", file=sys.stderr)
    cut_short = job.frames is None and job.seconds is None and counts.read < _DAMAGE_SHARE * source.expected
    if cut_short:
        print(
            f"'{source.name}' ended after {counts.read} of {source.expected} frames: the file may be damaged.",
            file=sys.stderr,
        )
