import threading
from pathlib import Path

import cv2
import pytest

from app.capture import CameraInfo
from app.capture import webcam as webcam_module
from app.capture.webcam import Webcam
from app.errors import DriverError

NEVER = threading.Event()
ABSENT = CameraInfo(97, "Absent camera")


def from_file(path: Path) -> Webcam:
    """A camera whose device is a video file: it delivers real frames and then falls silent, like one unplugged."""
    return Webcam(CameraInfo(0, "Film camera"), open_capture=lambda index: cv2.VideoCapture(str(path)))


def test_a_missing_camera_is_told_with_its_name_and_a_remedy() -> None:
    with pytest.raises(DriverError, match=r"'Absent camera' cannot be opened: .*(Plug|Close)"):
        Webcam(ABSENT).open()


def test_frames_are_rgb_and_carry_their_time(face_video: Path) -> None:
    camera = from_file(face_video)
    camera.open()
    first, second = camera.read(NEVER), camera.read(NEVER)
    camera.close()
    assert first is not None and second is not None and first.rgb is not None
    assert first.rgb.shape == (360, 480, 3)
    assert second.captured_at >= first.captured_at
    assert first.rgb[..., 0].mean() > first.rgb[..., 2].mean()  # skin and orange suit: more red than blue


def test_an_unplugged_camera_is_told_after_its_silence(face_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webcam_module, "_SILENCE_LIMIT", 0.2)
    camera = from_file(face_video)
    camera.open()
    with pytest.raises(DriverError, match="unplugged, or another program"):
        while True:
            camera.read(NEVER)
    camera.close()


def test_a_camera_can_be_opened_again(face_video: Path) -> None:
    camera = from_file(face_video)
    for _ in range(2):
        camera.open()
        assert camera.read(NEVER) is not None
        camera.close()
        with pytest.raises(DriverError, match="is not open"):
            camera.read(NEVER)
