"""Makes weights/face_model.safetensors: the mean face and its identity and expression bases.

    python -m avatar_core.training.face_model --data DIR

``DIR`` holds portraits_synthetic (identity) and drivers_dev (expression; the test clips are left out).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avatar_core.tracking.align import similarity
from avatar_core.tracking.face_model import FaceModel, image_to_axes_up
from avatar_core.tracking.measures import inter_ocular_distance, mean_eye_opening, mouth_opening, mouth_width
from avatar_core.tracking.neutral import NeutralEstimator
from avatar_core.tracking.open_mouth import lip_to_chin, repair_open_mouth
from avatar_core.tracking.topology import CHIN, LEFT_EYE_OUTER, RIGHT_EYE_OUTER, RIGID
from avatar_core.training.landmarks import TEST_CLIPS, clip_landmarks, portrait_landmarks

FOREHEAD = 10
MAX_YAW = 25.0  # degrees; beyond it the hidden half of MediaPipe's mesh is a guess
CLOSED_MOUTH = 0.015  # inner lip gap, inter-ocular distances
IDENTITY_COUNT = 32
EXPRESSION_COUNT = 24


def _level(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn and scale a face so that the eye corners lie on the x axis, one unit apart, and the profile is upright."""
    across = mean[LEFT_EYE_OUTER] - mean[RIGHT_EYE_OUTER]
    across /= np.linalg.norm(across)
    up = mean[FOREHEAD] - mean[CHIN]
    up -= across * (up @ across)
    up /= np.linalg.norm(up)
    axes = np.stack([across, up, np.cross(across, up)])
    levelled = (mean - 0.5 * (mean[RIGHT_EYE_OUTER] + mean[LEFT_EYE_OUTER])) @ axes.T
    return levelled / inter_ocular_distance(levelled)


def _mirror_indices(mean: NDArray[np.float64]) -> NDArray[np.int64]:
    flipped = mean * np.array([-1.0, 1.0, 1.0])
    mirror = ((mean[:, None] - flipped[None]) ** 2).sum(-1).argmin(0)
    if not np.array_equal(mirror[mirror], np.arange(len(mean))):
        raise SystemExit("The landmarks are too asymmetric to pair left and right; check the portraits.")
    return mirror


def _mean_face(faces: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Median of the aligned faces, made symmetric."""
    tilt = np.abs(faces[:, RIGHT_EYE_OUTER, 2] - faces[:, LEFT_EYE_OUTER, 2])
    mean = _level(faces[tilt.argmin()])
    mirror = _mirror_indices(_level(np.median([similarity(f[RIGID], mean[RIGID]).apply(f) for f in faces], axis=0)))
    for _ in range(6):
        aligned = [similarity(face[RIGID], mean[RIGID]).apply(face) for face in faces]
        mean = _level(np.median(aligned, axis=0))
        mean = 0.5 * (mean + mean[mirror] * np.array([-1.0, 1.0, 1.0]))
    return mean, mirror


def _principal(rows: NDArray[np.float64], count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    _, singular, directions = np.linalg.svd(rows.reshape(len(rows), -1), full_matrices=False)
    count = min(count, len(rows))
    return directions[:count].reshape(count, *rows.shape[1:]), singular[:count] / np.sqrt(len(rows))


def _with_mirrored(rows: NDArray[np.float64], mirror: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.concatenate([rows, rows[:, mirror] * np.array([-1.0, 1.0, 1.0])])


def neutral_of_clip(canonical: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of the frames with a closed mouth and open eyes."""
    gaps = np.array([mouth_opening(face) for face in canonical])
    eyes = np.array([mean_eye_opening(face) for face in canonical])
    calm = (gaps <= np.percentile(gaps, 40) + 0.004) & (eyes >= np.percentile(eyes, 35))
    return np.median(canonical[calm] if calm.any() else canonical, axis=0)


def build(portraits: NDArray[np.float32], clips: dict[str, NDArray[np.float32]]) -> FaceModel:
    """Face model of portraits (n, 478, 3) and clips (n, 478, 3 each), MediaPipe pixels, NaN rows allowed."""
    faces = np.array([image_to_axes_up(face) for face in portraits if np.isfinite(face).all()])
    clip_faces = {
        name: np.array([image_to_axes_up(face) for face in rows if np.isfinite(face).all()])
        for name, rows in clips.items()
        if name not in TEST_CLIPS
    }
    sampled = [rows[:: max(1, len(rows) // 8)] for rows in clip_faces.values()]
    mean, mirror = _mean_face(np.concatenate([faces, *sampled]))

    def canonical(face: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        to_input = similarity(mean[RIGID], face[RIGID])
        yaw = np.degrees(np.arctan2(to_input.rotation[0, 2], to_input.rotation[2, 2]))
        return to_input.invert(face), float(abs(yaw))

    neutrals, expressions = [], []
    for rows in clip_faces.values():
        aligned = np.array([canonical(face)[0] for face in rows])
        neutral = neutral_of_clip(aligned)
        repaired = np.array([repair_open_mouth(face, mean, lip_to_chin(neutral)) for face in aligned])
        neutrals.append(neutral)
        expressions.append((repaired - neutral)[:: max(1, len(repaired) // 150)])
    expression_basis, expression_std = _principal(_with_mirrored(np.concatenate(expressions), mirror), EXPRESSION_COUNT)

    still = [face for face, yaw in map(canonical, faces) if yaw < MAX_YAW]
    calm = [face for face in still if mouth_opening(face) < 0.03]
    rows = np.array(neutrals + calm)
    for _ in range(3):
        identity_basis, identity_std = _principal(_with_mirrored(rows - mean, mirror), IDENTITY_COUNT)
        model = FaceModel(mean, mirror, identity_basis, identity_std, expression_basis, expression_std)
        estimator = NeutralEstimator(model)
        rows = np.array(neutrals + [estimator.neutral(face) for face in still])
        closed = rows[[mouth_opening(face) < CLOSED_MOUTH for face in rows]]  # a neutral mouth is shut
        mean = _level(np.mean(_with_mirrored(closed, mirror), axis=0))
    return FaceModel(mean, mirror, identity_basis, identity_std, expression_basis, expression_std)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/landmarks"))
    parser.add_argument("--out", type=Path, default=Path("weights/face_model.safetensors"))
    arguments = parser.parse_args()
    model = build(
        portrait_landmarks(arguments.data / "portraits_synthetic", arguments.work),
        clip_landmarks(arguments.data / "drivers_dev", arguments.work),
    )
    model.save(arguments.out)
    share = np.cumsum(model.expression_std**2) / np.sum(model.expression_std**2)
    print(f"{arguments.out}: identity {len(model.identity_std)}, expression {len(model.expression_std)} directions")
    print("expression variance explained by 1, 5, 10, 20:", share[[0, 4, 9, 19]].round(3))
    print("mean face: mouth width", round(mouth_width(model.mean), 3), "gap", round(mouth_opening(model.mean), 3))


if __name__ == "__main__":
    main()
