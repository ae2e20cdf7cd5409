from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from avatar_core.motion import TEETH_UNTOLD
from avatar_core.tracking.face_model import FLIP_IMAGE_AXES, FaceModel
from avatar_core.tracking.tracker import Tracker


def _pixels(canonical: NDArray[np.float64], yaw: float = 0.0, size: float = 120.0) -> NDArray[np.float32]:
    rotation = Rotation.from_euler("Y", yaw, degrees=True).as_matrix()
    return ((size * canonical @ rotation.T) * FLIP_IMAGE_AXES + np.array([320, 240, 0])).astype(np.float32)


@pytest.fixture
def tracker(face_model: FaceModel) -> Tracker:
    return Tracker(face_model)


def test_a_frame_without_a_face_gives_none(tracker: Tracker) -> None:
    assert tracker(np.zeros((240, 320, 3), np.uint8)) is None
    tracker.close()


def test_a_real_frame_gives_motion_in_its_pixels(tracker: Tracker, portrait: NDArray[np.uint8]) -> None:
    motion = tracker(portrait)
    tracker.close()
    assert motion is not None and motion.image_landmarks is not None and motion.displacement is not None
    assert 180 < motion.image_landmarks[:, 0].mean() < 270
    assert np.isfinite(motion.displacement).all()


def test_the_mean_face_is_neutral_and_at_rest(tracker: Tracker, face_model: FaceModel) -> None:
    for _ in range(40):
        motion = tracker.motion_from_landmarks(_pixels(face_model.mean))
    assert motion.displacement is not None
    assert np.abs(motion.displacement).max() < 1e-3
    assert np.allclose(motion.pose.rotation, np.eye(3), atol=1e-6)
    assert tracker.calibrated


def test_turning_the_head_is_pose_and_not_expression(tracker: Tracker, face_model: FaceModel) -> None:
    for _ in range(30):
        tracker.motion_from_landmarks(_pixels(face_model.mean))
    for _ in range(60):
        motion = tracker.motion_from_landmarks(_pixels(face_model.mean, yaw=20))
    assert motion.displacement is not None
    assert np.abs(motion.displacement).max() < 5e-3
    yaw = np.degrees(np.arctan2(motion.pose.rotation[0, 2], motion.pose.rotation[2, 2]))
    assert yaw == pytest.approx(20, abs=1)


def test_coming_closer_moves_the_head_forward(tracker: Tracker, face_model: FaceModel) -> None:
    for _ in range(30):
        tracker.motion_from_landmarks(_pixels(face_model.mean))
    for _ in range(60):
        motion = tracker.motion_from_landmarks(_pixels(face_model.mean, size=126))
    assert 0.1 < motion.pose.translation[2] < 0.6


def test_calibrate_takes_the_present_face_and_pose_as_neutral(tracker: Tracker, face_model: FaceModel) -> None:
    smiling = face_model.mean + 2 * face_model.expression_std[1] * face_model.expression_basis[1]
    for _ in range(60):
        motion = tracker.motion_from_landmarks(_pixels(smiling, yaw=8))
    tracker.calibrate()
    for _ in range(30):
        motion = tracker.motion_from_landmarks(_pixels(smiling, yaw=8))
    assert motion.displacement is not None
    assert np.abs(motion.displacement).max() < 2e-3
    assert np.allclose(motion.pose.rotation, np.eye(3), atol=0.02)


def test_reset_starts_a_new_driver(tracker: Tracker, face_model: FaceModel) -> None:
    tracker.motion_from_landmarks(_pixels(face_model.mean))
    tracker.calibrate()
    assert tracker.calibrated
    tracker.reset()
    assert not tracker.calibrated and tracker.last_landmarks is None


def test_more_smoothing_is_calmer(face_model: FaceModel) -> None:
    steps = {}
    for smoothing in (0.0, 1.0):
        tracker, random = Tracker(face_model, smoothing), np.random.default_rng(0)
        shown = [
            tracker.motion_from_landmarks(_pixels(face_model.mean + random.normal(0, 0.002, (478, 3)))).landmarks
            for _ in range(60)
        ]
        steps[smoothing] = np.abs(np.diff(np.array(shown), axis=0))[20:].mean()
    assert steps[1.0] < 0.5 * steps[0.0]


def test_rows_of_teeth_are_calm_at_rest_and_prompt_when_they_part(tracker: Tracker, face_model: FaceModel) -> None:
    pixels, random = _pixels(face_model.mean), np.random.default_rng(0)
    noisy = [0.02 + random.normal(0, 0.003) for _ in range(60)]
    calm = [tracker.motion_from_landmarks(pixels, teeth_apart=value).teeth_apart for value in noisy]
    assert np.abs(np.diff(calm[10:])).mean() < 0.4 * np.abs(np.diff(noisy[10:])).mean()
    parting = [tracker.motion_from_landmarks(pixels, teeth_apart=0.3).teeth_apart for _ in range(2)]
    assert parting[-1] > 0.25
    tracker.reset()
    assert tracker.motion_from_landmarks(pixels).teeth_apart == TEETH_UNTOLD
