"""The driver "auto": the first webcam when there is one, unless the user has chosen before it was found."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import pytest

from app import camera_watch
from app.capture import CameraInfo, Driver, create_driver, webcam
from app.config import AppConfig, CaptureConfig
from app.session import Session
from app.workers import capture as capture_module
from avatar_core.engine import AvatarEngine
from tests.app.conftest import wait_until

CAMERA = CameraInfo(0, "Film camera")


class System:
    """A system with one camera, which shows a film; listing it takes until `answer` is set."""

    def __init__(self, film: Path) -> None:
        self._film = film
        self.answer = threading.Event()

    def list_cameras(self) -> list[CameraInfo]:
        assert self.answer.wait(30)
        return [CAMERA]

    def create(self, key: str, cameras: Sequence[CameraInfo], config: CaptureConfig) -> Driver:
        if key != "0":
            return create_driver(key, cameras, config)
        return webcam.Webcam(CAMERA, open_capture=lambda _index: cv2.VideoCapture(str(self._film)))


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch, face_video: Path) -> System:
    made = System(face_video)
    monkeypatch.setattr(camera_watch, "list_cameras", made.list_cameras)
    monkeypatch.setattr(capture_module, "list_cameras", lambda: [CAMERA])
    monkeypatch.setattr(capture_module, "create_driver", made.create)
    return made


@pytest.fixture
def session(engine: AvatarEngine, system: System) -> Iterator[Session]:
    made = Session(engine, AppConfig(driver="auto", size=64))
    yield made
    system.answer.set()
    made.close()


def driver_is(session: Session, kind: str) -> Callable[[], bool]:
    return lambda: session.status().driver_kind == kind


def test_a_camera_found_at_once_is_taken(session: Session, system: System) -> None:
    system.answer.set()
    session.start()
    assert wait_until(driver_is(session, "webcam"))


def test_a_camera_found_late_takes_over_from_the_performance(session: Session, system: System) -> None:
    session.start()
    assert wait_until(driver_is(session, "performance"))
    system.answer.set()
    assert wait_until(driver_is(session, "webcam"))


@pytest.mark.parametrize("kind", ["performance", "none"])
def test_what_the_user_chose_meanwhile_stands(session: Session, system: System, kind: str) -> None:
    session.start()
    assert wait_until(driver_is(session, "performance"))
    if kind == "none":
        session.close_driver()
    else:
        session.open_driver("performance")
    assert wait_until(driver_is(session, kind))
    system.answer.set()
    assert wait_until(lambda: bool(session.list_drivers()[:-1]))  # found, and in the menu
    assert not wait_until(driver_is(session, "webcam"), 1.0)


def test_closing_does_not_wait_for_a_slow_listing(session: Session, system: System) -> None:
    session.start()
    session.close()
    assert not system.answer.is_set()
