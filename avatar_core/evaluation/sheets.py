"""Contact sheets: labelled rows of pictures in one PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray

_INK = (235, 235, 235)


def tile(picture: NDArray[np.uint8], side: int, label: str = "") -> NDArray[np.uint8]:
    """A square copy of ``picture`` with ``label`` in its corner."""
    resized = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    if label:
        for ink, thickness in (((0, 0, 0), 3), (_INK, 1)):
            cv2.putText(resized, label, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.42, ink, thickness, cv2.LINE_AA)
    return resized.astype(np.uint8)


def save_sheet(rows: Sequence[Sequence[NDArray[np.uint8]]], path: Path) -> None:
    """Write rows of equal tiles as one PNG; short rows are filled with black."""
    widest = max(len(row) for row in rows)
    blank = np.zeros_like(rows[0][0])
    lines = [np.hstack([*row, *[blank] * (widest - len(row))]) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    imageio.imwrite(path, np.vstack(lines))
