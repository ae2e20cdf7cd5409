"""Capture thread: opens the chosen driver, and it alone, and publishes its newest frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.capture import PERFORMANCE_KEY, Driver, DriverFrame, create_driver, list_cameras
from app.config import CaptureConfig
from app.errors import DriverError
from app.notices import NoticeBoard
from app.session_types import DriverKind
from app.slots import LatestSlot
from app.timing import StageTimes
from app.workers.worker import Worker

_RETRY_SECONDS = 2.0  # between two attempts to open a camera that is busy or unplugged
_IDLE_WAIT = 0.25
_TOPIC = "driver"


@dataclass(frozen=True)
class DriverRequest:
    """Wish for a driver; ``key`` None closes the one in use. ``automatic``: nobody asked for this camera by name, so
    the performance takes over when it does not work."""

    key: str | None
    automatic: bool = False


@dataclass(frozen=True)
class DriverState:
    """What the capture thread is doing; ``round`` counts driver changes, ``delivering`` is false while in trouble."""

    name: str = ""
    kind: DriverKind = "none"
    camera_on: bool = False
    delivering: bool = False
    round: int = 0


@dataclass(frozen=True)
class CapturedFrame:
    """A driver's frame on its way to the tracking thread."""

    frame: DriverFrame
    driver: DriverState
    sequence: int


class CaptureWorker(Worker):
    """Publishes to ``frames``; ``is_paused`` is asked before each frame."""

    def __init__(
        self, config: CaptureConfig, notices: NoticeBoard, stages: StageTimes, is_paused: Callable[[], bool]
    ) -> None:
        super().__init__("capture", notices)
        self.frames: LatestSlot[CapturedFrame] = LatestSlot()
        self.state = DriverState()
        self._config = config
        self._stages = stages
        self._is_paused = is_paused
        self._requests: LatestSlot[DriverRequest] = LatestSlot()
        self._interrupt = threading.Event()  # set to end a driver's wait early
        self._driver: Driver | None = None
        self._automatic = False
        self._opened = False
        self._next_attempt = 0.0
        self._sequence = 0

    def request(self, request: DriverRequest) -> None:
        """Ask for another driver; a request not yet served is replaced."""
        self._requests.put(request)
        self._interrupt.set()

    def stop(self) -> None:
        super().stop()
        self._interrupt.set()

    def step(self) -> None:
        self._interrupt.clear()
        request = self._requests.take()
        if request is not None:
            self._switch(request)
        if self._stopping.is_set():
            return
        if self._driver is None:
            self._interrupt.wait(_IDLE_WAIT)
        elif not self._opened:
            self._try_to_open(self._driver)
        else:
            self._read(self._driver)

    def finish(self) -> None:
        self._close()

    def _switch(self, request: DriverRequest) -> None:
        self._close()
        self._notices.forget(_TOPIC)
        self._automatic = request.automatic
        self.state = DriverState(round=self.state.round + 1)
        if request.key is None:
            return
        try:
            cameras = [] if request.key == PERFORMANCE_KEY else list_cameras()
            self._driver = create_driver(request.key, cameras, self._config)
        except DriverError as error:
            self._notices.tell("error", str(error), topic=_TOPIC)
            return
        self.state = DriverState(self._driver.name, self._driver.kind, round=self.state.round)
        self._next_attempt = 0.0

    def _try_to_open(self, driver: Driver) -> None:
        wait = self._next_attempt - time.monotonic()
        if wait > 0:
            self._interrupt.wait(min(wait, _IDLE_WAIT))
            return
        try:
            driver.open()
        except DriverError as error:
            self._in_trouble(driver, error)
            return
        self._opened = True
        self._publish(driver, delivering=False)

    def _read(self, driver: Driver) -> None:
        if self._is_paused() and driver.kind != "webcam":  # a camera is read on, or its buffer would show the past
            self._interrupt.wait(_IDLE_WAIT)
            return
        try:
            frame = driver.read(self._interrupt)
        except DriverError as error:
            self._in_trouble(driver, error)
            return
        if frame is None:
            return
        if not self.state.delivering:
            self._publish(driver, delivering=True)
            if self._notices.forget(_TOPIC):
                self._notices.tell("info", f"'{driver.name}' is back.")
        self._sequence += 1
        self._stages.add("capture", frame.milliseconds)
        self.frames.put(CapturedFrame(frame, self.state, self._sequence))

    def _in_trouble(self, driver: Driver, error: DriverError) -> None:
        """Tell it once, then either try again later, or give the driver up."""
        self._notices.tell("warning", str(error), topic=_TOPIC)
        driver.close()
        self._opened = False
        if self._automatic:
            self._switch(DriverRequest(PERFORMANCE_KEY))
        elif driver.returns_after_trouble:
            self._publish(driver, delivering=False)
            self._next_attempt = time.monotonic() + _RETRY_SECONDS
        else:
            self._driver = None
            self.state = DriverState(round=self.state.round)

    def _publish(self, driver: Driver, *, delivering: bool) -> None:
        camera_on = driver.kind == "webcam" and self._opened
        self.state = DriverState(driver.name, driver.kind, camera_on, delivering, self.state.round)

    def _close(self) -> None:
        if self._driver is not None:
            self._driver.close()
        self._driver, self._opened = None, False
        self.frames.clear()
