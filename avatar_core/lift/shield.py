"""What lies inside the head must not come out of it when it is seen from the side.

In: points and the face's outline. Out: the points, moved forward to where the cheeks hide them.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import CANVAS_SIZE, project, unproject
from avatar_core.lift.pose import FacePlacement

STEEPEST_VIEW = 1.0  # tangent of the view's angle up to which they must
MARGIN, UNDER_SKIN = 0.04, 0.03  # inter-ocular distances from that view's ray, and behind the skin


def behind_cheeks(
    points: NDArray[np.float32], skin_height: NDArray[np.float32], face: FacePlacement
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Head-space ``points`` (N, 3), those that a view up to `STEEPEST_VIEW` would see past the nearest point of the
    face's outline moved towards the viewer; and which of them (N,) there is room for under the skin.

    Args:
        skin_height: (S, S) of the head, canvas pixels.
    """
    unit = np.float32(face.eye_distance)
    inside = (face.mesh.inside & ~face.body).astype(np.uint8)
    distance, label = cv2.distanceTransformWithLabels(inside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    outline = np.zeros(int(label.max()) + 1, np.float32)
    beyond = inside == 0
    outline[label[beyond]] = skin_height[beyond]
    placed = project(points).astype(np.float32)
    column, row = np.clip(placed[:, :2].astype(int), 0, CANVAS_SIZE - 1).T
    lowest = outline[label[row, column]] - np.float32(STEEPEST_VIEW) * (distance[row, column] - MARGIN * unit)
    deep = placed[:, 2] < lowest
    moved = np.where(deep[:, None], unproject(placed[:, 0], placed[:, 1], lowest), points)
    hidden = np.maximum(placed[:, 2], lowest) < skin_height[row, column] - UNDER_SKIN * unit
    return np.asarray(moved, np.float32), np.asarray((inside[row, column] > 0) & (hidden | ~deep))
