"""From what the user names (a camera, a file, a folder, "performance") to a driver."""

from __future__ import annotations

from collections.abc import Sequence

from app.capture.cameras import CameraInfo
from app.capture.clips import open_clip
from app.capture.driver import Driver
from app.capture.performance import PerformanceDriver
from app.capture.playback import ClipDriver
from app.capture.webcam import Webcam
from app.config import CaptureConfig
from app.errors import DriverError
from app.session_types import DriverChoice
from app.user_paths import expand

PERFORMANCE_KEY = "performance"
WEBCAM_KEY = "webcam"


def driver_choices(cameras: Sequence[CameraInfo]) -> list[DriverChoice]:
    """The driver menu: every camera by name, then the performance. A camera's key is its index."""
    entries = [DriverChoice(str(camera.index), camera.name) for camera in cameras]
    return [*entries, DriverChoice(PERFORMANCE_KEY, PerformanceDriver.name)]


def create_driver(key: str, cameras: Sequence[CameraInfo], config: CaptureConfig) -> Driver:
    """The driver named by ``key``, not yet opened: "performance", "webcam" (the first one), a camera's index or name,
    or the path of a video, an image or a folder of images.

    Raises:
        DriverError: there is no such camera or file.
    """
    if key == PERFORMANCE_KEY:
        return PerformanceDriver()
    camera = find_camera(key, cameras)
    if camera is not None:
        return Webcam(camera, width=config.width, height=config.height, fps=config.fps)
    if not key.strip():
        raise DriverError("The driver has no name. Give a camera, a file or 'performance'.")
    return ClipDriver(open_clip(expand(key), config.image_fps))


def find_camera(key: str, cameras: Sequence[CameraInfo]) -> CameraInfo | None:
    """The camera ``key`` means, or None when it names no camera (and may be a path).

    Raises:
        DriverError: it means a camera that is not there.
    """
    present = ", ".join(f"{camera.index} ({camera.name})" for camera in cameras) or "none"
    if key == WEBCAM_KEY:
        if not cameras:
            raise DriverError("No camera was found. Plug one in, or drive with a video file or 'performance'.")
        return cameras[0]
    if key.isdecimal():
        for camera in cameras:
            if camera.index == int(key):
                return camera
        raise DriverError(f"There is no camera {key}. Cameras present: {present}. List them with --list-cameras.")
    return next((camera for camera in cameras if camera.name.casefold() == key.casefold()), None)
