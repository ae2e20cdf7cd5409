"""Tracking thread: turns the newest captured frame into a motion, and shows what it saw as a preview."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from app.notices import NoticeBoard
from app.session_types import Controls, Preview
from app.slots import LatestSlot
from app.timing import RateMeter, StageTimes
from app.workers.capture import CapturedFrame
from app.workers.worker import Worker
from avatar_core.engine import AvatarEngine
from avatar_core.motion import Motion

_WAIT = 0.25


@dataclass(frozen=True)
class TrackedFrame:
    """The motion of one captured frame, None when no face was found in it."""

    motion: Motion | None
    captured_at: float
    round: int


class TrackingWorker(Worker):
    """Publishes to ``motions`` and ``previews``; ``announce`` is called after each motion."""

    def __init__(
        self,
        engine: AvatarEngine,
        frames: LatestSlot[CapturedFrame],
        controls: Callable[[], Controls],
        notices: NoticeBoard,
        stages: StageTimes,
        announce: Callable[[], None],
    ) -> None:
        super().__init__("tracking", notices)
        self.motions: LatestSlot[TrackedFrame] = LatestSlot()
        self.previews: LatestSlot[Preview] = LatestSlot()
        self.rate = RateMeter()
        self.calibrated = False
        self._engine = engine
        self._frames = frames
        self._controls = controls
        self._stages = stages
        self._announce = announce
        self._calibrate = threading.Event()
        self._followed: tuple[int, bool] | None = None  # driver round and mirroring the tracker's memory belongs to
        self._was_paused = False

    def calibrate(self) -> None:
        """Take the driver's face as it is when the next frame comes as neutral, and tell how that went."""
        self._calibrate.set()

    def step(self) -> None:
        captured = self._frames.take(_WAIT)
        controls = self._controls()
        self._was_paused = self._was_paused or controls.paused
        if captured is None or controls.paused:
            return
        frame, rgb = captured.frame, captured.frame.rgb
        motion = frame.motion
        if rgb is not None:
            began = time.monotonic()
            if controls.mirror:
                rgb = np.asarray(cv2.flip(rgb, 1), np.uint8)
            self._prepare_tracker(captured, controls)
            motion = self._engine.track(rgb, frame.captured_at)
            self._stages.add("track", 1e3 * (time.monotonic() - began))
            self.rate.tick()
            if self._calibrate.is_set():
                self._calibrate.clear()
                self._take_neutral(face_found=motion is not None)
            self.calibrated = self._engine.track.calibrated
            landmarks = None if motion is None else motion.image_landmarks
            self.previews.put(Preview(rgb, landmarks, captured.sequence))
        self.motions.put(TrackedFrame(motion, frame.captured_at, captured.driver.round))
        self._announce()

    def _prepare_tracker(self, captured: CapturedFrame, controls: Controls) -> None:
        tracker = self._engine.track
        now_followed = (captured.driver.round, controls.mirror)
        if now_followed != self._followed:
            tracker.reset()
            self._followed = now_followed
        if tracker.smoothing != controls.smoothing:
            tracker.smoothing = controls.smoothing
        if self._was_paused:
            self._was_paused = False
            tracker.forget_recent()  # a face from before the pause is not the one that is calibrated on now

    def _take_neutral(self, *, face_found: bool) -> None:
        if face_found and self._engine.track.calibrate():
            self._notices.tell("info", "Neutral taken: this expression and head pose are the driver's rest now.")
        else:
            self._notices.tell("warning", "No face to calibrate on yet. Look into the camera and press N again.")
