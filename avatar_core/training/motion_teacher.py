"""The complete teacher: every activation's effect on every vertex, linear but for lids and eyes.

In: ICT geometry on the mean face, the lid model, residual modes. Out: `Teacher`, with the displacement of each vertex
under the 53 named activations and K residual modes; what lids and eyeballs add is in `teacher_target`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.models.networks import NAMED_COUNT
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.topology import MESH_COUNT
from avatar_core.training.activation_prior import prior
from avatar_core.training.clip_statistics import ClipMotion, fit_activations
from avatar_core.training.residual_modes import extend_to_vertices, landmark_modes
from avatar_core.training.teacher_geometry import TeacherGeometry, load_teacher
from avatar_core.training.teacher_lids import BLINKS, LidModel, build_lids


@dataclass(frozen=True)
class Teacher:
    """The teacher in canonical space.

    Args:
        geometry, lids: the mapped meshes and the lid model.
        fields: (V, L, 3) float32 displacement per linear activation, L = 53 named then K residual modes.
        landmark_basis: (L, 468, 3) the same at the mesh landmarks.
    """

    geometry: TeacherGeometry
    lids: LidModel
    fields: Tensor
    landmark_basis: NDArray[np.float64]

    @property
    def residual_count(self) -> int:
        """Number of residual modes K."""
        return int(self.fields.shape[1]) - NAMED_COUNT


def linear_indices(residual_count: int) -> NDArray[np.int64]:
    """Where the linear activations (53 named, K residual) stand among all A = 57 + K."""
    return np.concatenate([np.arange(NAMED_COUNT), np.arange(NAMED_COUNT + 4, NAMED_COUNT + 4 + residual_count)])


def fit_linear(
    displacement: NDArray[np.floating], basis: NDArray[np.floating], named_only: bool = False
) -> NDArray[np.float64]:
    """Activations (n, L) of landmark displacements (n, 468, 3) under a teacher's landmark basis (L, 468, 3)."""
    count = NAMED_COUNT if named_only else len(basis)
    precision, sparsity, upper = prior(len(basis) - NAMED_COUNT)
    chosen = linear_indices(len(basis) - NAMED_COUNT)[:count]
    low = np.where(np.arange(count) < NAMED_COUNT, 0.0, -upper[chosen])
    return fit_activations(
        displacement, basis[:count], precision[np.ix_(chosen, chosen)], sparsity[chosen], low, upper[chosen]
    )


def build_teacher(folder: Path, face_model: FaceModel, clips: list[ClipMotion], residual_count: int) -> Teacher:
    """The teacher from the ICT files in ``folder`` and the residual motion of training ``clips``."""
    geometry = load_teacher(folder, face_model.mean)
    lids = build_lids(geometry)
    shapes = geometry.shapes.copy()
    for eye, blink in enumerate(BLINKS):
        shapes[blink] += lids.corrective[eye].astype(np.float32)
    named = geometry.at_landmarks(shapes)
    residuals = []
    for clip in clips:
        activations = fit_linear(clip.displacement, named, named_only=True)
        residuals.append(clip.displacement - np.einsum("ne,ekc->nkc", activations, named))
    modes = landmark_modes(residuals, face_model.mirror[:MESH_COUNT], residual_count)
    fields = np.concatenate([shapes, extend_to_vertices(modes, geometry, face_model.mean)])
    return Teacher(
        geometry=geometry,
        lids=lids,
        fields=torch.from_numpy(np.ascontiguousarray(np.moveaxis(fields, 0, 1), np.float32)),
        landmark_basis=geometry.at_landmarks(fields.astype(np.float64)),
    )
