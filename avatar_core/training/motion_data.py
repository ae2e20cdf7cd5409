"""Everything the motion training needs, from the data folder and the work folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avatar_core.tracking.face_model import FaceModel
from avatar_core.training.clip_statistics import ClipMotion, clip_motion
from avatar_core.training.expression_sampling import frame_activations
from avatar_core.training.landmarks import TEST_CLIPS, clip_landmarks
from avatar_core.training.motion_teacher import Teacher, build_teacher
from avatar_core.training.teacher_geometry import TrainingDataError

CLIP_FOLDER = "drivers_dev"


@dataclass(frozen=True)
class MotionData:
    """The teacher, and activations (n, A) and motion of training and held-out clips."""

    face_model: FaceModel
    teacher: Teacher
    training_frames: NDArray[np.float32]
    test_frames: NDArray[np.float32]
    test_motion: list[ClipMotion]


def load_motion_data(data: Path, landmarks: Path, face_model_path: Path, residual_count: int) -> MotionData:
    """Read and prepare the training data (seconds, once the clips' landmarks are cached in ``landmarks``).

    Raises:
        TrainingDataError: something is missing or unreadable.
        WeightsError: the face model is.
    """
    if not data.is_dir():
        raise TrainingDataError(f"{data}: no such folder. Point --data at the training data (weights/MODEL_CARD.md).")
    face_model = FaceModel.load(face_model_path)
    clips = clip_landmarks(data / CLIP_FOLDER, landmarks)
    motion = {name: clip_motion(frames, face_model) for name, frames in clips.items()}
    training = [clip for name, clip in motion.items() if name not in TEST_CLIPS and len(clip.gaze)]
    testing = [clip for name, clip in motion.items() if name in TEST_CLIPS and len(clip.gaze)]
    if not training or not testing:
        raise TrainingDataError(
            f"{data / CLIP_FOLDER}: no usable clips; the test clips {', '.join(TEST_CLIPS)} and others are needed."
        )
    teacher = build_teacher(data, face_model, training, residual_count)
    return MotionData(
        face_model=face_model,
        teacher=teacher,
        training_frames=np.concatenate([frame_activations(clip, teacher) for clip in training]),
        test_frames=np.concatenate([frame_activations(clip, teacher) for clip in testing]),
        test_motion=testing,
    )
