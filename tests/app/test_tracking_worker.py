from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from app.capture import DriverFrame
from app.notices import NoticeBoard
from app.session import STAGES
from app.session_types import Controls
from app.slots import LatestSlot
from app.timing import StageTimes
from app.workers.capture import CapturedFrame, DriverState
from app.workers.tracking import TrackingWorker
from avatar_core.engine import AvatarEngine
from tests.app.conftest import wait_until


class Running:
    """A started tracking thread, fed frame by frame."""

    def __init__(self, engine: AvatarEngine) -> None:
        self.notices = NoticeBoard()
        self.controls = Controls(mirror=False)
        self._frames: LatestSlot[CapturedFrame] = LatestSlot()
        self._sequence = 0
        self.worker = TrackingWorker(
            engine, self._frames, lambda: self.controls, self.notices, StageTimes(STAGES), lambda: None
        )
        self.worker.start()

    def sees(self, rgb: NDArray[np.uint8]) -> None:
        """Let the thread track ``rgb``."""
        self._sequence += 1
        frame = DriverFrame(rgb, None, self._sequence / 25, 0.0)
        self._frames.put(CapturedFrame(frame, DriverState("test", "webcam", round=1), self._sequence))
        assert wait_until(lambda: self.worker.motions.take() is not None)

    def told(self) -> list[tuple[str, str]]:
        return [(notice.level, notice.text.split(":")[0].split(".")[0]) for notice in self.notices.take()]


@pytest.fixture
def running(engine: AvatarEngine) -> Iterator[Running]:
    thread = Running(engine)
    yield thread
    thread.worker.stop()
    assert thread.worker.join(30)


NOBODY = np.full((360, 480, 3), 90, np.uint8)
TAKEN, REFUSED = ("info", "Neutral taken"), ("warning", "No face to calibrate on yet")


def test_calibration_takes_the_face_that_is_seen_and_tells_once(
    running: Running, face_frames: list[NDArray[np.uint8]]
) -> None:
    running.sees(face_frames[0])
    running.worker.calibrate()
    running.sees(face_frames[1])
    running.sees(face_frames[2])
    assert running.told() == [TAKEN]
    assert running.worker.calibrated


def test_calibration_without_a_face_is_refused_even_when_there_was_one_before(
    running: Running, face_frames: list[NDArray[np.uint8]]
) -> None:
    running.worker.calibrate()
    running.sees(NOBODY)
    assert running.told() == [REFUSED]
    running.sees(face_frames[0])
    running.worker.calibrate()
    running.sees(NOBODY)
    assert running.told() == [REFUSED]
    running.sees(face_frames[1])
    assert running.told() == []


def test_a_face_from_before_a_pause_is_not_calibrated_on(
    running: Running, face_frames: list[NDArray[np.uint8]], engine: AvatarEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[bool] = []
    forget = engine.track.forget_recent
    monkeypatch.setattr(engine.track, "forget_recent", lambda: (forgotten.append(True), forget()))
    running.sees(face_frames[0])
    assert not forgotten
    running.controls = Controls(mirror=False, paused=True)
    assert wait_until(lambda: running.worker._was_paused)
    running.controls = Controls(mirror=False)
    running.sees(face_frames[1])
    running.sees(face_frames[2])
    assert forgotten == [True]
