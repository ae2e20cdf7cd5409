"""The live session: one object the window talks to, with every thread behind it.

Threads hand on the newest value only: capture -> tracking -> rendering -> (window). Encoding, recording and files
have threads of their own. Methods return at once; trouble becomes a `Notice`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from app.background import parse_background
from app.camera_watch import CameraWatch
from app.capture import PERFORMANCE_KEY, CameraInfo, driver_choices
from app.config import AppConfig
from app.mark import burn_mark
from app.notices import NoticeBoard
from app.outputs import check_output, write_png
from app.recorder import SYNTHETIC_COMMENT, LiveRecorder
from app.session_types import Controls, DriverChoice, Notice, Preview, ShownFrame, Status, ViewState
from app.source import AVATAR_SUFFIX
from app.timing import Samples, StageTimes, percentile
from app.workers.capture import CaptureWorker, DriverRequest
from app.workers.encoding import EncodingWorker
from app.workers.rendering import RENDER_STAGES, RenderingWorker
from app.workers.tracking import TrackingWorker
from avatar_core.engine import AvatarEngine
from avatar_core.errors import AvatarError
from avatar_core.gaussians import Gaussians
from avatar_core.process_memory import resident_megabytes

AUTO_DRIVER = "auto"
STAGES = ("capture", "track", *RENDER_STAGES, "upload")

_JOIN_SECONDS = 20.0  # longer than any step of any thread
_HISTORY_PERIOD = 0.5  # seconds between two samples of the history plots
_HISTORY_LENGTH = 120


class Session:
    """One user's session with ``engine``; all methods belong to one thread (the window's)."""

    def __init__(self, engine: AvatarEngine, config: AppConfig) -> None:
        self._engine = engine
        self._config = config
        self._controls = Controls(
            **{name: getattr(config.controls, name) for name in config.controls.__dataclass_fields__},
            background=parse_background(config.background),
            size=config.size,
            quality=config.quality,
            synthetic_mark=config.synthetic_mark,
        )
        self._view = ViewState()
        self._notices = NoticeBoard()
        self._stages = StageTimes(STAGES)
        self._frame_age = Samples()
        self._history: dict[str, deque[float]] = {
            "render_fps": deque(maxlen=_HISTORY_LENGTH), "frame_age_ms": deque(maxlen=_HISTORY_LENGTH),
        }  # fmt: skip
        self._sampled_at = 0.0
        self._memory_mb = 0.0
        self._last_shown: ShownFrame | None = None
        self._aged_until = 0.0
        self._recorder: LiveRecorder | None = None
        self._finishing: list[LiveRecorder] = []
        self._files = ThreadPoolExecutor(1, thread_name_prefix="files")
        self._cameras = CameraWatch()
        self._choice = threading.Lock()  # over `_driver_chosen` and the request that follows from it
        self._driver_chosen = False
        self._closed = False

        self._capture = CaptureWorker(config.capture, self._notices, self._stages, lambda: self._controls.paused)
        self._rendering = RenderingWorker(
            engine, lambda: self._tracking.motions.take(), lambda: self._capture.state, lambda: self._controls,
            lambda: self._view, config.face, self._notices, self._stages, self._on_frame,
        )  # fmt: skip
        self._tracking = TrackingWorker(
            engine, self._capture.frames, lambda: self._controls, self._notices, self._stages, self._rendering.wake
        )
        self._encoding = EncodingWorker(engine, self._notices, self._rendering.show)
        self._workers = (self._capture, self._tracking, self._encoding, self._rendering)

    # --- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start every thread and the configured driver; the photo is opened by `open_photo`."""
        for worker in self._workers:
            worker.start()
        if self._config.driver == AUTO_DRIVER:
            self._capture.request(DriverRequest(PERFORMANCE_KEY))
            self._cameras.look(self._prefer_webcam)
        else:
            self.open_driver(self._config.driver)

    def close(self) -> None:
        """End every thread, finish a recording, release the camera. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._cameras.close()
        self.stop_recording()
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.join(_JOIN_SECONDS)
        for recorder in self._finishing:
            recorder.join(_JOIN_SECONDS)
        self._files.shutdown(wait=True)

    @property
    def qualities(self) -> tuple[str, ...]:
        """The levels that ``controls.quality`` may be set to, best first."""
        return self._engine.qualities

    # --- what the window shows --------------------------------------------------------------------------------------

    def status(self) -> Status:
        """A snapshot of the session now."""
        driver, loaded = self._capture.state, self._rendering.loaded
        ages = self._frame_age.values()
        self._sample(ages)
        return Status(
            driver_name=driver.name,
            driver_kind=driver.kind,
            camera_on=driver.camera_on,
            face="none" if driver.kind == "none" else self._rendering.face,
            calibrated=self._tracking.calibrated,
            avatar_name=loaded.name if loaded else "",
            gaussian_count=self._rendering.gaussian_count,
            encode_seconds=loaded.seconds if loaded else 0.0,
            source_thumbnail=loaded.avatar.thumbnail if loaded else None,
            thumbnail_sequence=loaded.sequence if loaded else 0,
            encoding=self._encoding.progress,
            device_report=self._engine.device_report,
            render_fps=self._rendering.rate.rate(),
            track_fps=self._tracking.rate.rate(),
            frame_age_ms=percentile(ages, 0.5),
            frame_age_p95_ms=percentile(ages, 0.95),
            stage_ms=self._stages.medians(),
            history={name: tuple(values) for name, values in self._history.items()},
            recording=self._recorder.status() if self._recorder and self._recorder.active else None,
            memory_mb=self._memory_mb,
        )

    def take_frame(self) -> ShownFrame | None:
        """The newest rendered picture, once."""
        return self._rendering.shown.take()

    def take_preview(self) -> Preview | None:
        """The newest tracked driver picture, once."""
        return self._tracking.previews.take()

    def take_notices(self) -> list[Notice]:
        """Notices since the last call, oldest first."""
        return self._notices.take()

    def report_upload(self, frame: ShownFrame, seconds: float) -> None:
        """``frame`` has reached the screen's texture, which took ``seconds``; its age is measured to here."""
        self._stages.add("upload", 1e3 * seconds)
        if frame.captured_at > self._aged_until:  # a picture drawn again for a new view says nothing about delay
            self._aged_until = frame.captured_at
            self._frame_age.add(1e3 * (time.monotonic() - frame.captured_at))

    # --- controls ---------------------------------------------------------------------------------------------------

    @property
    def controls(self) -> Controls:
        return self._controls

    def set_controls(self, controls: Controls) -> None:
        self._controls = controls
        self._rendering.wake()

    @property
    def view(self) -> ViewState:
        return self._view

    def set_view(self, view: ViewState) -> None:
        self._view = view
        self._rendering.wake()

    # --- avatar -----------------------------------------------------------------------------------------------------

    def open_photo(self, path: str) -> None:
        """Encode the photo at ``path`` (a saved avatar is loaded); the avatar on screen lives on until it is done."""
        self._encoding.request(path)

    def save_avatar(self, path: str) -> None:
        """Save the avatar on screen (.safetensors)."""
        loaded = self._rendering.loaded
        if loaded is None:
            self._notices.tell("warning", "There is no avatar to save yet. Open a photo first.")
            return

        def save() -> None:
            target = check_output(path, {AVATAR_SUFFIX})
            loaded.avatar.save(target)
            self._notices.tell("info", f"Avatar saved to '{target}'.")

        self._in_background(save)

    def export_ply(self, path: str) -> None:
        """Export the Gaussians on screen as a 3DGS .ply."""
        if self._rendering.loaded is None:
            self._notices.tell("warning", "There is no avatar to export yet. Open a photo first.")
            return

        def save(gaussians: Gaussians) -> None:
            target = check_output(path, {".ply"})
            gaussians.save_ply(target)
            self._notices.tell("info", f"{len(gaussians):,} Gaussians exported to '{target}'.")

        self._rendering.export(lambda gaussians: self._in_background(lambda: save(gaussians)))

    def save_png(self, path: str) -> None:
        """Save the picture on screen."""
        frame, marked = self._last_shown, self._controls.synthetic_mark
        if frame is None:
            self._notices.tell("warning", "There is no picture to save yet. Open a photo first.")
            return

        def save() -> None:
            target = check_output(path, {".png"})
            write_png(target, burn_mark(frame.rgb) if marked else frame.rgb, SYNTHETIC_COMMENT)
            self._notices.tell("info", f"Picture saved to '{target}'.")

        self._in_background(save)

    def start_recording(self, path: str) -> None:
        """Record what is shown to an .mp4 at ``path`` until `stop_recording`."""
        if self._recorder is not None and self._recorder.active:
            self._notices.tell("warning", "A recording is running already. Stop it first.")
            return
        self._finishing = [recorder for recorder in self._finishing if recorder.active]
        self._recorder = LiveRecorder(
            path, self._config.recording, self._notices, mark=lambda: self._controls.synthetic_mark
        )
        frame = self._last_shown
        if frame is not None:
            self._recorder.submit(frame.rgb, time.monotonic())

    def stop_recording(self) -> None:
        """End the recording; the file appears once it is complete."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.stop()
            self._finishing.append(recorder)

    # --- driver -----------------------------------------------------------------------------------------------------

    def list_drivers(self) -> list[DriverChoice]:
        """The driver menu. Cameras are looked for in the background: a new one shows a call later."""
        return driver_choices(self._cameras.cameras)

    def open_driver(self, key: str) -> None:
        """Drive by a `DriverChoice` key, a camera's name, or the path of a video, an image or a folder of images."""
        self._choose_driver(DriverRequest(key))

    def close_driver(self) -> None:
        """Drive by nothing: the camera goes off and the avatar eases to the photo's own expression."""
        self._choose_driver(DriverRequest(None))

    def calibrate(self) -> None:
        """Take the driver's present expression and pose as neutral."""
        self._tracking.calibrate()

    def _choose_driver(self, request: DriverRequest) -> None:
        with self._choice:
            self._driver_chosen = True
            self._capture.request(request)

    # --- in other threads -------------------------------------------------------------------------------------------

    def _on_frame(self, frame: ShownFrame) -> None:
        self._last_shown = frame
        recorder = self._recorder
        if recorder is not None:
            recorder.submit(frame.rgb, frame.rendered_at)

    def _prefer_webcam(self, cameras: list[CameraInfo]) -> None:
        with self._choice:
            if cameras and not self._driver_chosen:
                self._capture.request(DriverRequest(str(cameras[0].index), automatic=True))

    def _in_background(self, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except AvatarError as error:
                self._notices.tell("error", str(error))
            except OSError as error:
                self._notices.tell("error", f"The file was not written ({error.strerror or error}). Check the disk.")

        try:
            self._files.submit(guarded)
        except RuntimeError:  # the pool is shut down
            self._notices.tell("warning", "The session is closing; nothing was written.")

    def _sample(self, ages: list[float]) -> None:
        now = time.monotonic()
        if now - self._sampled_at < _HISTORY_PERIOD:
            return
        self._sampled_at = now
        self._history["render_fps"].append(self._rendering.rate.rate(now))
        self._history["frame_age_ms"].append(percentile(ages, 0.5))
        self._memory_mb = resident_megabytes()
