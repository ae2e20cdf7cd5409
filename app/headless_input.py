"""What drives a headless run: every frame of a clip once, the performance, or a camera for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.capture import PERFORMANCE_KEY, list_cameras
from app.capture.clips import Clip, clip_frames, open_clip
from app.capture.performance import PerformanceDriver
from app.capture.selection import find_camera
from app.capture.webcam import Webcam
from app.config import AppConfig
from app.errors import DriverError
from app.session_types import DriverKind
from app.user_paths import expand
from avatar_core.motion import Motion
from avatar_core.performance import motion_at

DEFAULT_SECONDS = 10.0  # of a driver that has no end
_CAMERA_PATIENCE = 10.0  # seconds until the first picture


@dataclass(frozen=True)
class InputFrame:
    """``rgb`` uint8 (H, W, 3) to be tracked, or a ready ``motion``; ``seconds`` since the first frame."""

    rgb: NDArray[np.uint8] | None
    motion: Motion | None
    seconds: float


class HeadlessInput(Protocol):
    """A driver read to its end. ``expected`` is the number of frames it should deliver, 0 when unknown."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> DriverKind: ...

    @property
    def fps(self) -> float: ...

    @property
    def expected(self) -> int: ...

    def frames(self) -> Iterator[InputFrame]:
        """The frames, in order.

        Raises:
            DriverError: it cannot be opened or stopped delivering.
        """


class ClipInput:
    """Every frame of a video or of a folder of images."""

    def __init__(self, clip: Clip) -> None:
        clip.rewind()
        self._clip = clip
        self.name: str = clip.name
        self.kind: DriverKind = clip.kind
        self.fps: float = clip.fps
        self.expected: int = clip.frame_count

    def frames(self) -> Iterator[InputFrame]:
        for index, rgb in enumerate(clip_frames(self._clip)):
            yield InputFrame(rgb, None, index / self.fps)


class PerformanceInput:
    """The scripted performance, sampled at ``fps``, ``count`` frames long."""

    name: str = PerformanceDriver.name
    kind: DriverKind = "performance"

    def __init__(self, fps: float, count: int) -> None:
        self.fps = fps
        self.expected = count

    def frames(self) -> Iterator[InputFrame]:
        for index in range(self.expected):
            yield InputFrame(None, motion_at(index / self.fps), index / self.fps)


class WebcamInput:
    """A camera, in real time, for ``duration`` seconds."""

    kind: DriverKind = "webcam"

    def __init__(self, webcam: Webcam, fps: float, duration: float) -> None:
        self._webcam = webcam
        self._duration = duration
        self.name: str = webcam.name
        self.fps = fps
        self.expected = 0

    def frames(self) -> Iterator[InputFrame]:
        never = threading.Event()
        self._webcam.open()
        try:
            asked, first = time.monotonic(), None
            while True:
                frame = self._webcam.read(never)
                if frame is None:
                    if first is None and time.monotonic() - asked > _CAMERA_PATIENCE:
                        raise DriverError(f"Camera '{self.name}' sends no picture. Close other programs that use it.")
                    continue
                first = frame.captured_at if first is None else first
                seconds = frame.captured_at - first
                if seconds >= self._duration:
                    return
                yield InputFrame(frame.rgb, None, seconds)
        finally:
            self._webcam.close()


def open_input(key: str, config: AppConfig, seconds: float | None, frames: int | None) -> HeadlessInput:
    """The input that ``key`` names (see `app.capture.create_driver`); without a length, an endless one lasts
    `DEFAULT_SECONDS`.

    Raises:
        DriverError: there is no such camera or file, or it cannot be read.
    """
    fps = config.recording.fps
    duration = seconds if seconds is not None else frames / fps if frames is not None else DEFAULT_SECONDS
    if key == PERFORMANCE_KEY:
        return PerformanceInput(fps, frames if frames is not None else max(1, round(duration * fps)))
    camera = find_camera(key, list_cameras())
    if camera is not None:
        wanted = config.capture
        return WebcamInput(Webcam(camera, width=wanted.width, height=wanted.height, fps=wanted.fps), fps, duration)
    return ClipInput(open_clip(expand(key), config.capture.image_fps))
