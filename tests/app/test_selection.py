from pathlib import Path

import pytest

from app.capture import CameraInfo, create_driver, driver_choices
from app.config import CaptureConfig
from app.errors import DriverError

CAMERAS = [CameraInfo(0, "Built-in"), CameraInfo(2, "USB Camera")]
CONFIG = CaptureConfig()


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("webcam", "Built-in"),
        ("2", "USB Camera"),
        ("usb camera", "USB Camera"),
        ("performance", "Scripted performance"),
    ],
)
def test_cameras_by_index_and_name_and_the_performance(key: str, name: str) -> None:
    assert create_driver(key, CAMERAS, CONFIG).name == name


def test_anything_else_is_a_path(face_video: Path) -> None:
    driver = create_driver(str(face_video), CAMERAS, CONFIG)
    assert (driver.kind, driver.name) == ("video", "face.mp4")
    assert create_driver(str(face_video.parent), CAMERAS, CONFIG).kind == "images"


def test_every_menu_entry_opens_what_it_says() -> None:
    choices = driver_choices(CAMERAS)
    assert [choice.label for choice in choices] == ["Built-in", "USB Camera", "Scripted performance"]
    for choice in choices:
        assert create_driver(choice.key, CAMERAS, CONFIG).name == choice.label


@pytest.mark.parametrize(
    ("key", "cameras", "trouble"),
    [
        ("webcam", [], "No camera was found"),
        ("1", CAMERAS, r"no camera 1. Cameras present: 0 \(Built-in\), 2 \(USB Camera\)"),
        ("7", [], "Cameras present: none"),
        ("no such file.mp4", CAMERAS, "no driver file"),
        (" ", CAMERAS, "has no name"),
    ],
)
def test_a_driver_that_is_not_there_is_told(key: str, cameras: list[CameraInfo], trouble: str) -> None:
    with pytest.raises(DriverError, match=trouble):
        create_driver(key, cameras, CONFIG)
