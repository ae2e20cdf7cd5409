"""Fits pose, identity and expression of the teacher to the landmarks of one picture: Gauss-Newton.

Per step the pose and identity are eliminated by a Schur complement, and the 53 activations, which have bounds, follow
by projected Gauss-Seidel: solving all at once and clipping afterwards makes tracking diverge. Priors: identity N(0, 1),
activations `activation_prior.prior`. Huber's loss on the pixel error.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.models.box_qp import solve_box_qp
from avatar_core.models.networks import NAMED_COUNT
from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.tracking.topology import (
    LANDMARK_COUNT,
    LEFT_EYE_OUTER,
    LEFT_IRIS,
    MESH_COUNT,
    RIGHT_EYE_OUTER,
    RIGHT_IRIS,
)
from avatar_core.training.activation_prior import ANTAGONIST_COST, antagonists, prior
from avatar_core.training.teacher.basis import LandmarkBasis
from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher_geometry import TrainingDataError

NOISE, HUBER = 0.025, 0.066
"""Standard deviation of a landmark and where its loss turns linear, shares of the eye distance in the picture."""
SPARSITY, ANTAGONISM = 1.5, 60.0
IDENTITY_LIMIT = 3.0
MAX_TURN = 0.35  # radians per step
ITERATIONS = 15
UNDISTORTED = np.zeros(4)  # lens distortion, as OpenCV wants it
GAZE_LIMIT = 0.7  # radians
_GENEROUS = ("eyeWide", "browInnerUp", "browOuterUp", "UpperUp", "mouthSmile")


@dataclass(frozen=True)
class TeacherFit:
    """One face, fitted.

    Args:
        rotation: (3, 3) and translation: (3,) cm: model axes to OpenCV camera axes.
        identity: (100,), activations: (53,) in `ACTIVATION_NAMES` order.
        gaze: (2, 2) yaw (to image right) and pitch (up) in radians in the head's axes, row 0 the right eye.
        error: mean landmark error, share of the eye distance; residual: (468, 2) pixels, landmark less model.
    """

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    identity: NDArray[np.float64]
    activations: NDArray[np.float64]
    gaze: NDArray[np.float64]
    error: float
    residual: NDArray[np.float64]

    @property
    def yaw(self) -> float:
        """Degrees by which the head turns to the image's right."""
        return float(np.degrees(np.arctan2(self.rotation[0, 2], -self.rotation[2, 2])))


def activation_prior() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Precision (53, 53), sparsity (53,) and upper bounds (53,) of the activations.

    Antagonists cost their product, which is nothing while one of them rests; the motion networks' prior squares their
    sum instead, which at this strength would weaken every activation that has an antagonist.
    """
    precision, _, upper = prior(0)
    for first, second in antagonists():
        precision[[first, second], [first, second]] -= ANTAGONIST_COST
        precision[[first, second], [second, first]] += ANTAGONISM - ANTAGONIST_COST
    sparsity = np.array([0.0 if "Blink" in name else SPARSITY for name in ACTIVATION_NAMES])
    generous = np.array([any(key in name for key in _GENEROUS) for name in ACTIVATION_NAMES])
    return precision[:NAMED_COUNT, :NAMED_COUNT], sparsity, np.where(generous, upper[:NAMED_COUNT], 1.0)


@dataclass
class State:
    """Unknowns of the fit, as in `TeacherFit`."""

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    identity: NDArray[np.float64]
    activations: NDArray[np.float64]


def project(
    points: NDArray[np.floating], rotation: NDArray[np.floating], translation: NDArray[np.floating],
    intrinsics: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Pixels (N, 2), centres at .5, and depths (N,) of model points (N, 3)."""
    seen = points @ rotation.T + translation
    pixels = seen[:, :2] / seen[:, 2:] * np.diag(intrinsics)[:2] + intrinsics[:2, 2]
    return pixels, seen[:, 2]


def start_pose(
    points: NDArray[np.floating], pixels: NDArray[np.floating], intrinsics: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotation and translation that bring ``points`` (N, 3) to ``pixels`` (N, 2)."""
    found, turn, shift = cv2.solvePnP(
        np.asarray(points, np.float64), np.asarray(pixels, np.float64), np.asarray(intrinsics, np.float64),
        UNDISTORTED, flags=cv2.SOLVEPNP_SQPNP,
    )  # fmt: skip
    if not found:
        raise TrainingDataError("The landmarks fit no head: use a photo with one whole face.")
    return cv2.Rodrigues(turn)[0].astype(np.float64), np.asarray(shift, np.float64).ravel()


def check_landmarks(landmarks: NDArray[np.floating], intrinsics: NDArray[np.floating]) -> None:
    """Raises: ValueError: a shape is wrong or a value not finite."""
    if landmarks.shape not in {(LANDMARK_COUNT, 3), (LANDMARK_COUNT, 2)} or np.shape(intrinsics) != (3, 3):
        raise ValueError(
            f"landmarks must be ({LANDMARK_COUNT}, 3) and intrinsics (3, 3), got {landmarks.shape} and "
            f"{np.shape(intrinsics)}"
        )
    if not np.isfinite(landmarks).all():
        raise ValueError("landmarks hold a value that is not finite")


def eye_distance(landmarks: NDArray[np.floating]) -> float:
    """Pixels between the outer eye corners."""
    return float(np.linalg.norm(landmarks[RIGHT_EYE_OUTER, :2] - landmarks[LEFT_EYE_OUTER, :2]))


def fit_portrait(model: TeacherModel, landmarks: NDArray[np.floating], intrinsics: NDArray[np.floating]) -> TeacherFit:
    """Fit the teacher to one picture.

    Args:
        landmarks: (478, 3) of MediaPipe in pixels (x right, y down; depth is not used), pixel centres at .5.
        intrinsics: (3, 3) in pixels.

    Raises:
        ValueError: a shape is wrong or a value not finite.
        TrainingDataError: the landmarks fit no head.
    """
    check_landmarks(landmarks, intrinsics)
    intrinsics = np.asarray(intrinsics, np.float64)
    pixels = landmarks[:MESH_COUNT, :2].astype(np.float64)
    basis = model.basis
    rotation, translation = start_pose(basis.rest, pixels, intrinsics)
    state = State(rotation, translation, np.zeros(len(basis.identity)), np.zeros(NAMED_COUNT))
    solve(basis, state, pixels, intrinsics, eye_distance(landmarks), ITERATIONS)
    return finish(model, basis, state, landmarks, intrinsics, state.identity)


def finish(
    model: TeacherModel, basis: LandmarkBasis, state: State, landmarks: NDArray[np.floating],
    intrinsics: NDArray[np.float64], identity: NDArray[np.float64],
) -> TeacherFit:  # fmt: skip
    """The fit of a solved ``state``: error and gaze."""
    points = basis.points(state.identity, state.activations)
    residual = landmarks[:MESH_COUNT, :2] - project(points, state.rotation, state.translation, intrinsics)[0]
    eyes = model.eyes_of(identity)
    gaze = [
        gaze_of(landmarks[iris, :2], eyes[eye], model.eye_radius, state.rotation, state.translation, intrinsics)
        for eye, iris in enumerate((RIGHT_IRIS, LEFT_IRIS))
    ]
    error = np.linalg.norm(residual, axis=1).mean() / eye_distance(landmarks)
    return TeacherFit(
        state.rotation.copy(), state.translation.copy(), identity.copy(), state.activations.copy(), np.array(gaze),
        float(error), residual,
    )  # fmt: skip


def gaze_of(
    iris: NDArray[np.floating], centre: NDArray[np.float64], radius: float, rotation: NDArray[np.float64],
    translation: NDArray[np.float64], intrinsics: NDArray[np.float64],
) -> NDArray[np.float64]:  # fmt: skip
    """(2,) yaw and pitch of the eyeball whose surface the ray through pixel ``iris`` (2,) meets."""
    ray = np.array([*((iris - intrinsics[:2, 2]) / np.diag(intrinsics)[:2]), 1.0])
    ray = rotation.T @ (ray / np.linalg.norm(ray))
    origin = -rotation.T @ translation
    towards = (origin - centre) @ ray
    inside = towards**2 - (origin - centre) @ (origin - centre) + radius**2
    direction = origin + (-towards - np.sqrt(max(inside, 0.0))) * ray - centre
    direction /= np.linalg.norm(direction)
    angles = np.array([np.arctan2(direction[0], direction[2]), np.arcsin(np.clip(direction[1], -1, 1))])
    return np.clip(angles, -GAZE_LIMIT, GAZE_LIMIT)


def solve(
    basis: LandmarkBasis, state: State, pixels: NDArray[np.float64], intrinsics: NDArray[np.float64], scale: float,
    iterations: int, previous: NDArray[np.float64] | None = None, steadiness: float = 0.0,
) -> None:  # fmt: skip
    """Improve ``state`` in place.

    Args:
        pixels: (468, 2); scale: the eye distance in pixels, the unit of the noise.
        previous, steadiness: activations of the frame before, and the precision that ties to them.
    """
    precision, sparsity, upper = activation_prior()
    identities = len(basis.identity)
    free = 6 + identities
    if previous is not None:
        precision = precision + steadiness * np.eye(NAMED_COUNT)
    for _ in range(iterations):
        jacobian, residual = _linearise(basis, state, pixels, intrinsics)
        size = np.linalg.norm(residual, axis=1) / scale
        weight = basis.trust / (NOISE * scale) ** 2 * np.minimum(1, HUBER / np.maximum(size, 1e-9))
        flat = jacobian.reshape(2 * len(pixels), -1)
        weighted = flat * np.repeat(weight, 2)[:, None]
        hessian, gradient = weighted.T @ flat, weighted.T @ residual.ravel()
        hessian[np.arange(3), np.arange(3)] += 1e-3
        hessian[np.arange(3, 6), np.arange(3, 6)] += 1e-4
        who = np.arange(6, free)
        hessian[who, who] += 1
        gradient[who] -= state.identity
        hessian[free:, free:] += precision
        gradient[free:] -= precision @ state.activations + sparsity
        if previous is not None:
            gradient[free:] += steadiness * previous
        coupling = hessian[:free, free:]
        eliminated = np.linalg.solve(hessian[:free, :free], np.column_stack([coupling, gradient[:free]]))
        reduced = hessian[free:, free:] - coupling.T @ eliminated[:, :-1]
        slope = gradient[free:] - coupling.T @ eliminated[:, -1]
        low, high = -state.activations, upper - state.activations
        change = solve_box_qp(reduced, slope, low, high, np.zeros(NAMED_COUNT), 200, 1e-5)
        others = eliminated[:, -1] - eliminated[:, :-1] @ change
        shrink = min(1.0, MAX_TURN / max(float(np.linalg.norm(others[:3])), 1e-9))
        others, change = others * shrink, change * shrink
        state.rotation = cv2.Rodrigues(others[:3])[0] @ state.rotation
        state.translation = state.translation + others[3:6]
        state.identity = np.clip(state.identity + others[6:], -IDENTITY_LIMIT, IDENTITY_LIMIT)
        state.activations = np.clip(state.activations + change, 0, upper)
        if max(np.abs(others[:6]).max(), np.abs(change).max()) < 1e-4:
            break


def _linearise(
    basis: LandmarkBasis, state: State, pixels: NDArray[np.float64], intrinsics: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Jacobian (468, 2, 6 + I + 53) of the projection by turn, shift, identity, activations; residual (468, 2)."""
    turned = basis.points(state.identity, state.activations) @ state.rotation.T
    seen = turned + state.translation
    focal, depth = np.diag(intrinsics)[:2], seen[:, 2]
    residual = pixels - (seen[:, :2] / depth[:, None] * focal + intrinsics[:2, 2])
    per_point = np.zeros((len(pixels), 2, 3))
    for axis in range(2):
        per_point[:, axis, axis] = focal[axis] / depth
        per_point[:, axis, 2] = -seen[:, axis] * focal[axis] / depth**2
    by_model = per_point @ state.rotation
    shapes = np.concatenate([basis.identity, basis.expression])
    columns = np.matmul(by_model, shapes.transpose(1, 2, 0))
    turns = np.cross(turned[:, None], per_point)
    return np.concatenate([turns, per_point, columns], axis=2), residual
