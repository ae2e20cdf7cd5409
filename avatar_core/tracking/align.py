"""Similarity alignment of point sets (Umeyama 1991)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Similarity:
    """x -> scale * rotation @ x + translation, with rotation (3, 3) proper and translation (3,)."""

    scale: float
    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]

    def apply(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map points (..., 3)."""
        return self.scale * points @ self.rotation.T + self.translation

    def invert(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map points (..., 3) back."""
        return (points - self.translation) @ self.rotation / self.scale

    def invert_map(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map many points (..., 3) back, in single precision."""
        linear = self.rotation.T / self.scale
        matrix = np.column_stack([linear, -linear @ self.translation])
        flat = np.ascontiguousarray(points, np.float32).reshape(-1, 1, 3)
        inverted = cv2.transform(flat, matrix) if flat.size else flat
        return np.asarray(inverted, np.float32).reshape(points.shape)

    def matrix(self) -> NDArray[np.float64]:
        """The (4, 4) homogeneous matrix."""
        homogeneous = np.eye(4)
        homogeneous[:3, :3] = self.scale * self.rotation
        homogeneous[:3, 3] = self.translation
        return homogeneous


def similarity(
    source: NDArray[np.floating], target: NDArray[np.floating], weights: NDArray[np.floating] | None = None
) -> Similarity:
    """The similarity that takes ``source`` (N, 3) closest to ``target`` (N, 3) in weighted least squares."""
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 3:
        raise ValueError(f"source and target must both be (N, 3), got {source.shape} and {target.shape}")
    share = np.full(len(source), 1.0) if weights is None else np.asarray(weights, np.float64)
    share = share / share.sum()
    source_mean, target_mean = share @ source, share @ target
    source_centred, target_centred = source - source_mean, target - target_mean
    covariance = (target_centred * share[:, None]).T @ source_centred
    u, singular, vt = np.linalg.svd(covariance)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt)) or 1.0])
    rotation = (u * signs) @ vt
    variance = float((share[:, None] * source_centred**2).sum())
    scale = float((singular * signs).sum()) / max(variance, 1e-12)
    return Similarity(scale, rotation, target_mean - scale * rotation @ source_mean)
