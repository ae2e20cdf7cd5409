"""The picture that motion encoder M sees: a square round the face, found by BlazeFace.

In: RGB uint8 (H, W, 3). Out: RGB uint8 (224, 224, 3).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.models.paper.motion_encoder import CROP_SIDE
from avatar_core.tracking.solutions import solution

BOX_SCALE = 1.1
MINIMUM_CONFIDENCE = 0.4


class FaceCropper:
    """Keeps one BlazeFace short-range detector (its model lies inside the MediaPipe wheel)."""

    def __init__(self) -> None:
        detection = solution("face_detection").FaceDetection
        self._detector = detection(min_detection_confidence=MINIMUM_CONFIDENCE, model_selection=0)

    def crop(self, image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.uint8]:
        """The face of ``image`` whose ``landmarks`` (478, 3) are known; they give the box where BlazeFace sees none."""
        centre, side = self._box(image, landmarks)
        return cut_square(image, centre, BOX_SCALE * side)

    def _box(self, image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
        """Centre (2,) and side of the square round BlazeFace's box, in pixels."""
        low, high = landmarks[:, :2].min(0).astype(np.float64), landmarks[:, :2].max(0).astype(np.float64)
        centre, side = 0.5 * (low + high), float((high - low).max())
        size = np.array(image.shape[1::-1], np.float64)
        best = side  # a box farther from the face than its size is another person's
        for found in self._detector.process(np.ascontiguousarray(image)).detections or []:
            box = found.location_data.relative_bounding_box
            extent = np.array([box.width, box.height]) * size
            middle = np.array([box.xmin, box.ymin]) * size + 0.5 * extent
            distance = float(np.linalg.norm(middle - 0.5 * (low + high)))
            if distance < best:
                best, centre, side = distance, middle, float(extent.max())
        return centre, side

    def close(self) -> None:
        self._detector.close()


def cut_square(image: NDArray[np.uint8], centre: NDArray[np.float64], side: float) -> NDArray[np.uint8]:
    """The square of ``side`` pixels round ``centre`` (2,) as (224, 224, 3); black where it leaves the picture."""
    length = max(2, round(side))
    left, top = (int(value) for value in np.round(centre - 0.5 * length))
    height, width = image.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + length, width), min(top + length, height)
    square = np.zeros((length, length, 3), np.uint8)
    if x1 > x0 and y1 > y0:
        square[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    method = cv2.INTER_AREA if length > CROP_SIDE else cv2.INTER_LINEAR
    return cv2.resize(square, (CROP_SIDE, CROP_SIDE), interpolation=method).astype(np.uint8)
