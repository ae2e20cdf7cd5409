"""A live camera through OpenCV: MJPG, no buffering, the newest frame only."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Callable

import cv2
import numpy as np

from app.capture.cameras import CameraInfo
from app.capture.driver import DriverFrame, limit_size
from app.errors import DriverError
from app.session_types import DriverKind

_SILENCE_LIMIT = 4.0  # seconds without a picture after which a camera counts as gone
_FAILED_READ_PAUSE = 0.05  # seconds; a camera that fails at once must not spin a core
_SELECT_SECONDS = "1"  # how long one read of a silent camera may block on Linux, and with it closing the program
_BACKENDS = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION}

OpenCapture = Callable[[int], cv2.VideoCapture]


def open_device(index: int) -> cv2.VideoCapture:
    """OpenCV's capture of camera ``index`` by the platform's own backend; may be not opened."""
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", _SELECT_SECONDS)
    return cv2.VideoCapture(index, _BACKENDS.get(sys.platform, cv2.CAP_ANY))


class Webcam:
    """Driver of one camera. ``width``, ``height`` and ``fps`` are asked for; the camera decides."""

    kind: DriverKind = "webcam"
    returns_after_trouble = True

    def __init__(
        self, camera: CameraInfo, *, width: int = 640, height: int = 480, fps: float = 30.0,
        open_capture: OpenCapture = open_device,
    ) -> None:  # fmt: skip
        self._camera = camera
        self._wanted = (width, height, fps)
        self._open_capture = open_capture
        self._capture: cv2.VideoCapture | None = None
        self._last_picture = 0.0

    @property
    def name(self) -> str:
        return self._camera.name

    def open(self) -> None:
        self.close()
        capture = self._open_capture(self._camera.index)
        if not capture.isOpened():
            capture.release()
            raise DriverError(f"Camera '{self.name}' cannot be opened: {_reason(self._camera.index)}")
        width, height, fps = self._wanted
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        capture.set(cv2.CAP_PROP_FPS, fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._capture = capture
        self._last_picture = time.monotonic()

    def read(self, stop: threading.Event) -> DriverFrame | None:
        capture = self._capture
        if capture is None:
            raise DriverError(f"Camera '{self.name}' is not open.")
        grabbed = capture.grab()
        captured_at = time.monotonic()
        ok, image = capture.retrieve() if grabbed else (False, None)
        if not ok or image is None:
            if captured_at - self._last_picture > _SILENCE_LIMIT:
                raise DriverError(
                    f"Camera '{self.name}' sends no picture: it was unplugged, or another program uses it. "
                    "It is tried again every few seconds."
                )
            stop.wait(_FAILED_READ_PAUSE)
            return None
        self._last_picture = captured_at
        rgb = np.asarray(cv2.cvtColor(limit_size(np.asarray(image, np.uint8)), cv2.COLOR_BGR2RGB), np.uint8)
        return DriverFrame(rgb, None, captured_at, 1e3 * (time.monotonic() - captured_at))

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def _reason(index: int) -> str:
    """Why a camera does not open, as far as the operating system tells, and what to do."""
    if sys.platform == "linux":
        device = f"/dev/video{index}"
        try:
            os.close(os.open(device, os.O_RDWR | os.O_NONBLOCK))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
                return f"there is no {device}. Plug the camera in; it is tried again every few seconds."
            if error.errno in (errno.EACCES, errno.EPERM):
                remedy = "Join the group 'video' (sudo usermod -aG video $USER) and log in again."
                return f"you may not read {device}. {remedy}"
    return "another program may be using it. Close that program; the camera is tried again every few seconds."
