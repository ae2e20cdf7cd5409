"""One video: an avatar driven by an input, frame by frame, into an mp4."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tqdm import tqdm

from app.config import AppConfig
from app.errors import ConfigError, DriverError
from app.headless_input import HeadlessInput, InputFrame
from app.presence import FacePresence
from app.recorder import Mp4Writer
from app.report import StageLog
from app.session_types import Background
from app.workers.rendering import RENDER_STAGES
from avatar_core.avatar import Avatar
from avatar_core.camera import Camera
from avatar_core.engine import AvatarEngine
from avatar_core.motion import Gains, Motion

TURNTABLE_DEGREES = 35.0  # to each side: one photo shows no more of a head
TURNTABLE_SECONDS = 6.0  # there and back
_MAX_ANGLE = 80.0
_DAMAGE_SHARE = 0.9  # a clip that ends before this share of its stated frames is called damaged
_TIME_TOLERANCE = 1e-6  # seconds


@dataclass(frozen=True)
class Take:
    """How a video is taken. ``yaw`` and ``pitch`` in degrees; ``seconds`` or ``frames`` limit the length.

    Raises:
        ConfigError: a value is out of range.
    """

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
class Rendered:
    """What happened: driver frames read, those without a face, frames in the file, seconds that it took."""

    read: int = 0
    lost: int = 0
    written: int = 0
    seconds: float = 0.0
    stages: StageLog = field(default_factory=StageLog)


def render_video(
    engine: AvatarEngine,
    avatar: Avatar,
    source: HeadlessInput,
    out: Path,
    take: Take,
    config: AppConfig,
    background: Background,
    *,
    bar: bool = True,
) -> Rendered:
    """Write ``avatar`` driven by ``source`` to ``out``, which appears under its name only when complete.

    Args:
        bar: show the progress on stderr.

    Raises:
        AvatarError: the driver or the place to write to cannot be used.
    """
    controls = config.controls
    gains = Gains(controls.expression_gain, controls.eye_gain, controls.mouth_gain, controls.head_gain)
    engine.track.reset()
    engine.track.smoothing = controls.smoothing
    presence = FacePresence(config.face)
    held: Motion | None = None
    done = Rendered()
    started = time.perf_counter()
    writer = Mp4Writer(out, source.fps, config.recording)
    try:
        for frame in _timed(source, take, done.stages, bar=bar):
            began = time.perf_counter()
            motion = frame.motion
            if frame.rgb is not None:
                motion = engine.track(frame.rgb, frame.seconds)
                done.stages.add("track", 1e3 * (time.perf_counter() - began))
                for stage, milliseconds in engine.track.last_timings.items():
                    done.stages.add(stage, milliseconds)
            done.read += 1
            done.lost += motion is None
            held = motion or held
            presence.observe(frame.seconds, face_found=motion is not None)
            weight = presence.update(frame.seconds) if done.read > 1 else presence.begin(frame.seconds)
            shown = held.with_gains(gains).faded(weight) if held is not None else None
            picture = engine.render(avatar, shown, take.camera(frame.seconds), size=config.size, background=background)
            for stage in RENDER_STAGES:
                done.stages.add(stage, engine.last_timings.get(stage, 0.0))
            began = time.perf_counter()
            while writer.frames / source.fps <= frame.seconds + _TIME_TOLERANCE:
                writer.write(picture, mark=config.synthetic_mark)
            done.stages.add("write", 1e3 * (time.perf_counter() - began))
        if not done.read:
            raise DriverError(
                f"'{source.name}' holds no frame that can be decoded: it is damaged. Choose another file."
            )
        writer.finish()
    except BaseException:
        writer.abandon()
        raise
    return replace(done, written=writer.frames, seconds=time.perf_counter() - started)


def warnings(source: HeadlessInput, take: Take, done: Rendered) -> list[str]:
    """What a user should know about the driver of a finished video."""
    found = []
    if done.lost == done.read:
        found.append(f"'{source.name}' shows no face: the avatar keeps the photo's expression.")
    elif done.lost:
        found.append(f"'{source.name}': no face in {done.lost} of {done.read} frames.")
    if take.frames is None and take.seconds is None and done.read < _DAMAGE_SHARE * source.expected:
        found.append(f"'{source.name}' ended after {done.read} of {source.expected} frames: the file may be damaged.")
    return found


def _timed(source: HeadlessInput, take: Take, stages: StageLog, *, bar: bool) -> Iterator[InputFrame]:
    """The frames within the take's length; the time to get each goes into stage "read"."""
    limit = math.inf
    if take.frames is not None:
        limit = take.frames
    elif take.seconds is not None:
        limit = max(1, round(take.seconds * source.fps))
    total = min(limit, source.expected) if source.expected else limit
    frames = source.frames()
    length = int(total) if math.isfinite(total) else None
    with tqdm(total=length, unit="frame", desc="Rendering", disable=not bar) as progress:
        count = 0
        while count < limit:
            began = time.perf_counter()
            frame = next(frames, None)
            if frame is None:
                return
            stages.add("read", 1e3 * (time.perf_counter() - began))
            yield frame
            count += 1
            progress.update()
