"""Recorded drivers: a video file and a folder of images, read frame by frame."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from app.capture.driver import limit_size
from app.errors import DriverError
from app.session_types import DriverKind
from avatar_core.errors import UnreadableImageError
from avatar_core.image_io import load_image

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg")
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

_FALLBACK_FPS = 25.0  # for a file that does not state a believable rate
_MAX_FPS = 240.0
_FFMPEG_SETTINGS = {
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": "protocol_whitelist;file",  # a playlist in a file must not make it fetch anything
    "OPENCV_FFMPEG_LOGLEVEL": "-8",  # a damaged file is told by us, once
}


class Clip(Protocol):
    """Frames in order; `advance` is cheaper than `frame`, so that late frames can be skipped."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> DriverKind: ...

    @property
    def fps(self) -> float:
        """Frames per second; known after `rewind`."""

    @property
    def frame_count(self) -> int:
        """Number of frames the clip states, 0 when unknown."""

    def rewind(self) -> None:
        """Stand before the first frame.

        Raises:
            DriverError: the clip cannot be opened.
        """

    def advance(self) -> bool:
        """Step to the next frame; false at the end."""

    def frame(self) -> NDArray[np.uint8] | None:
        """The frame stood on, uint8 RGB (H, W, 3); None when it cannot be decoded."""

    def close(self) -> None: ...


class VideoClip:
    """A video file through OpenCV's FFmpeg."""

    kind: DriverKind = "video"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._capture: cv2.VideoCapture | None = None
        self._fps = _FALLBACK_FPS
        self._frame_count = 0

    @property
    def name(self) -> str:
        return self._path.name

    @property
    def fps(self) -> float:
        return self._fps

    @property
    def frame_count(self) -> int:
        return self._frame_count

    def rewind(self) -> None:
        self.close()
        for name, value in _FFMPEG_SETTINGS.items():
            os.environ.setdefault(name, value)  # the only way OpenCV takes them
        capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise DriverError(
                f"'{self._path}' cannot be read as a video: it is damaged or no video. "
                "Convert it to mp4 (ffmpeg -i INPUT output.mp4) or choose another file."
            )
        fps = capture.get(cv2.CAP_PROP_FPS)
        self._fps = fps if math.isfinite(fps) and 1.0 <= fps <= _MAX_FPS else _FALLBACK_FPS
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._frame_count = int(count) if math.isfinite(count) and 0 < count < 2**31 else 0
        self._capture = capture

    def advance(self) -> bool:
        return self._capture is not None and self._capture.grab()

    def frame(self) -> NDArray[np.uint8] | None:
        if self._capture is None:
            return None
        ok, image = self._capture.retrieve()
        if not ok or image is None:
            return None
        return np.asarray(cv2.cvtColor(limit_size(np.asarray(image, np.uint8)), cv2.COLOR_BGR2RGB), np.uint8)

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


class ImageClip:
    """A folder of images in the natural order of their names, or one image."""

    kind: DriverKind = "images"

    def __init__(self, path: Path, fps: float = _FALLBACK_FPS) -> None:
        self._path = path
        self._fps = fps
        self._files: list[Path] = []
        self._position = -1
        self._decoded: tuple[Path, NDArray[np.uint8]] | None = None  # a single image plays without decoding it again

    @property
    def name(self) -> str:
        return self._path.name or str(self._path)

    @property
    def fps(self) -> float:
        return self._fps

    @property
    def frame_count(self) -> int:
        return len(self._files)

    def rewind(self) -> None:
        try:
            entries = sorted(self._path.iterdir(), key=natural_order) if self._path.is_dir() else [self._path]
            self._files = [entry for entry in entries if entry.suffix.lower() in IMAGE_SUFFIXES and entry.is_file()]
        except OSError as error:
            reason = error.strerror
            raise DriverError(f"The folder '{self._path}' cannot be read ({reason}). Choose another.") from error
        if not self._files:
            raise DriverError(
                f"The folder '{self._path}' holds no images. Put frames ({', '.join(sorted(IMAGE_SUFFIXES))}) into it."
            )
        self._position = -1

    def advance(self) -> bool:
        self._position += 1
        return self._position < len(self._files)

    def frame(self) -> NDArray[np.uint8] | None:
        if not 0 <= self._position < len(self._files):
            return None
        file = self._files[self._position]
        if self._decoded is None or self._decoded[0] != file:
            try:
                self._decoded = (file, limit_size(load_image(file)))
            except UnreadableImageError:
                return None
        return self._decoded[1]

    def close(self) -> None:
        self._position = len(self._files)


def open_clip(path: Path, image_fps: float = _FALLBACK_FPS) -> Clip:
    """The clip at ``path``: a folder or an image becomes an `ImageClip`, anything else is tried as a video.

    Raises:
        DriverError: nothing readable lies there.
    """
    try:
        if path.is_dir():
            return ImageClip(path, image_fps)
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except FileNotFoundError:
        raise DriverError(f"There is no driver file '{path}'. Check the path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DriverError(f"'{path}' cannot be read ({reason}). Check its permissions.") from error
    if empty:
        raise DriverError(f"'{path}' is empty (0 bytes). Choose another file.")
    return ImageClip(path, image_fps) if path.suffix.lower() in IMAGE_SUFFIXES else VideoClip(path)


def clip_frames(clip: Clip) -> Iterator[NDArray[np.uint8]]:
    """Every frame of ``clip`` once, in order; frames that cannot be decoded are left out.

    Raises:
        DriverError: the clip cannot be opened.
    """
    clip.rewind()
    try:
        while clip.advance():
            image = clip.frame()
            if image is not None:
                yield image
    finally:
        clip.close()


def natural_order(path: Path) -> list[tuple[int, int, str]]:
    """Sort key that puts frame2 before frame10."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
