"""Where driver frames come from: one `Driver` protocol, four kinds of driver."""

from app.capture.cameras import CameraInfo, list_cameras
from app.capture.driver import Driver, DriverFrame
from app.capture.selection import PERFORMANCE_KEY, create_driver, driver_choices

__all__ = [
    "PERFORMANCE_KEY",
    "CameraInfo",
    "Driver",
    "DriverFrame",
    "create_driver",
    "driver_choices",
    "list_cameras",
]
