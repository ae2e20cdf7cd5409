import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import pytest

from app.capture import CameraInfo, Driver, create_driver, webcam
from app.config import CaptureConfig
from app.notices import NoticeBoard
from app.session import STAGES
from app.timing import StageTimes
from app.workers import capture as capture_module
from app.workers.capture import CaptureWorker, DriverRequest
from tests.app.conftest import wait_until


class Running:
    """A started capture thread and what it told."""

    def __init__(self) -> None:
        self.notices = NoticeBoard()
        self.paused = False
        self.worker = CaptureWorker(CaptureConfig(), self.notices, StageTimes(STAGES), lambda: self.paused)
        self.told: list[str] = []
        self.worker.start()

    def tells(self, text: str) -> bool:
        self.told += [notice.text for notice in self.notices.take()]
        return any(text in line for line in self.told)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(capture_module, "_RETRY_SECONDS", 0.05)
    session = Running()
    yield session
    session.worker.stop()
    assert session.worker.join(30)


def delivering(running: Running, kind: str) -> bool:
    state = running.worker.state
    return state.kind == kind and state.delivering and running.worker.frames.take() is not None


def test_drivers_can_be_changed_while_running(running: Running, face_video: Path) -> None:
    for key, kind in ((str(face_video), "video"), ("performance", "performance"), (str(face_video), "video")):
        running.worker.request(DriverRequest(key))
        assert wait_until(lambda kind=kind: delivering(running, kind))  # type: ignore[misc]
    running.worker.request(DriverRequest(None))
    assert wait_until(lambda: running.worker.state.kind == "none")
    assert running.worker.frames.take() is None


def test_a_camera_that_is_not_there_is_told_once_and_the_thread_lives_on(running: Running) -> None:
    running.worker.request(DriverRequest("97"))
    assert wait_until(lambda: running.tells("There is no camera 97"))
    running.worker.request(DriverRequest("performance"))
    assert wait_until(lambda: delivering(running, "performance"))
    assert len(running.told) == 1


def test_the_camera_light_is_told_only_while_a_camera_is_open(running: Running, face_video: Path) -> None:
    running.worker.request(DriverRequest(str(face_video)))
    assert wait_until(lambda: delivering(running, "video"))
    assert not running.worker.state.camera_on


def test_a_pause_holds_a_video_where_it_is(running: Running, face_video: Path) -> None:
    running.worker.request(DriverRequest(str(face_video)))
    assert wait_until(lambda: delivering(running, "video"))
    running.paused = True
    assert wait_until(lambda: running.worker.frames.take(0.3) is None)
    running.paused = False
    assert wait_until(lambda: delivering(running, "video"))


def test_a_video_without_frames_is_given_up(running: Running, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    running.worker.request(DriverRequest(str(tmp_path)))
    assert wait_until(lambda: running.tells("no frame that can be decoded"))
    assert wait_until(lambda: running.worker.state.kind == "none")


def test_closing_does_not_wait_for_a_slow_clip(running: Running, photo: Path) -> None:
    running.worker.request(DriverRequest(str(photo)))
    assert wait_until(lambda: delivering(running, "images"))
    running.worker.stop()
    assert running.worker.join(30)


class TestCamera:
    """A camera whose device node is a video file: real frames, then silence, as when it is unplugged."""

    @pytest.fixture(autouse=True)
    def film_camera(self, monkeypatch: pytest.MonkeyPatch, face_video: Path) -> None:
        self.plugged = True

        def open_capture(index: int) -> cv2.VideoCapture:
            return cv2.VideoCapture(str(face_video) if self.plugged else "/nonexistent")

        def create(key: str, cameras: Sequence[CameraInfo], config: CaptureConfig) -> Driver:
            if key != "0":
                return create_driver(key, cameras, config)
            return webcam.Webcam(CameraInfo(0, "Film camera"), open_capture=open_capture)

        monkeypatch.setattr(webcam, "_SILENCE_LIMIT", 0.2)
        monkeypatch.setattr(capture_module, "create_driver", create)

    def test_an_unplugged_camera_is_told_once_retried_quietly_and_comes_back(self, running: Running) -> None:
        running.worker.request(DriverRequest("0"))
        assert wait_until(lambda: running.worker.state.camera_on and running.worker.state.delivering)
        self.plugged = False
        assert wait_until(lambda: running.tells("sends no picture") or running.tells("cannot be opened"))
        assert wait_until(lambda: not running.worker.state.camera_on)
        time.sleep(1.0)  # some twenty attempts
        running.tells("")
        troubles = [line for line in running.told if "back" not in line]
        assert len(troubles) == len(set(troubles)) <= 2
        self.plugged = True
        assert wait_until(lambda: running.tells("'Film camera' is back"))

    def test_a_camera_nobody_asked_for_gives_way_to_the_performance(self, running: Running) -> None:
        self.plugged = False
        running.worker.request(DriverRequest("0", automatic=True))
        assert wait_until(lambda: running.tells("cannot be opened"))
        assert wait_until(lambda: delivering(running, "performance"))
