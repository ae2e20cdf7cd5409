"""Once the person is cut out: what below the jaw line is the head's after all.

In: `FacePlacement` and the person's coverage. Out: `FacePlacement`. The jaw line ends at the ears; lobes and tips of
hair that hang lower would stay with the body when the head turns.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.pose import RIM_BLUR, FacePlacement
from avatar_core.tracking.topology import CHIN

PRESENT = 0.5  # coverage from which a pixel counts as the person's
SOFT_RIM, BESIDE = 9, 9
"""Pixels: twice the reach of a piece's soft rim, which goes with it; twice the distance from body at which the jaw may
give way to it."""


def settle_body(face: FacePlacement, alpha: NDArray[np.float32]) -> FacePlacement:
    """``face`` whose body has lost the pieces that hang from the head; its jaw gives way only to a body that is there.

    Args:
        alpha: (S, S) coverage by the person.
    """
    person = alpha > PRESENT
    below = face.body & person
    piece = _hanging(below, person & ~face.body, face)
    rim = cv2.dilate(piece.astype(np.uint8), np.ones((SOFT_RIM, SOFT_RIM), np.uint8)) > 0
    hanging = piece | (rim & ~person)
    body = face.body & ~hanging
    beside = cv2.dilate((body & person).astype(np.uint8), np.ones((BESIDE, BESIDE), np.uint8)) > 0
    gives_way = face.gives_way * cv2.GaussianBlur(beside.astype(np.float32), (0, 0), RIM_BLUR)
    return replace(face, body=body, gives_way=np.where(hanging, 0, gives_way).astype(np.float32))


def _hanging(below: NDArray[np.bool_], head: NDArray[np.bool_], face: FacePlacement) -> NDArray[np.bool_]:
    """(S, S) pieces of what lies ``below`` the jaw line that touch the ``head`` and end above the chin."""
    count, label, stats, _ = cv2.connectedComponentsWithStats(below.astype(np.uint8), connectivity=8)
    ends = stats[:, cv2.CC_STAT_TOP] + stats[:, cv2.CC_STAT_HEIGHT]
    touching = np.zeros(count, bool)
    touching[np.unique(label[cv2.dilate(head.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0])] = True
    chosen = touching & (ends < face.landmarks[CHIN, 1])
    chosen[0] = False
    return np.asarray(chosen[label])
