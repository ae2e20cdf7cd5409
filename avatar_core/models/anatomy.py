"""Where eyeballs and the lip line lie on the mean face: what the motion networks assume about coordinates and labels.

Whoever places Gaussians (the lift) and whoever trains the networks use these same rules. Canonical space: unit =
inter-ocular distance, x right in the image, y up, z to the viewer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_core.avatar import PART_NAMES
from avatar_core.tracking.topology import INNER_LIPS

UPPER_FACE = PART_NAMES.index("upper_face")
LOWER_FACE = PART_NAMES.index("lower_face")
RIGHT_EYEBALL = PART_NAMES.index("right_eyeball")
LEFT_EYEBALL = PART_NAMES.index("left_eyeball")

EYEBALL_CENTRES = np.array([[-0.3430, 0.0170, -0.0590], [0.3430, 0.0170, -0.0590]])
"""(2, 3) centres the eyeballs turn about: row 0 the subject's right eye (image left)."""
EYEBALL_RADIUS = 0.1532
"""Distance of the cornea's front from the centre."""

_INNER_LIP_COUNT = len(INNER_LIPS)


def lip_line(mean_face: NDArray[np.floating]) -> NDArray[np.float64]:
    """(11, 3) the line where the lips meet, from the right corner to the left, on a mean face (478, 3)."""
    upper = [INNER_LIPS[index] for index in range(_INNER_LIP_COUNT // 2 + 1)]
    lower = [INNER_LIPS[-index % _INNER_LIP_COUNT] for index in range(_INNER_LIP_COUNT // 2 + 1)]
    return 0.5 * (np.asarray(mean_face, np.float64)[upper] + np.asarray(mean_face, np.float64)[lower])


def skin_part(u: NDArray[np.floating], mean_face: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Label upper_face or lower_face (N,) of skin at canonical coordinates u (N, 3): above or below the lip line.

    Beyond the corners of the mouth the line goes on level; the networks are trained not to mind the label there.
    """
    line = lip_line(mean_face)
    height = np.interp(u[:, 0], line[:, 0], line[:, 1])
    return np.where(u[:, 1] >= height, UPPER_FACE, LOWER_FACE).astype(np.uint8)


def gaze_rotation(angles: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rotations (..., 3, 3) of eyeballs by gaze ``angles`` (..., 2): yaw (to image right), pitch (up), radians.

    The eye first pitches about x, then yaws about y, so (0, 0, 1) goes to (cos p sin y, sin p, cos p cos y).
    """
    yaw, pitch = np.asarray(angles, np.float64)[..., 0], np.asarray(angles, np.float64)[..., 1]
    cos_yaw, sin_yaw, cos_pitch, sin_pitch = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    zero = np.zeros_like(yaw)
    rows = [
        [cos_yaw, -sin_yaw * sin_pitch, sin_yaw * cos_pitch],
        [zero, cos_pitch, sin_pitch],
        [-sin_yaw, -cos_yaw * sin_pitch, cos_yaw * cos_pitch],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
