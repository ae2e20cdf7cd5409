"""The cameras that are really present, by name. Listing never opens a picture stream, so no camera light goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_SYSFS = Path("/sys/class/video4linux")
_VIDIOC_QUERYCAP = 0x80685600  # linux/videodev2.h: _IOR('V', 0, struct v4l2_capability), 104 bytes
_CAPABILITY_BYTES = 104
_DEVICE_CAPS_OFFSET = 88
_CAPS_VIDEO_CAPTURE = 0x1 | 0x1000  # single- and multi-planar
_LIST_TIMEOUT = 15.0  # seconds for the operating system's own listing command


@dataclass(frozen=True)
class CameraInfo:
    """A camera: the ``index`` OpenCV opens it by, and its ``name``."""

    index: int
    name: str


def list_cameras() -> list[CameraInfo]:
    """Cameras present now, by index; names are made unique. Takes up to seconds on Windows and macOS."""
    if sys.platform == "linux":
        found = _linux_cameras()
    elif sys.platform == "darwin":
        found = _named_by_command(["system_profiler", "SPCameraDataType", "-json"])
    elif sys.platform == "win32":
        query = "Get-CimInstance Win32_PnPEntity -Filter \"PNPClass='Camera' OR PNPClass='Image'\" | Select-Object Name"
        found = _named_by_command(["powershell", "-NoProfile", "-Command", query + " | ConvertTo-Json"])
    else:
        found = []
    return _unique_names(found)


def _linux_cameras() -> list[CameraInfo]:
    cameras = []
    for entry in _SYSFS.glob("video*"):
        digits = entry.name.removeprefix("video")
        if digits.isdigit() and _captures(Path("/dev") / entry.name):
            try:
                name = (entry / "name").read_text(errors="replace").strip()
            except OSError:
                name = ""
            cameras.append(CameraInfo(int(digits), name or f"Camera {digits}"))
    return sorted(cameras, key=lambda camera: camera.index)


def _captures(device: Path) -> bool:
    """Whether a device node delivers video; one camera often has a second node for metadata alone."""
    import fcntl

    try:
        descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # present but busy or not permitted: opening it will say which
    try:
        answer = fcntl.ioctl(descriptor, _VIDIOC_QUERYCAP, bytes(_CAPABILITY_BYTES))
    except OSError:
        return False
    finally:
        os.close(descriptor)
    capabilities = int.from_bytes(answer[_DEVICE_CAPS_OFFSET : _DEVICE_CAPS_OFFSET + 4], sys.byteorder)
    return bool(capabilities & _CAPS_VIDEO_CAPTURE)


def _named_by_command(command: list[str]) -> list[CameraInfo]:
    """Names from the operating system's listing; their order is taken as OpenCV's index order."""
    try:
        answer = subprocess.run(command, capture_output=True, timeout=_LIST_TIMEOUT, check=True)
        return parse_listing(answer.stdout.decode("utf-8", errors="replace"))
    except (OSError, subprocess.SubprocessError, ValueError):
        return []


def parse_listing(text: str) -> list[CameraInfo]:
    """Cameras of a JSON listing: macOS's ``{"SPCameraDataType": [{"_name": ...}]}`` or Windows' ``{"Name": ...}``.

    Raises:
        ValueError: ``text`` is not JSON.
    """
    if not text.strip():
        return []
    listing = json.loads(text)
    if isinstance(listing, dict):
        listing = listing.get("SPCameraDataType", [listing])
    entries = [entry for entry in listing if isinstance(entry, dict)] if isinstance(listing, list) else []
    names = [entry.get("_name") or entry.get("Name") for entry in entries]
    return [CameraInfo(index, str(name)) for index, name in enumerate(name for name in names if name)]


def _unique_names(cameras: list[CameraInfo]) -> list[CameraInfo]:
    """Two cameras of one model get their index appended, so that a name means one device."""
    names = [camera.name for camera in cameras]
    return [
        CameraInfo(camera.index, f"{camera.name} [{camera.index}]") if names.count(camera.name) > 1 else camera
        for camera in cameras
    ]
