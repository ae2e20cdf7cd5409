"""How real faces move: expression statistics of driver clips, the only thing the training takes from them.

In: landmarks of each clip (n, 478, 3), MediaPipe pixels. Out: `ClipMotion` per clip: displacement from the clip's
neutral (n, 468, 3) in canonical space and gaze (n, 4); and activations fitted to displacements under any
landmark basis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_core.models.box_qp import solve_box_qp
from avatar_core.models.landmark_weights import STATISTICS, coordinate_weights
from avatar_core.tracking.face_model import FaceModel, image_to_axes_up
from avatar_core.tracking.gaze import gaze_angles
from avatar_core.tracking.open_mouth import lip_to_chin, repair_open_mouth
from avatar_core.tracking.topology import MESH_COUNT
from avatar_core.training.face_model import neutral_of_clip

MAX_YAW = 30.0  # degrees; the far side of a face turned further is MediaPipe's guess
MAX_GAZE = 0.7  # radians


@dataclass(frozen=True)
class ClipMotion:
    """displacement (n, 468, 3) from the clip's neutral, canonical units; gaze (n, 4) radians, right then left eye."""

    displacement: NDArray[np.float64]
    gaze: NDArray[np.float64]


def clip_motion(landmarks: NDArray[np.float32], face_model: FaceModel) -> ClipMotion:
    """Pose-free motion of one clip's landmarks (n, 478, 3); frames without a face or turned far are left out."""
    canonical = []
    for frame in landmarks:
        if not np.isfinite(frame).all():
            continue
        face, to_image = face_model.canonicalise(image_to_axes_up(frame))
        yaw = np.degrees(np.arctan2(to_image.rotation[0, 2], to_image.rotation[2, 2]))
        if abs(yaw) < MAX_YAW:
            canonical.append(face)
    if not canonical:
        return ClipMotion(np.zeros((0, MESH_COUNT, 3)), np.zeros((0, 4)))
    faces = np.array(canonical)
    neutral = neutral_of_clip(faces)
    repaired = np.array([repair_open_mouth(face, face_model.mean, lip_to_chin(neutral)) for face in faces])
    gaze = np.zeros((len(faces), 4))
    last = np.zeros(4)
    for row, face in enumerate(faces):
        angles = gaze_angles(face, neutral)
        last = last if angles is None else angles.reshape(4)
        gaze[row] = np.clip(last, -MAX_GAZE, MAX_GAZE)
    return ClipMotion((repaired - neutral)[:, :MESH_COUNT], gaze)


def fit_activations(
    displacement: NDArray[np.floating],
    basis: NDArray[np.floating],
    precision: NDArray[np.floating],
    sparsity: NDArray[np.floating],
    low: NDArray[np.floating],
    high: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Bounded activations (n, B) of landmark displacements (n, 468, 3) under a linear basis (B, 468, 3)."""
    weights = coordinate_weights(STATISTICS)[:MESH_COUNT].reshape(-1)
    flat = np.asarray(basis, np.float64).reshape(len(basis), -1)
    weighted = flat * weights
    hessian = weighted @ flat.T + precision
    rows = []
    start = np.zeros(len(basis))
    for row in displacement:
        gradient = weighted @ np.asarray(row, np.float64).reshape(-1) - sparsity
        start = solve_box_qp(hessian, gradient, low, high, start, 400, 1e-5)
        rows.append(start)
    return np.array(rows).reshape(len(displacement), len(basis))
