"""Immutable values that pass between the live session and the window.

Images are uint8 RGB (H, W, 3). Times are seconds of `time.monotonic`, durations carry their unit in their name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Background = str | tuple[int, int, int]  # "photo", "blurred", or an RGB colour of 0..255
DriverKind = Literal["webcam", "video", "images", "performance", "none"]
FaceState = Literal["tracking", "lost", "none", "not needed"]
NoticeLevel = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class ViewState:
    """Where the viewport's camera stands: degrees on a sphere of ``radius`` head-space units round ``target``."""

    yaw: float = 0.0
    pitch: float = 0.0
    radius: float = 2.7
    target: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Controls:
    """Every slider and switch of the session; replaced whole, never changed in place.

    Gains pass motion on as it is at 1 and switch it off at 0. ``smoothing`` lies in [0, 1]. ``size`` is the side of
    the rendered square in pixels, ``quality`` one of the engine's levels. ``synthetic_mark`` burns the word into
    recordings and saved pictures.
    """

    expression_gain: float = 1.0
    eye_gain: float = 1.0
    mouth_gain: float = 1.0
    head_gain: float = 1.0
    smoothing: float = 0.5
    mirror: bool = True
    paused: bool = False
    background: Background = "photo"
    size: int = 512
    quality: str = "full"
    synthetic_mark: bool = True


@dataclass(frozen=True)
class Notice:
    """One line for the user: what happened and what to do about it."""

    level: NoticeLevel
    text: str


@dataclass(frozen=True)
class ShownFrame:
    """A rendered picture on its way to the screen.

    ``captured_at`` is when the driver's frame behind it was taken (0 when none was), ``activations`` (53,) are the
    named activations it shows.
    """

    rgb: NDArray[np.uint8]
    sequence: int
    captured_at: float
    rendered_at: float
    activations: NDArray[np.float32]


@dataclass(frozen=True)
class Preview:
    """The driver's picture as it was tracked, with its landmarks (478, 2) in pixels of ``rgb`` or None."""

    rgb: NDArray[np.uint8]
    landmarks: NDArray[np.float32] | None
    sequence: int


@dataclass(frozen=True)
class DriverChoice:
    """An entry of the driver menu; ``key`` is what `Session.open_driver` takes."""

    key: str
    label: str


@dataclass(frozen=True)
class RecordingStatus:
    """A recording in progress: frames in the file so far and rendered frames that found no room."""

    path: str
    seconds: float
    frames: int
    dropped: int


@dataclass(frozen=True)
class Status:
    """One snapshot of everything the window shows about the session.

    ``encoding`` is (stage, fraction 0..1) while a photo is being encoded. ``frame_age_ms`` is the median and
    ``frame_age_p95_ms`` the 95th percentile of capture-to-texture over the last second, 0 when nothing was shown.
    ``stage_ms`` holds the recent median of each stage: capture, track, animate, rasterise, compose, upload.
    ``history`` holds two samples a second of "render_fps" and "frame_age_ms", oldest first.
    """

    driver_name: str = ""
    driver_kind: DriverKind = "none"
    camera_on: bool = False
    face: FaceState = "none"
    calibrated: bool = False
    avatar_name: str = ""
    gaussian_count: int = 0
    encode_seconds: float = 0.0
    source_thumbnail: NDArray[np.uint8] | None = None
    thumbnail_sequence: int = 0
    encoding: tuple[str, float] | None = None
    device_report: str = ""
    render_fps: float = 0.0
    track_fps: float = 0.0
    frame_age_ms: float = 0.0
    frame_age_p95_ms: float = 0.0
    stage_ms: Mapping[str, float] = field(default_factory=dict)
    history: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    recording: RecordingStatus | None = None
    memory_mb: float = 0.0
