"""A stream of camera frames -> `Motion`: landmarks, pose taken off, neutral subtracted, smoothed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from avatar_core.motion import ACTIVATION_NAMES, TEETH_UNTOLD, HeadPose, Motion
from avatar_core.tracking.bared_teeth import rows_apart
from avatar_core.tracking.face_model import FaceModel, image_to_axes_up
from avatar_core.tracking.filters import OneEuroFilter
from avatar_core.tracking.gaze import gaze_angles
from avatar_core.tracking.landmarker import Landmarker
from avatar_core.tracking.neutral_stream import NeutralStream
from avatar_core.tracking.open_mouth import lip_to_chin, repair_open_mouth

DEFAULT_INTERVAL = 1.0 / 30.0  # seconds between frames when the caller gives no time stamps
MAX_SIDE = 720  # larger frames are scaled down: the landmark network sees 256 pixels of the face at most
NECK_PIVOT = np.array([0.0, -0.85, -0.85])
"""Where a head turns about its neck, canonical space: below the ears, at the top of the spine."""
CAMERA_DISTANCE = 8.0
"""Assumed distance to the driver's camera, inter-ocular distances: turns a change of size into a step forward."""
FREE_TRANSLATION, MAX_TRANSLATION = 0.4, 0.7
"""Inter-ocular distances that the head moves freely, and how far at most: between them it is held back softly."""
LANDMARK_FILTER, POSE_FILTER, GAZE_FILTER, TEETH_FILTER = (1.0, 40.0), (1.2, 10.0), (1.5, 6.0), (1.0, 6.0)
"""Minimum cutoff (Hz) and beta of the One-Euro filters. Measured on the driver clips: landmark jitter at rest falls
from .00125 to .00026 inter-ocular distances, lag costs .002, mouth opening keeps a correlation of .994 or more."""
SPEED_CUTOFF = 6.0  # Hz, of the filters' speed estimates: at 1 Hz speech is smeared
GAZE_RECOVERY = 0.5  # share by which the gaze follows after a blink, per frame


class Tracker:
    """Callable: RGB frame in, `Motion` or None out. Holds the state of one driver; `reset` starts a new one.

    The neutral face and the rest pose are found by themselves from the first frame on and improve over the first
    seconds (`NeutralStream`); `calibrate` takes the last frames as they are. ``last_landmarks`` (478, 3) are the last
    frame's, in its pixels, as the detector gave them; ``last_timings`` the milliseconds of the last call's parts, where
    it has parts worth telling apart.
    """

    def __init__(self, face_model: FaceModel, smoothing: float = 0.5) -> None:
        self._face_model = face_model
        self._landmarker: Landmarker | None = None
        self._neutral = NeutralStream(face_model)
        self._landmark_filter = OneEuroFilter(*LANDMARK_FILTER, SPEED_CUTOFF)
        self._pose_filter = OneEuroFilter(*POSE_FILTER, SPEED_CUTOFF)
        self._gaze_filter = OneEuroFilter(*GAZE_FILTER, SPEED_CUTOFF)
        self._teeth_filter = OneEuroFilter(*TEETH_FILTER, SPEED_CUTOFF)
        self.smoothing = smoothing
        self._gaze = np.zeros((2, 2))
        self._last_time: float | None = None
        self.last_landmarks: NDArray[np.float32] | None = None
        self.last_timings: dict[str, float] = {}

    @property
    def smoothing(self) -> float:
        """0 follows every frame, 1 is slow and calm; 0.5 is the measured default."""
        return self._smoothing

    @smoothing.setter
    def smoothing(self, value: float) -> None:
        self._smoothing = float(np.clip(value, 0.0, 1.0))
        factor = 4.0 ** (1.0 - 2.0 * self._smoothing)  # a quarter to four times the cutoff
        for smoother, (min_cutoff, beta) in (
            (self._landmark_filter, LANDMARK_FILTER),
            (self._pose_filter, POSE_FILTER),
            (self._gaze_filter, GAZE_FILTER),
            (self._teeth_filter, TEETH_FILTER),
        ):
            smoother.min_cutoff, smoother.beta = min_cutoff * factor, beta * factor

    @property
    def calibrated(self) -> bool:
        """True once the neutral is settled, by itself or by `calibrate`."""
        return self._neutral.settled

    def reset(self) -> None:
        """Forget the driver: neutral, rest pose, filters and the face that was followed."""
        self.close()
        self._neutral.reset()
        for smoother in (self._landmark_filter, self._pose_filter, self._gaze_filter, self._teeth_filter):
            smoother.reset()
        self._gaze = np.zeros((2, 2))
        self._last_time = None
        self.last_landmarks = None

    def calibrate(self) -> bool:
        """Take the driver's face and pose of the last frames as neutral; False when there were none."""
        return self._neutral.calibrate()

    def forget_recent(self) -> None:
        """Let `calibrate` use only frames that come after this call."""
        self._neutral.forget_recent()

    def close(self) -> None:
        """Release the detector; the next frame opens a new one."""
        if self._landmarker is not None:
            self._landmarker.close()
            self._landmarker = None

    def __call__(self, frame: NDArray[np.uint8], timestamp: float | None = None) -> Motion | None:
        """Motion of the face that is followed in an RGB uint8 frame (H, W, 3), or None when there is none.

        Args:
            timestamp: capture time in seconds, for the smoothing; frames are taken as 1/30 s apart without it.
        """
        if self._landmarker is None:
            self._landmarker = Landmarker(video=True)
        scale, searched = min(1.0, MAX_SIDE / max(frame.shape[:2])), frame
        if scale < 1.0:
            searched = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
        faces = self._landmarker.find(searched)
        if not faces:
            return None
        landmarks = faces[0] / np.float32(scale)
        return self.motion_from_landmarks(landmarks, timestamp, rows_apart(frame, landmarks))

    def motion_from_landmarks(
        self, landmarks: NDArray[np.float32], timestamp: float | None = None, teeth_apart: float = TEETH_UNTOLD
    ) -> Motion:
        """Motion of MediaPipe landmarks (478, 3) in pixels (x right, y down, z away).

        Args:
            teeth_apart: see `rows_apart`.
        """
        interval = DEFAULT_INTERVAL
        if timestamp is not None and self._last_time is not None:
            interval = float(np.clip(timestamp - self._last_time, 1e-3, 0.5))
        self._last_time = timestamp
        self.last_landmarks = landmarks
        canonical, to_image = self._face_model.canonicalise(image_to_axes_up(landmarks))
        rotation = to_image.rotation
        pivot = to_image.apply(NECK_PIVOT) / to_image.scale
        self._neutral.observe(canonical, rotation, pivot, to_image.scale)
        canonical = repair_open_mouth(canonical, self._face_model.mean, lip_to_chin(self._neutral.landmarks))
        canonical = self._landmark_filter(canonical, interval)

        neutral = self._neutral.landmarks
        angles = gaze_angles(canonical, neutral)
        if angles is not None:
            self._gaze = self._gaze + GAZE_RECOVERY * (angles - self._gaze)
        gaze = self._gaze_filter(self._gaze, interval)
        apart = float(self._teeth_filter(np.array(teeth_apart), interval))
        return Motion(
            displacement=(canonical - neutral).astype(np.float32),
            landmarks=canonical.astype(np.float32),
            activations=np.zeros(len(ACTIVATION_NAMES), np.float32),
            gaze=gaze.astype(np.float32),
            pose=self._pose(rotation, pivot, to_image.scale, interval),
            image_landmarks=landmarks[:, :2].copy(),
            teeth_apart=apart,
        )

    def _pose(
        self, rotation: NDArray[np.float64], pivot: NDArray[np.float64], scale: float, interval: float
    ) -> HeadPose:
        """Head pose relative to rest; translation in inter-ocular distances."""
        rest = self._neutral
        turned = Rotation.from_matrix(rotation @ rest.rotation.T).as_rotvec()
        forward = CAMERA_DISTANCE * (1.0 - rest.scale / max(scale, 1e-6))
        moved = np.append((pivot * scale / rest.scale - rest.pivot)[:2], forward)
        filtered = self._pose_filter(np.concatenate([turned, moved]), interval)
        translation = filtered[3:]
        length = float(np.linalg.norm(translation))
        if length > FREE_TRANSLATION:
            slack = MAX_TRANSLATION - FREE_TRANSLATION
            translation *= (FREE_TRANSLATION + slack * np.tanh((length - FREE_TRANSLATION) / slack)) / length
        return HeadPose(Rotation.from_rotvec(filtered[:3]).as_matrix(), translation)
