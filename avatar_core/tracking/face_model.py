"""The mean face and how faces vary: identity and expression bases of landmarks in canonical space."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from avatar_core.errors import WeightsError
from avatar_core.tracking.align import Similarity, similarity
from avatar_core.tracking.topology import LANDMARK_COUNT, RIGID

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
        save_file({name: np.ascontiguousarray(value) for name, value in vars(self).items()}, str(path))

    @classmethod
    def load(cls, path: str | Path) -> FaceModel:
        """Read a face model.

        Raises:
            WeightsError: the file is missing, corrupt, or of another shape.
        """
        path = Path(path)
        restore = "Restore it (git checkout -- weights) or make it again: see weights/MODEL_CARD.md."
        if not path.is_file():
            raise WeightsError(f"{path}: the face model is missing. {restore}")
        try:
            tensors = load_file(str(path))
        except (SafetensorError, OSError, ValueError) as error:
            raise WeightsError(f"{path}: not a readable safetensors file ({error}). {restore}") from error
        names = ("mean", "mirror", "identity_basis", "identity_std", "expression_basis", "expression_std")
        missing = [name for name in names if name not in tensors]
        if missing:
            raise WeightsError(f"{path}: no {', '.join(missing)} inside; this is another file. {restore}")
        shapes = {"mean": (LANDMARK_COUNT, 3), "mirror": (LANDMARK_COUNT,)}
        for kind in ("identity", "expression"):
            count = tensors[f"{kind}_std"].shape[0] if tensors[f"{kind}_std"].ndim == 1 else -1
            shapes[f"{kind}_std"] = (count,)
            shapes[f"{kind}_basis"] = (count, LANDMARK_COUNT, 3)
        for name, shape in shapes.items():
            if tensors[name].shape != shape:
                raise WeightsError(f"{path}: {name} is {tensors[name].shape}, expected {shape}. {restore}")
        return cls(**{name: tensors[name] for name in names})


def image_to_axes_up(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """MediaPipe pixel landmarks (478, 3) with y turned up and z turned towards the viewer."""
    return np.asarray(landmarks, np.float64) * FLIP_IMAGE_AXES
