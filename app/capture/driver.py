"""What every driver offers to the capture thread: a picture or a ready motion, and when it was taken."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from app.session_types import DriverKind
from avatar_core.motion import Motion

MAX_SIDE = 1280  # pixels; larger pictures are reduced, a face that drives an avatar needs no more


@dataclass(frozen=True)
class DriverFrame:
    """One frame: ``rgb`` uint8 (H, W, 3) to be tracked, or ``motion`` of a scripted performance.

    ``captured_at`` is `time.monotonic` when the frame was taken or fell due; ``milliseconds`` is the work of getting
    it (decoding, conversion), without the wait for it.
    """

    rgb: NDArray[np.uint8] | None
    motion: Motion | None
    captured_at: float
    milliseconds: float


class Driver(Protocol):
    """A source of frames, used by one thread: `open`, then `read` again and again, then `close`."""

    @property
    def name(self) -> str:
        """What the user calls it."""

    @property
    def kind(self) -> DriverKind: ...

    @property
    def returns_after_trouble(self) -> bool:
        """Whether opening it again later can help (a camera that is plugged in again)."""

    def open(self) -> None:
        """Start it.

        Raises:
            DriverError: it cannot be opened; the message says why and what to do.
        """

    def read(self, stop: threading.Event) -> DriverFrame | None:
        """The next frame, waiting for it until ``stop`` is set; None when none came within about a second.

        Raises:
            DriverError: it stopped delivering.
        """

    def close(self) -> None:
        """Release it; safe to call twice, and without `open`."""


def limit_size(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``image`` (H, W, 3), reduced so that no side is above `MAX_SIDE`."""
    height, width = image.shape[:2]
    scale = MAX_SIDE / max(height, width)
    if scale >= 1.0:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
