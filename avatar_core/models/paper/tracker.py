"""Frames -> motion with a code: our tracker's head pose, and what motion encoder M sees in the face."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from avatar_core.models.paper.face_crop import FaceCropper
from avatar_core.models.paper.runtime import PaperRuntime
from avatar_core.motion import Motion
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.tracker import Tracker


class PaperTracker(Tracker):
    """`Tracker` whose motions carry M's code; ``last_timings`` tells landmarks, face_crop and motion_encoder apart."""

    def __init__(self, face_model: FaceModel, runtime: PaperRuntime) -> None:
        super().__init__(face_model)
        self._runtime = runtime
        self._cropper: FaceCropper | None = None

    def __call__(self, frame: NDArray[np.uint8], timestamp: float | None = None) -> Motion | None:
        start = time.perf_counter()
        motion = super().__call__(frame, timestamp)
        tracked = time.perf_counter()
        self.last_timings = {"track_landmarks": 1e3 * (tracked - start)}
        if motion is None or self.last_landmarks is None:
            return motion
        if self._cropper is None:
            self._cropper = FaceCropper()
        crop = self._cropper.crop(frame, self.last_landmarks)
        cropped = time.perf_counter()
        code = self._runtime.motion_code(crop)
        self.last_timings["track_face_crop"] = 1e3 * (cropped - tracked)
        self.last_timings["track_motion_encoder"] = 1e3 * (time.perf_counter() - cropped)
        return replace(motion, code=code)

    def close(self) -> None:
        super().close()
        if self._cropper is not None:
            self._cropper.close()
            self._cropper = None
