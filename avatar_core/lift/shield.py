"""What lies inside the head must not come out of it when it is seen from the side.

In: points and the face's outline. Out: which of them the cheeks hide.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import CANVAS_SIZE, project
from avatar_core.lift.pose import FacePlacement

STEEPEST_VIEW = 0.75  # tangent of the view's angle up to which they must
MARGIN = 0.04  # inter-ocular distances


def behind_cheeks(
    points: NDArray[np.float32], skin_height: NDArray[np.float32], face: FacePlacement
) -> NDArray[np.bool_]:
    """(N,) head-space ``points`` (N, 3) that no view up to `STEEPEST_VIEW` sees past the nearest point of the face's
    outline; ``skin_height`` (S, S) is the head's."""
    inside = (face.mesh.inside & ~face.body).astype(np.uint8)
    distance, label = cv2.distanceTransformWithLabels(inside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    outline = np.zeros(int(label.max()) + 1, np.float32)
    beyond = inside == 0
    outline[label[beyond]] = skin_height[beyond]
    placed = project(points)
    column, row = np.clip(placed[:, :2].astype(int), 0, CANVAS_SIZE - 1).T
    deeper = outline[label[row, column]] - placed[:, 2]
    room = distance[row, column] - np.float32(MARGIN * face.eye_distance)
    return np.asarray((np.float32(STEEPEST_VIEW) * deeper < room) & (inside[row, column] > 0))
