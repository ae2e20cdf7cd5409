"""Free residual modes: how real landmarks move where the 53 named shapes cannot follow.

In: per clip, what remains of the landmark displacement (n, 468, 3) after the best bounded fit of the named shapes.
Out: K modes at the landmarks (K, 468, 3), scaled so that their coefficients have unit spread, and extended to every
vertex of the teacher (K, V, 3): smooth in between, apart for the upper and the lower lip, zero away from the face.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from avatar_core.avatar import PART_NAMES
from avatar_core.models.anatomy import LOWER_FACE, UPPER_FACE, lip_line, skin_part
from avatar_core.models.landmark_weights import STATISTICS, axis_weights, landmark_weights
from avatar_core.tracking.topology import MESH_COUNT
from avatar_core.training.teacher_geometry import EYE_SOCKETS, SKIN, TeacherGeometry

FULL_TRUST = 0.3
"""Landmark weight from which a landmark's residual is taken in full; the sliding outline is faded out."""
LIP_REACH = 0.17
"""Landmarks this close to the lip line belong to one lip and do not move skin of the other."""
FADE_START, FADE_DISTANCE = 0.04, 0.15
SPLINE_SMOOTHING = 1e-4
_CHIN = (152, 148, 377, 176, 400)


def landmark_modes(
    residuals: list[NDArray[np.floating]], mirror: NDArray[np.integer], count: int
) -> NDArray[np.float64]:
    """Principal residual modes (count, 468, 3), each of one standard deviation; clips count alike, sides alike.

    Args:
        residuals: per clip (n, 468, 3).
        mirror: (468,) index of each landmark's mirror image.
    """
    weight = np.sqrt(landmark_weights(STATISTICS)[:MESH_COUNT, None] * axis_weights(STATISTICS))
    rows = []
    for clip in residuals:
        both = np.concatenate([clip, clip[:, mirror] * np.array([-1.0, 1.0, 1.0])])
        rows.append((both * weight).reshape(len(both), -1) / np.sqrt(len(both)))
    stacked = np.concatenate(rows) / np.sqrt(len(rows))
    _, singular, directions = np.linalg.svd(stacked, full_matrices=False)
    signs = np.sign(directions @ np.random.default_rng(0).normal(size=directions.shape[1]))  # the same on every machine
    directions = directions * signs[:, None]
    modes = (singular[:count, None] * directions[:count]).reshape(-1, MESH_COUNT, 3) / weight
    return modes * np.clip(landmark_weights(STATISTICS)[:MESH_COUNT] / FULL_TRUST, 0, 1)[:, None]


def extend_to_vertices(
    modes: NDArray[np.floating], geometry: TeacherGeometry, mean_face: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Modes at the landmarks (K, 468, 3) -> at the teacher's vertices (K, V, 3)."""
    landmarks = np.asarray(mean_face, np.float64)[:MESH_COUNT]
    to_lips = cKDTree(_dense(lip_line(mean_face))).query(landmarks)[0]
    side = skin_part(landmarks, mean_face)
    values = np.moveaxis(np.asarray(modes, np.float64), 0, 1).reshape(MESH_COUNT, -1)
    field = np.zeros((len(geometry.vertices), values.shape[1]))
    targets = np.zeros(len(geometry.vertices), bool)
    targets[SKIN], targets[EYE_SOCKETS] = True, True
    corners = (to_lips < LIP_REACH) & (np.abs(landmarks[:, 0]) > 0.97 * np.abs(lip_line(mean_face)[:, 0]).max())
    for label, chosen in ((UPPER_FACE, geometry.label != LOWER_FACE), (LOWER_FACE, geometry.label == LOWER_FACE)):
        sources = (to_lips >= LIP_REACH) | (side == label) | corners
        spline = RBFInterpolator(landmarks[sources], values[sources], kernel="linear", smoothing=SPLINE_SMOOTHING)
        field[targets & chosen] = spline(geometry.vertices[targets & chosen])
    distance = cKDTree(landmarks).query(geometry.vertices)[0]
    field *= np.exp(-((np.maximum(distance - FADE_START, 0) / FADE_DISTANCE) ** 2))[:, None]

    jaw = values[list(_CHIN)].mean(0).reshape(-1, 3) * np.array([0.0, 1.0, 1.0])
    for name, share in (("lower_gums", 1.0), ("lower_teeth", 1.0), ("tongue", 1.0), ("mouth_socket", 0.5)):
        field[geometry.label == PART_NAMES.index(name)] = share * jaw.reshape(-1)
    return np.moveaxis(field.reshape(len(field), -1, 3), 1, 0).astype(np.float32)


def _dense(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """A polyline (n, 3) with eight points per segment."""
    steps = np.linspace(0, len(line) - 1, 8 * (len(line) - 1) + 1)
    return np.stack([np.interp(steps, np.arange(len(line)), line[:, axis]) for axis in range(3)], axis=-1)
