"""Drivers: the teacher fitted to every frame of a clip, and a driver's expression on another person's face."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.models.networks import NAMED_COUNT
from avatar_core.tracking.topology import MESH_COUNT, RIGID
from avatar_core.training.teacher.avatar import TeacherAvatar
from avatar_core.training.teacher.fit import (
    UNDISTORTED,
    State,
    TeacherFit,
    activation_prior,
    check_landmarks,
    eye_distance,
    finish,
    fit_portrait,
    solve,
    start_pose,
)
from avatar_core.training.teacher.model import TeacherModel

IDENTITY_FRAMES = 8
FIRST_ITERATIONS, LATER_ITERATIONS = 8, 3
STEADINESS = 4.0


def fit_clip(
    model: TeacherModel, landmarks: Sequence[NDArray[np.floating]] | NDArray[np.floating],
    intrinsics: NDArray[np.floating],
) -> list[TeacherFit]:  # fmt: skip
    """One fit per frame with one identity for all: its mean over a few frames fitted alone.

    Args:
        landmarks: per frame (478, 3) pixels; every frame must show the face.
        intrinsics: (3, 3) pixels, the same for all frames.

    Raises:
        ValueError: no frames, a wrong shape or a value that is not finite.
        TrainingDataError: a frame fits no head.
    """
    if not len(landmarks):
        raise ValueError("a clip needs at least one frame with a face")
    for frame in landmarks:
        check_landmarks(frame, intrinsics)
    intrinsics = np.asarray(intrinsics, np.float64)
    chosen = np.unique(np.linspace(0, len(landmarks) - 1, IDENTITY_FRAMES).astype(int))
    identity = np.mean([fit_portrait(model, landmarks[index], intrinsics).identity for index in chosen], axis=0)
    basis = model.basis.with_identity(identity)
    fits: list[TeacherFit] = []
    state: State | None = None
    for frame in landmarks:
        pixels = frame[:MESH_COUNT, :2].astype(np.float64)
        if state is None:
            rotation, translation = start_pose(basis.rest, pixels, intrinsics)
            state = State(rotation, translation, np.zeros(0), np.zeros(NAMED_COUNT))
            solve(basis, state, pixels, intrinsics, eye_distance(frame), FIRST_ITERATIONS)
        else:
            points = basis.points(state.identity, state.activations)[RIGID]
            _follow(state, points, pixels[RIGID], intrinsics)
            before = state.activations.copy()
            solve(basis, state, pixels, intrinsics, eye_distance(frame), LATER_ITERATIONS, before, STEADINESS)
        fits.append(finish(model, basis, state, frame, intrinsics, identity))
    return fits


def _follow(
    state: State, points: NDArray[np.float64], pixels: NDArray[np.float64], intrinsics: NDArray[np.float64]
) -> None:
    """Move the pose of ``state`` to this frame by the rigid landmarks, starting from the frame before."""
    found, turn, shift = cv2.solvePnP(
        points, pixels, intrinsics, UNDISTORTED, cv2.Rodrigues(state.rotation)[0],
        state.translation.reshape(3, 1).copy(), True, cv2.SOLVEPNP_ITERATIVE,
    )  # fmt: skip
    place = np.asarray(shift, np.float64).ravel()
    if found and np.isfinite(place).all() and place[2] > 0:
        state.rotation, state.translation = cv2.Rodrigues(turn)[0].astype(np.float64), place


def transfer(
    avatar: TeacherAvatar, driver_neutral: NDArray[np.floating], driver_activations: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Activations (53,) of ``avatar`` that follow a driver: its own, plus the driver's change from neutral (53,)."""
    change = np.asarray(driver_activations, np.float64) - np.asarray(driver_neutral, np.float64)
    return np.clip(avatar.source_activations + change, 0, activation_prior()[2])
