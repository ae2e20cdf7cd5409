"""The mean face and how faces vary: identity and expression bases of landmarks in canonical space."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core.tracking.align import Similarity, similarity
from avatar_core.tracking.topology import LANDMARK_COUNT, RIGID
from avatar_core.weights_file import check_shapes, read_tensors, record_sha256, write_tensors

FLIP_IMAGE_AXES = np.array([1.0, -1.0, -1.0])
"""MediaPipe landmarks have y down and z away from the camera; ours have y up and z towards it."""


@dataclass(frozen=True)
class FaceModel:
    """Canonical-space statistics of landmarks (unit: inter-ocular distance; x right, y up, z to the viewer).

    Args:
        mean: (478, 3) symmetric mean face, neutral.
        mirror: (478,) index of each landmark's mirror image.
        identity_basis: (I, 478, 3) orthonormal directions of neutral faces; identity_std: (I,) their spread.
        expression_basis: (E, 478, 3) orthonormal directions of expressions; expression_std: (E,) their spread.
    """

    mean: NDArray[np.float64]
    mirror: NDArray[np.int64]
    identity_basis: NDArray[np.float64]
    identity_std: NDArray[np.float64]
    expression_basis: NDArray[np.float64]
    expression_std: NDArray[np.float64]

    def align(self, landmarks: NDArray[np.floating]) -> Similarity:
        """Canonical -> the space of ``landmarks`` (478, 3), which must have y up and z towards the viewer."""
        return similarity(self.mean[RIGID], np.asarray(landmarks, np.float64)[RIGID])

    def canonicalise(self, landmarks: NDArray[np.floating]) -> tuple[NDArray[np.float64], Similarity]:
        """Landmarks (478, 3) with pose and size removed, and the similarity that puts them back."""
        to_input = self.align(landmarks)
        return to_input.invert(landmarks), to_input

    def save(self, path: str | Path) -> None:
        """Write the model (safetensors, atomically) and its checksum beside it."""
        tensors = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in vars(self).items()}
        write_tensors(Path(path), tensors, {})
        record_sha256(Path(path))

    @classmethod
    def load(cls, path: str | Path) -> FaceModel:
        """Read a face model.

        Raises:
            WeightsError: the file is missing, damaged, too large, or of another shape.
        """
        path = Path(path)
        tensors, _ = read_tensors(path)
        shapes = {"mean": torch.Size((LANDMARK_COUNT, 3)), "mirror": torch.Size((LANDMARK_COUNT,))}
        for kind in ("identity", "expression"):
            count = tensors[f"{kind}_std"].numel() if f"{kind}_std" in tensors else 0
            shapes[f"{kind}_std"] = torch.Size((count,))
            shapes[f"{kind}_basis"] = torch.Size((count, LANDMARK_COUNT, 3))
        check_shapes(path, tensors, shapes)
        return cls(**{name: values.numpy() for name, values in tensors.items()})


def image_to_axes_up(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """MediaPipe pixel landmarks (478, 3) with y turned up and z turned towards the viewer."""
    return np.asarray(landmarks, np.float64) * FLIP_IMAGE_AXES
