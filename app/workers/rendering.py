"""Rendering thread: the newest motion, view and controls become the newest picture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.config import FaceConfig
from app.notices import NoticeBoard
from app.presence import FacePresence
from app.session_types import Controls, FaceState, ShownFrame, ViewState
from app.slots import LatestSlot
from app.timing import RateMeter, StageTimes
from app.workers.capture import DriverState
from app.workers.encoding import LoadedAvatar
from app.workers.tracking import TrackedFrame
from app.workers.worker import Worker
from avatar_core.camera import Camera
from avatar_core.engine import AvatarEngine
from avatar_core.gaussians import Gaussians
from avatar_core.motion import ACTIVATION_NAMES, Gains, Motion

_IDLE_WAIT = 0.1
_EASING_STEP = 1.0 / 30.0  # seconds between frames while the avatar eases without new motion
RENDER_STAGES = ("animate", "rasterise", "compose")


@dataclass(frozen=True)
class _Wanted:
    """All that determines a picture."""

    loaded: LoadedAvatar
    motion: Motion | None
    weight: float
    controls: Controls
    view: ViewState

    def same_picture_as(self, other: _Wanted | None) -> bool:
        return (
            other is not None
            and self.loaded is other.loaded
            and (self.motion is other.motion or self.weight == other.weight == 0.0)
            and (self.weight, self.controls, self.view) == (other.weight, other.controls, other.view)
        )

    def shown_motion(self) -> Motion | None:
        """The motion with gains and weight, None where the photo's own expression is shown."""
        if self.motion is None or self.weight == 0.0:
            return None
        controls = self.controls
        gains = Gains(controls.expression_gain, controls.eye_gain, controls.mouth_gain, controls.head_gain)
        return self.motion.with_gains(gains).faded(self.weight)


class RenderingWorker(Worker):
    """Publishes to ``shown`` and calls ``on_frame`` with each picture.

    ``controls``, ``view`` and ``driver`` are asked for each frame; `wake` tells that one of them changed.
    """

    def __init__(
        self,
        engine: AvatarEngine,
        motions: Callable[[], TrackedFrame | None],
        driver: Callable[[], DriverState],
        controls: Callable[[], Controls],
        view: Callable[[], ViewState],
        config: FaceConfig,
        notices: NoticeBoard,
        stages: StageTimes,
        on_frame: Callable[[ShownFrame], None],
    ) -> None:
        super().__init__("rendering", notices)
        self.shown: LatestSlot[ShownFrame] = LatestSlot()
        self.rate = RateMeter()
        self.face: FaceState = "none"
        self.loaded: LoadedAvatar | None = None
        self.gaussian_count = 0  # of the avatar on screen, at the quality it is drawn with
        self._engine = engine
        self._motions = motions
        self._driver = driver
        self._controls = controls
        self._view = view
        self._notices = notices
        self._stages = stages
        self._on_frame = on_frame
        self._presence = FacePresence(config)
        self._woken = threading.Event()
        self._arrived: LatestSlot[LoadedAvatar] = LatestSlot()
        self._exports: LatestSlot[Callable[[Gaussians], None]] = LatestSlot()
        self._round = 0
        self._motion: Motion | None = None
        self._captured_at = 0.0
        self._drawn: _Wanted | None = None
        self._sequence = 0

    def wake(self) -> None:
        """Something changed: look again now."""
        self._woken.set()

    def stop(self) -> None:
        super().stop()
        self._woken.set()

    def show(self, loaded: LoadedAvatar) -> None:
        """Put another avatar on screen."""
        self._arrived.put(loaded)
        self._woken.set()

    def export(self, save: Callable[[Gaussians], None]) -> None:
        """Call ``save`` with a copy of the Gaussians on screen, between two frames."""
        self._exports.put(save)
        self._woken.set()

    def step(self) -> None:
        easing = 0.0 < self._presence.weight < 1.0
        self._woken.wait(_EASING_STEP if easing else _IDLE_WAIT)
        self._woken.clear()
        if self._stopping.is_set():
            return
        self.loaded = self._arrived.take() or self.loaded
        controls, view = self._controls(), self._view()
        weight = self._follow_driver(controls.paused)
        if self.loaded is None:
            return
        self._serve_export(self.loaded)
        wanted = _Wanted(self.loaded, self._motion, weight, controls, view)
        if not wanted.same_picture_as(self._drawn):
            self._draw(wanted)

    def _follow_driver(self, paused: bool) -> float:
        """Take the newest motion; returns how strongly it is shown."""
        now = time.monotonic()
        tracked = self._motions()
        if paused:
            self._presence.hold(now)
            return self._presence.weight
        driver = self._driver()
        if driver.round != self._round:
            self._round = driver.round
            self._presence.restart()
        if tracked is not None and tracked.round == self._round:
            self._presence.observe(now, face_found=tracked.motion is not None)
            if tracked.motion is not None:
                self._motion, self._captured_at = tracked.motion, tracked.captured_at
        elif not driver.delivering:
            self._presence.silent()
        weight = self._presence.update(now)
        scripted = driver.kind == "performance"
        self.face = "not needed" if scripted else self._presence.state(now)
        return weight

    def _serve_export(self, loaded: LoadedAvatar) -> None:
        save = self._exports.take()
        if save is None:
            return
        motion = None if self._drawn is None else self._drawn.shown_motion()
        save(self._engine.gaussians(loaded.avatar, motion))

    def _draw(self, wanted: _Wanted) -> None:
        controls, view = wanted.controls, wanted.view
        motion = wanted.shown_motion()
        camera = Camera.orbit(view.yaw, view.pitch, view.radius, target=view.target)
        self._engine.quality = controls.quality
        rgb = self._engine.render(
            wanted.loaded.avatar, motion, camera, size=controls.size, background=controls.background
        )
        self.gaussian_count = self._engine.last_gaussians
        for stage in RENDER_STAGES:
            self._stages.add(stage, self._engine.last_timings.get(stage, 0.0))
        now = time.monotonic()
        self.rate.tick(now)
        self._drawn = wanted
        self._sequence += 1
        activations = self._engine.last_activations[: len(ACTIVATION_NAMES)].copy()
        captured_at = 0.0 if motion is None else self._captured_at
        frame = ShownFrame(rgb, self._sequence, captured_at, now, activations)
        self.shown.put(frame)
        self._on_frame(frame)
