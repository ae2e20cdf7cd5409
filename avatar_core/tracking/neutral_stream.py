"""The driver's neutral face and rest pose, found from the first frame on and refined while frames come in."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.neutral import NeutralEstimator

CALM_EXPRESSION = 0.35
"""Norm of the expression estimate (all 478 points) above which a frame says little about the neutral face."""
FRONTAL_YAW = 20.0  # degrees; beyond it the landmarks of the far side are a guess
SETTLED_WEIGHT = 25.0  # about one second of calm frames
MEMORY = 240.0  # weight beyond which old frames fade: the neutral then follows slow drift only
POSE_FRAMES = 5  # first frames whose mean is the rest pose: people look at the screen when they start
CALIBRATION_FRAMES = 8


class NeutralStream:
    """Weighted running mean of single-frame neutrals; calm frontal frames count most."""

    def __init__(self, face_model: FaceModel) -> None:
        self._estimator = NeutralEstimator(face_model)
        self._mean = face_model.mean
        self.reset()

    def reset(self) -> None:
        """Start over with a new driver."""
        self._recent: deque[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]] = deque(
            maxlen=CALIBRATION_FRAMES
        )
        self._fixed = False
        self._weight = 0.0
        self._pose_count = 0
        self.landmarks = self._mean.copy()
        self.rotation = np.eye(3)
        self.pivot = np.zeros(3)
        self.scale = 1.0

    @property
    def settled(self) -> bool:
        """True when enough calm frames were seen, or after `calibrate`."""
        return self._fixed or self._weight >= SETTLED_WEIGHT

    def observe(
        self, canonical: NDArray[np.float64], rotation: NDArray[np.float64], pivot: NDArray[np.float64], scale: float
    ) -> None:
        """Take in one frame: canonical landmarks (478, 3), head rotation (3, 3), pivot (3,) and size."""
        self._recent.append((canonical, rotation, pivot, scale))
        if self._fixed:
            return
        expression = self._estimator.expression(canonical)
        yaw = np.degrees(np.arctan2(rotation[0, 2], rotation[2, 2]))
        weight = np.exp(-((np.linalg.norm(expression) / CALM_EXPRESSION) ** 2) - (yaw / FRONTAL_YAW) ** 2)
        weight = max(float(weight), 0.01)
        self._weight = min(self._weight + weight, MEMORY)
        self.landmarks = self.landmarks + weight / self._weight * (canonical - expression - self.landmarks)
        if self._pose_count < POSE_FRAMES:
            self._pose_count += 1
            share = 1.0 / self._pose_count
            step = Rotation.from_matrix(rotation @ self.rotation.T).as_rotvec() * share
            self.rotation = Rotation.from_rotvec(step).as_matrix() @ self.rotation
            self.pivot = self.pivot + share * (pivot - self.pivot)
            self.scale = self.scale + share * (scale - self.scale)

    def forget_recent(self) -> None:
        """Forget the frames that `calibrate` would average."""
        self._recent.clear()

    def calibrate(self) -> bool:
        """Hold the mean of the last frames as neutral from now on; False when there was none."""
        if not self._recent:
            return False
        self.landmarks = np.mean([row[0] for row in self._recent], axis=0)
        self.rotation = Rotation.from_matrix([row[1] for row in self._recent]).mean().as_matrix()
        self.pivot = np.mean([row[2] for row in self._recent], axis=0)
        self.scale = float(np.mean([row[3] for row in self._recent]))
        self._fixed = True
        return True
