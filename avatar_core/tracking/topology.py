"""Index sets of MediaPipe's 478 face landmarks (468 mesh points, then 5 iris points for each eye).

"Right" is the subject's right, on the left of the image.
"""

from __future__ import annotations

import numpy as np

from avatar_core.tracking.solutions import solution

LANDMARK_COUNT = 478
MESH_COUNT = 468

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
RIGHT_IRIS, LEFT_IRIS = 468, 473
CHIN = 152
UPPER_LIP_INNER, LOWER_LIP_INNER = 13, 14
RIGHT_MOUTH_CORNER, LEFT_MOUTH_CORNER = 61, 291

RIGHT_EYE_RING = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
"""Lid margin: outer corner, upper lid, inner corner (index 8), lower lid; entry 8 - k faces entry 8 + k."""
LEFT_EYE_RING = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)

INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
"""Inner lip contour: right corner, upper lip, left corner (index 10), lower lip."""
UPPER_INNER_LIP = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_INNER_LIP = (95, 88, 178, 87, 14, 317, 402, 318, 324)
OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)

RIGHT_BROW = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
LEFT_BROW = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Outline of the face mesh, from the top of the forehead to the subject's left and round."""
JAW_LINE = (93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323)

CHEEKS = (50, 101, 36, 205, 280, 330, 266, 425)
"""Points of both cheeks beside the nose: skin on every face, beards and glasses or not."""

RIGID = np.array(
    sorted(
        {
            10, 338, 109, 67, 297, 103, 332, 54, 284, 21, 251, 162, 389, 127, 356, 234, 454, 168, 6, 197, 195, 5, 4,
            1, 2, 98, 327, 94, 33, 263, 133, 362, 122, 351, 193, 417, 34, 264, 143, 372, 156, 383, 116, 345, 111,
            340, 227, 447, 198, 420, 209, 429, 49, 279, 48, 278, 115, 344, 220, 440, 45, 275, 93, 323,
        }
    )
)  # fmt: skip
"""Points that expressions hardly move: no lips, lids, chin, nor forehead near the brows (with those a raised brow
would hide in the head pose)."""


def _triangles() -> np.ndarray:
    """The 852 triangles of the mesh: the 3-cycles of the tessellation's edges, less two that are no faces."""
    neighbours: dict[int, set[int]] = {}
    for first, second in solution("face_mesh_connections").FACEMESH_TESSELATION:
        neighbours.setdefault(first, set()).add(second)
        neighbours.setdefault(second, set()).add(first)
    cycles = {
        tuple(sorted((first, second, third)))
        for first, around in neighbours.items()
        for second in around
        for third in around & neighbours[second]
    }
    cycles -= {(49, 64, 129), (279, 294, 358)}
    return np.array(sorted(cycles), dtype=np.int32)


TRIANGLES = _triangles()
