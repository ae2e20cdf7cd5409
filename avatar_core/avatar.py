"""An avatar: everything about one portrait that the frame loop needs, and its file format."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

PART_NAMES = (
    "upper_face", "lower_face", "head_neck", "mouth_socket", "eye_socket", "upper_gums", "lower_gums", "tongue",
    "upper_teeth", "lower_teeth", "left_eyeball", "right_eyeball", "hair", "body", "back",
)  # fmt: skip
"""Part labels by index; the first 13 are the labels the motion networks are trained on, "left" is the subject's."""


@dataclass
class Avatar:
    """One portrait as Gaussians with features and motion bases.

    Args:
        rest: (14, N) float32, pre-activation: position 3 (head space), log-scale 3, quaternion wxyz 4, opacity
            logit 1, colour 3 (RGB in [0, 1]).
        f: (N, 48) feature of each Gaussian; zero where the expression weight is.
        m: (N, 48) motion basis of each Gaussian; zero where the expression weight is.
        neck_weight: (N,) in [0, 1]; 1 follows the head's rotation, 0 stays with the body.
        expression_weight: (N,) in [0, 1]; share of the networks' motion: 1 on the face, 0 on clothes and far hair.
        part: (N,) uint8, index into `PART_NAMES`.
        source_activations: (A,) named activations, gaze angles and residual modes of the photo's own expression.
        landmarks: (478, 3) in head space, the photo's own expression.
        neutral_landmarks: (478, 3) canonical space (unit: inter-ocular distance), expression removed.
        canonical_to_head: (4, 4) similarity: canonical space to head space at the photo's pose.
        pivot: (3,) head space, the point the head turns about.
        background: (512, 512, 3) uint8, the photo behind the person, inpainted.
        thumbnail: (H, W, 3) uint8, the portrait as cropped.
        provenance: where the avatar came from (strings only).
        motion_code: (512,) what a visual motion encoder saw in the photo; None where named activations alone drive.
    """

    rest: Tensor
    f: Tensor
    m: Tensor
    neck_weight: Tensor
    expression_weight: Tensor
    part: Tensor
    source_activations: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    neutral_landmarks: NDArray[np.float32]
    canonical_to_head: NDArray[np.float64]
    pivot: NDArray[np.float64]
    background: NDArray[np.uint8]
    thumbnail: NDArray[np.uint8]
    provenance: dict[str, str] = field(default_factory=dict)
    motion_code: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return int(self.rest.shape[1])

    @property
    def scale(self) -> float:
        """Head-space units per canonical unit (the portrait's inter-ocular distance)."""
        return float(np.cbrt(np.linalg.det(self.canonical_to_head[:3, :3])))

    def canonical_landmarks(self) -> NDArray[np.float64]:
        """(478, 3) the photo's landmarks with pose and size removed."""
        inverse = np.linalg.inv(self.canonical_to_head)
        return self.landmarks @ inverse[:3, :3].T + inverse[:3, 3]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write this avatar to ``path``; see `avatar_core.avatar_file.save_avatar`."""
        from avatar_core.avatar_file import save_avatar  # the file format knows this class

        save_avatar(self, path)
