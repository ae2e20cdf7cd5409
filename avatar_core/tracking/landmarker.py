"""MediaPipe FaceMesh behind a small face: an RGB picture in, landmarks in pixels out."""

from __future__ import annotations

from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from avatar_core.tracking.solutions import solution
from avatar_core.tracking.topology import LANDMARK_COUNT


class Landmarker:
    """Finds 478 landmarks per face.

    Args:
        video: True follows one face from frame to frame (fast, for a stream of frames); False looks anew each time.
        max_faces: how many faces to report at most.
        min_confidence: of the face detector, 0..1.
    """

    def __init__(self, *, video: bool, max_faces: int = 1, min_confidence: float = 0.4) -> None:
        self._mesh = solution("face_mesh").FaceMesh(
            static_image_mode=not video,
            max_num_faces=max_faces,
            refine_landmarks=True,
            min_detection_confidence=min_confidence,
            min_tracking_confidence=0.5,
        )

    def find(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Landmarks of each face in an RGB uint8 image (H, W, 3).

        Returns:
            One (478, 3) array per face: x right, y down in pixels, z away from the camera in the same unit as x.
        """
        height, width = image.shape[:2]
        found = self._mesh.process(np.ascontiguousarray(image)).multi_face_landmarks or []
        scale = np.array([width, height, width], np.float32)
        faces = []
        for face in found:
            points = np.array([(point.x, point.y, point.z) for point in face.landmark], np.float32)
            if points.shape == (LANDMARK_COUNT, 3) and np.isfinite(points).all():
                faces.append(points * scale)
        return faces

    def close(self) -> None:
        self._mesh.close()

    def __enter__(self) -> Landmarker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
