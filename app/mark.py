"""The visible word that tells a rendered picture from a photograph."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

MARK_TEXT = "SYNTHETIC"
_REFERENCE_SIDE = 512  # pixels; the sizes below are for this side and grow with the picture
_FONT_SCALE = 0.5
_MARGIN = 10
_PADDING = 6
_SHADE = 0.45  # brightness kept under the text


def burn_mark(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy of ``rgb`` uint8 (H, W, 3) with the mark in its lower right corner, legible on any background."""
    marked = np.ascontiguousarray(rgb).copy()
    height, width = marked.shape[:2]
    scale = min(height, width) / _REFERENCE_SIDE
    thickness = max(1, round(scale))
    font = cv2.FONT_HERSHEY_SIMPLEX
    (text_width, text_height), baseline = cv2.getTextSize(MARK_TEXT, font, _FONT_SCALE * scale, thickness)
    margin, padding = round(_MARGIN * scale), round(_PADDING * scale)
    left = max(0, width - margin - 2 * padding - text_width)
    top = max(0, height - margin - 2 * padding - text_height - baseline)
    box = marked[top : height - margin, left : width - margin]
    box[:] = (box * _SHADE).astype(np.uint8)
    origin = (left + padding, height - margin - padding - baseline)
    cv2.putText(marked, MARK_TEXT, origin, font, _FONT_SCALE * scale, (255, 255, 255), thickness, cv2.LINE_AA)
    return marked
