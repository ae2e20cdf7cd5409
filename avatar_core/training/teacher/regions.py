"""Named regions of the ICT skin, as weights and distances per vertex, measured on the neutral face (centimetres)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.tracking.topology import INNER_LIPS
from avatar_core.training.teacher_geometry import SKIN
from avatar_core.training.teacher_lids import LOWER_MARGINS, UPPER_MARGINS

BUST_BOTTOM = -12.5
"""Height below which the model's neck and shoulders are not drawn: clothes are lifted from the photo."""

EAR_SMOOTHING = 120  # rounds of half a Laplacian step: the ear is gone, the skull is not

HAIR_LINE = (5.8, 6.8)
"""Heights between which the exchanged texture ends: a fringe belongs to the head of hair."""
FACE_SMOOTHING = 60


def step(x: NDArray[np.floating], low: float, high: float) -> NDArray[np.float64]:
    """0 below ``low``, 1 above ``high`` (or the reverse), smooth between."""
    share = np.clip((np.asarray(x, np.float64) - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


@dataclass(frozen=True)
class Regions:
    """Per skin vertex (11248 of them).

    Args:
        to_upper_lid, to_lower_lid: distance to the nearest lid margin vertex of either eye.
        to_lips: distance to the inner lips; to_landmarks: distance to the nearest mesh landmark.
        scalp: 0..1, where hair may thicken the head.
        follows_landmarks: 0..1, how far the residual of the landmark fit moves a vertex.
        blink: how far a blink moves a vertex.
        lid: 0..1, skin of the upper lid that shows only when the eye closes.
        bust: bool, above `BUST_BOTTOM`.
        face: 0..1, face inside the outline and below the hair line, faded: where textures may be exchanged.
        mirrored: (11248,) the vertex nearest to the mirror image.
        ear_flattening: (11248, 3) displacement that lays the ears on the skull, as hair over them does.
    """

    to_upper_lid: NDArray[np.float64]
    to_lower_lid: NDArray[np.float64]
    to_lips: NDArray[np.float64]
    to_landmarks: NDArray[np.float64]
    scalp: NDArray[np.float64]
    follows_landmarks: NDArray[np.float64]
    blink: NDArray[np.float64]
    lid: NDArray[np.float64]
    bust: NDArray[np.bool_]
    face: NDArray[np.float64]
    mirrored: NDArray[np.int64]
    ear_flattening: NDArray[np.float64]

    @property
    def to_lids(self) -> NDArray[np.float64]:
        """Distance to the nearest lid margin."""
        return np.minimum(self.to_upper_lid, self.to_lower_lid)


def build_regions(
    neutral: NDArray[np.float32], expression: NDArray[np.float32],
    landmarks: NDArray[np.float64], laplacian: csr_matrix,
) -> Regions:  # fmt: skip
    """Measure the regions; ``neutral`` (V, 3), ``expression`` (53, V, 3), ``landmarks`` (468, 3)."""
    skin = neutral[SKIN].astype(np.float64)

    def distance_to(points: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(cKDTree(points).query(skin)[0])

    upper = distance_to(skin[np.ravel(UPPER_MARGINS)])
    lower = distance_to(skin[np.concatenate([np.array(margin) for margin in LOWER_MARGINS])])
    to_landmarks = distance_to(landmarks)
    names = ACTIVATION_NAMES
    blink = sum(np.linalg.norm(expression[names.index(f"eyeBlink_{side}"), SKIN], axis=1) for side in "LR")
    lid = np.maximum((1 - step(upper, 0.45, 1.25)) * step(lower - upper, -0.06, 0.1), step(blink, 0.15, 0.5))
    lid = np.where(skin[:, 2] < 8.6, step(blink, 0.15, 0.5), lid)
    return Regions(
        to_upper_lid=upper,
        to_lower_lid=lower,
        to_lips=distance_to(landmarks[list(INNER_LIPS)]),
        to_landmarks=to_landmarks,
        scalp=step(to_landmarks, 0.6, 3.2) * step(skin[:, 1], -6.0, -1.0),
        follows_landmarks=1 - step(to_landmarks, 0.8, 2.5),
        blink=np.asarray(blink, np.float64),
        lid=lid,
        bust=skin[:, 1] > BUST_BOTTOM,
        face=_exchangeable(skin, to_landmarks, laplacian),
        mirrored=np.asarray(cKDTree(skin).query(skin * np.array([-1.0, 1.0, 1.0]))[1], np.int64),
        ear_flattening=_flattened_ears(skin, laplacian),
    )


def _flattened_ears(skin: NDArray[np.float64], laplacian: csr_matrix) -> NDArray[np.float64]:
    smooth = skin
    for _ in range(EAR_SMOOTHING):
        smooth = smooth - 0.5 * (laplacian @ smooth)
    ear = step(np.abs(skin[:, 0]), 5.5, 6.5) * step(skin[:, 1], -4.0, -2.0) * (1 - step(skin[:, 1], 5.0, 7.0))
    ear *= (1 - step(np.abs(skin[:, 2] + 0.5), 3.0, 4.5)) * step(np.linalg.norm(smooth - skin, axis=1), 0.15, 0.5)
    return (smooth - skin) * ear[:, None]


def _exchangeable(
    skin: NDArray[np.float64], to_landmarks: NDArray[np.float64], laplacian: csr_matrix
) -> NDArray[np.float64]:
    inside = (1 - step(to_landmarks, 1.2, 1.6)) * (1 - step(skin[:, 1], *HAIR_LINE)) * (np.abs(skin[:, 0]) < 6.2)
    for _ in range(FACE_SMOOTHING):
        inside = inside - 0.6 * (laplacian @ inside)
    return step(inside, 0.35, 0.95)
