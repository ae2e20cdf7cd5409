"""Landmarks of the training portraits and driver clips, found once and kept in the work folder.

``portraits.npz`` and ``clip_<name>.npz`` each hold ``landmarks`` (n, 478, 3) in MediaPipe's pixels (x right, y down,
z away), with rows of NaN where no face was found.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from avatar_core.tracking.landmarker import Landmarker
from avatar_core.tracking.topology import LANDMARK_COUNT

TEST_CLIPS = ("d10", "d19", "sk4")
"""Driver clips that no statistic and no training sees."""


def _rgb(image: cv2.typing.MatLike) -> NDArray[np.uint8]:
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8)


def _largest(faces: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    if not faces:
        return np.full((LANDMARK_COUNT, 3), np.nan, np.float32)
    return max(faces, key=lambda face: float(np.ptp(face[:, 0]) * np.ptp(face[:, 1])))


def portrait_landmarks(folder: Path, work: Path) -> NDArray[np.float32]:
    """Landmarks (n, 478, 3) of every picture in ``folder``, in order of name."""
    cache = work / "portraits.npz"
    if cache.is_file():
        return np.load(cache)["landmarks"]
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"})
    if not paths:
        raise SystemExit(f"{folder}: no portraits there. Point --data at the folder that holds portraits_synthetic.")
    with Landmarker(video=False, max_faces=3, min_confidence=0.3) as landmarker:
        rows = []
        for path in tqdm(paths, desc="portraits"):
            image = cv2.imread(str(path))
            rows.append(_largest([] if image is None else landmarker.find(_rgb(image))))
    work.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(cache, landmarks=np.array(rows), names=np.array([path.name for path in paths]))
    return np.array(rows)


def clip_landmarks(folder: Path, work: Path, max_frames: int = 400) -> dict[str, NDArray[np.float32]]:
    """Landmarks (n, 478, 3) of every clip in ``folder``, by the clip's name."""
    paths = sorted(folder.glob("*.mp4"))
    if not paths:
        raise SystemExit(f"{folder}: no clips there. Point --data at the folder that holds drivers_dev.")
    clips = {}
    for path in tqdm(paths, desc="clips"):
        cache = work / f"clip_{path.stem}.npz"
        if not cache.is_file():
            capture = cv2.VideoCapture(str(path))
            rows: list[NDArray[np.float32]] = []
            with Landmarker(video=True) as landmarker:
                while len(rows) < max_frames:
                    read, frame = capture.read()
                    if not read:
                        break
                    rows.append(_largest(landmarker.find(_rgb(frame))))
            capture.release()
            work.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(cache, landmarks=np.array(rows))
        clips[path.stem] = np.load(cache)["landmarks"]
    return clips
