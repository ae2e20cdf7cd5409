"""Time to track one webcam-sized frame."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.benchmarks.frames import timed
from avatar_core.engine import AvatarEngine

FRAME_WIDTH, FRAME_HEIGHT = 640, 480  # pixels


def tracking_ms(engine: AvatarEngine, photo: NDArray[np.uint8], frames: int) -> float | None:
    """Median milliseconds to track a webcam-sized frame with the photo in it, swaying; None when no face is found."""
    scale = FRAME_HEIGHT / photo.shape[0]
    engine.track.reset()
    times = []
    for index in range(frames):
        shift = FRAME_WIDTH / 2 - scale * photo.shape[1] / 2 + 20 * np.sin(index / 10)
        placed = np.array([[scale, 0, shift], [0, scale, 0]])
        frame = cv2.warpAffine(photo, placed, (FRAME_WIDTH, FRAME_HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        seconds, motion = timed(engine.track, frame.astype(np.uint8))
        if motion is not None:
            times.append(1e3 * seconds)
    engine.track.reset()
    return round(float(np.median(times)), 2) if times else None
