"""Finds the face of a portrait: large or small, one or several, and precise enough to build an avatar from."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.errors import NoFaceError
from avatar_core.tracking.align import similarity
from avatar_core.tracking.face_model import FaceModel, image_to_axes_up
from avatar_core.tracking.landmarker import Landmarker
from avatar_core.tracking.topology import RIGID

MIN_FACE_SIZE = 80  # pixels across the larger side of the face; below it there is nothing to see
SIZE_TOLERANCE = 0.85  # the mesh's outline may come out that much smaller than the face
MAX_YAW = 45.0  # degrees
MAX_FACES = 6
_SEARCH_SIDE = 1280  # the picture is searched at this size first
_TILE_SHARES = (0.5, 0.28)  # then tiles of these shares of the longer side, for small faces in large pictures
_CLOSE_UP_SIDE = 720
_CLOSE_UP_MARGIN = 2.2


@dataclass(frozen=True)
class PhotoFace:
    """landmarks (478, 3) in the photo's pixels (x right, y down, z away); how many faces there were; yaw in degrees."""

    landmarks: NDArray[np.float32]
    face_count: int
    yaw: float


def _size(landmarks: NDArray[np.float32]) -> float:
    return float(max(np.ptp(landmarks[:, 0]), np.ptp(landmarks[:, 1])))


class PhotoFaceFinder:
    """Keeps one detector for still pictures; create once, call `find` per photo."""

    def __init__(self, face_model: FaceModel) -> None:
        self._face_model = face_model
        self._landmarker = Landmarker(video=False, max_faces=MAX_FACES, min_confidence=0.3)

    def find(self, image: NDArray[np.uint8]) -> PhotoFace:
        """The largest face of an RGB picture (H, W, 3).

        Raises:
            NoFaceError: no face, too small, or turned away by more than about 45 degrees.
        """
        faces = self._search(image)
        if not faces:
            raise NoFaceError(
                "no face was found in the photo. Use a portrait that shows one face from the front, well lit."
            )
        largest = max(faces, key=_size)
        landmarks = self._close_up(image, largest)
        size = _size(landmarks)
        if size < MIN_FACE_SIZE * SIZE_TOLERANCE:
            raise NoFaceError(
                f"the face is too small: {size:.0f} pixels, at least {MIN_FACE_SIZE} are needed. Use a closer photo."
            )
        pose = similarity(self._face_model.mean[RIGID], image_to_axes_up(landmarks)[RIGID])
        yaw = float(np.degrees(np.arctan2(pose.rotation[0, 2], pose.rotation[2, 2])))
        if abs(yaw) > MAX_YAW:
            raise NoFaceError(
                f"the face is turned by {abs(yaw):.0f} degrees; up to about {MAX_YAW:.0f} can be lifted. "
                "Use a photo that looks more to the camera."
            )
        return PhotoFace(landmarks, len(faces), yaw)

    def close(self) -> None:
        self._landmarker.close()

    def _search(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        height, width = image.shape[:2]
        found = self._find_in(image, 0, 0, width, height, _SEARCH_SIDE)
        for share in _TILE_SHARES:
            side = int(share * max(width, height))
            if found or side < 2 * MIN_FACE_SIZE:
                break
            for top in _tile_starts(height, side):
                for left in _tile_starts(width, side):
                    found += self._find_in(image, left, top, side, side, _CLOSE_UP_SIDE)
        return _distinct(found)

    def _close_up(self, image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Landmarks found again in a crop round the face: a large photo is searched at low resolution first."""
        low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
        centre, side = 0.5 * (low + high), int(np.ceil(_CLOSE_UP_MARGIN * _size(landmarks)))
        left, top = (int(value) for value in np.round(centre - side / 2))
        again = self._find_in(image, left, top, side, side, _CLOSE_UP_SIDE)
        if not again:
            return landmarks
        nearest = min(again, key=lambda face: float(np.linalg.norm(face[:, :2].mean(0) - landmarks[:, :2].mean(0))))
        return nearest if _size(nearest) > 0.5 * _size(landmarks) else landmarks

    def _find_in(
        self, image: NDArray[np.uint8], left: int, top: int, width: int, height: int, side: int
    ) -> list[NDArray[np.float32]]:
        """Faces inside a window that may reach over the picture's border; pixels of the whole picture."""
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + width, image.shape[1]), min(top + height, image.shape[0])
        if x1 - x0 < 8 or y1 - y0 < 8:
            return []
        window = image[y0:y1, x0:x1]
        scale = min(1.0, side / max(window.shape[:2]))
        if scale < 1.0:
            window = cv2.resize(window, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
        faces = self._landmarker.find(window)
        ratio = (x1 - x0) / window.shape[1]
        return [(face * ratio + np.array([x0, y0, 0], np.float32)).astype(np.float32) for face in faces]


def _tile_starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / (0.5 * side))) + 1
    return [int(start) for start in np.linspace(0, length - side, count)]


def _distinct(faces: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Overlapping tiles find a face several times: keep the largest of those that share a centre."""
    kept: list[NDArray[np.float32]] = []
    for face in sorted(faces, key=_size, reverse=True):
        centre = face[:, :2].mean(0)
        if all(np.linalg.norm(centre - other[:, :2].mean(0)) > 0.5 * _size(other) for other in kept):
            kept.append(face)
    return kept
