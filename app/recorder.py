"""Recording to mp4: a writer for every frame, and a live recorder in its own thread that never slows rendering."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import cv2
import imageio
import numpy as np
from numpy.typing import NDArray

from app.capture.clips import VideoClip
from app.config import RecordingConfig
from app.errors import DriverError, OutputError
from app.mark import burn_mark
from app.notices import NoticeBoard
from app.outputs import check_output, temporary_name
from app.session_types import RecordingStatus
from avatar_core.errors import AvatarError

VIDEO_ENDINGS = frozenset({".mp4"})
SYNTHETIC_COMMENT = "Synthetic: a computed 3D avatar, not footage of a person."

_FREE_BYTES = 256 << 20
_QUEUED_FRAMES = 8  # rendered frames that may wait for the encoder; further ones are dropped and counted
_X264_PRESET = "veryfast"  # leaves the cores to tracking and rendering


class Mp4Writer:
    """Writes frames to a temporary file that gets its name in `finish`.

    Args:
        path: ends in .mp4.
        fps: frame rate of the file.
        settings: quality.

    Raises:
        OutputError: the file cannot be written there; found before the first frame.
    """

    def __init__(self, path: str | os.PathLike[str], fps: float, settings: RecordingConfig) -> None:
        self.path = check_output(path, VIDEO_ENDINGS, _FREE_BYTES)
        self.frames = 0
        self._temporary = temporary_name(self.path)
        self._size: tuple[int, int] | None = None
        options = ["-crf", str(settings.crf), "-preset", _X264_PRESET, "-metadata", f"comment={SYNTHETIC_COMMENT}"]
        self._writer: Any = imageio.get_writer(
            self._temporary, format="FFMPEG", mode="I", fps=fps, codec="libx264", pixelformat="yuv420p",
            quality=None, macro_block_size=2, ffmpeg_log_level="error", ffmpeg_params=options,
        )  # fmt: skip

    def write(self, rgb: NDArray[np.uint8], *, mark: bool) -> None:
        """Append ``rgb`` uint8 (H, W, 3); a frame of another size is scaled to that of the first.

        Args:
            mark: burn the visible mark into this frame.

        Raises:
            OutputError: the encoder stopped, usually because the disk is full.
        """
        height, width = rgb.shape[:2]
        if self._size is None:
            self._size = (width - width % 2, height - height % 2)  # yuv420p halves both sides
        if (width, height) != self._size:
            rgb = np.asarray(cv2.resize(rgb, self._size, interpolation=cv2.INTER_AREA), np.uint8)
        try:
            self._writer.append_data(burn_mark(rgb) if mark else np.ascontiguousarray(rgb))
        except (OSError, RuntimeError) as error:
            self.abandon()
            raise OutputError(f"Recording to '{self.path}' stopped: {_first_line(error)}. Is the disk full?") from error
        self.frames += 1

    def finish(self) -> None:
        """Complete the file and give it its name; without any frame nothing is left.

        Raises:
            OutputError: it could not be completed.
        """
        try:
            self._writer.close()
            if self.frames:
                self._verify()
                os.replace(self._temporary, self.path)
        except (OSError, RuntimeError) as error:
            raise OutputError(f"'{self.path}' could not be completed: {_first_line(error)}.") from error
        finally:
            self._temporary.unlink(missing_ok=True)

    def _verify(self) -> None:
        """The encoder's failure to write the end of the file is not reported to us: look whether the end is there."""
        written = VideoClip(self._temporary)
        try:
            written.rewind()
            complete = written.frame_count == self.frames
        except DriverError:
            complete = False
        finally:
            written.close()
        if not complete:
            raise OSError("the end of the file is missing; is the disk full?")

    def abandon(self) -> None:
        """Stop and remove the unfinished file."""
        try:
            self._writer.close()
        except (OSError, RuntimeError):
            pass  # the encoder is gone already; the file is removed either way
        finally:
            self._temporary.unlink(missing_ok=True)


class LiveRecorder:
    """Records what is shown at a constant frame rate: each picture stays until the next one, in real time.

    `submit` never waits. Trouble ends the recording and becomes a notice.

    Args:
        mark: asked before each frame, whether the visible mark is burnt into it.
    """

    def __init__(self, path: str, settings: RecordingConfig, notices: NoticeBoard, *, mark: Callable[[], bool]) -> None:
        self._path = path
        self._settings = settings
        self._mark = mark
        self._notices = notices
        self._frames: queue.Queue[tuple[NDArray[np.uint8], float]] = queue.Queue(_QUEUED_FRAMES)
        self._stopping = threading.Event()
        self._written = 0
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def active(self) -> bool:
        return self._thread.is_alive()

    def status(self) -> RecordingStatus:
        return RecordingStatus(self._path, self._written / self._settings.fps, self._written, self._dropped)

    def submit(self, rgb: NDArray[np.uint8], shown_at: float) -> None:
        """Offer a rendered frame uint8 (H, W, 3), which must not change afterwards; dropped when the encoder lags."""
        try:
            self._frames.put_nowait((rgb, shown_at))
        except queue.Full:
            self._dropped += 1

    def stop(self) -> None:
        """Ask for the end; the file appears once the frames that wait are written."""
        self._stopping.set()

    def join(self, timeout: float) -> bool:
        """Wait for the end; false when the thread still runs after ``timeout`` seconds."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            writer = Mp4Writer(self._path, self._settings.fps, self._settings)
        except (AvatarError, OSError, RuntimeError) as error:
            self._notices.tell("error", str(error))
            return
        try:
            self._record(writer)
            writer.finish()
        except OutputError as error:
            self._notices.tell("error", str(error))
            return
        if not self._written:
            self._notices.tell("warning", f"Nothing was shown while recording; '{writer.path}' was not written.")
            return
        lost = f", {self._dropped} frames dropped" if self._dropped else ""
        seconds = self._written / self._settings.fps
        self._notices.tell("info", f"Recorded {seconds:.1f} s to '{writer.path}'{lost}.")

    def _record(self, writer: Mp4Writer) -> None:
        """Fill every 1/fps of real time with the picture that was on show then."""
        period = 1.0 / self._settings.fps
        current: NDArray[np.uint8] | None = None
        began = 0.0
        while True:
            rgb, shown_at = self._next_picture(period)
            if rgb is None and self._stopping.is_set():
                return
            if current is None:
                if rgb is None:
                    continue
                current, began = rgb, shown_at
            while began + self._written * period < shown_at:
                writer.write(current, mark=self._mark())
                self._written += 1
            if rgb is not None:
                current = rgb

    def _next_picture(self, period: float) -> tuple[NDArray[np.uint8] | None, float]:
        """The picture that waits longest and when it was shown; None and now when none came within ``period``."""
        try:
            if self._stopping.is_set():
                return self._frames.get_nowait()
            return self._frames.get(timeout=period)
        except queue.Empty:
            return None, time.monotonic()


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
