"""What lips, lids and eyes are described by, so that they move as one surface."""

from __future__ import annotations

import numpy as np

from avatar_core.avatar import PART_NAMES
from avatar_core.lift.coordinates import LOWER_FACE
from avatar_core.lift.facing import facing, mean_front
from avatar_core.lift.stretch import LIP_LINE_CLEARANCE, clear_of_lip_line
from avatar_core.models.anatomy import EYEBALL_CENTRES, EYEBALL_RADIUS, UPPER_FACE, lip_line, skin_part
from avatar_core.models.landmark_motion import landmark_normals
from avatar_core.tracking.face_model import FaceModel
from tests.lift.conftest import Portrait

CHEEKS_AND_LIPS = [50, 280, 17, 0, 14, 13, 205, 425]
DOWNWARDS = np.array([0, -0.6, 0.8], np.float32)


def test_on_the_face_the_mean_faces_normals_count_and_elsewhere_the_photos(face_model: FaceModel) -> None:
    mean = face_model.mean
    u = mean[CHEEKS_AND_LIPS].astype(np.float32)
    normal = np.tile(DOWNWARDS, (len(u), 1))
    front, part = mean_front(mean), skin_part(u, mean)
    wanted = landmark_normals(mean)[CHEEKS_AND_LIPS]
    assert (facing(normal, u, part, front) * wanted).sum(1).min() > 0.95
    assert np.allclose(facing(normal, u - np.float32([0, 0, 0.3]), part, front), normal, atol=1e-4)
    hair = np.full(len(u), PART_NAMES.index("hair"), np.uint8)
    assert np.array_equal(facing(normal, u, hair, front), normal)
    assert np.allclose(facing(normal, u + np.float32([5, 0, 0]), part, front), normal)


def test_lips_keep_off_the_line_where_they_meet_except_at_the_corners(face_model: FaceModel) -> None:
    line = lip_line(face_model.mean).astype(np.float32)
    for part, side, clearance in ((UPPER_FACE, 1, LIP_LINE_CLEARANCE[0]), (LOWER_FACE, -1, LIP_LINE_CLEARANCE[1])):
        labels = np.full(len(line), part, np.uint8)
        moved = clear_of_lip_line(line, labels, face_model.mean) - line
        assert np.allclose(side * moved[5, 1], clearance, atol=1e-6)
        assert np.abs(moved[[0, -1]]).max() < 1e-6 and np.abs(moved[:, [0, 2]]).max() == 0
        away = line + np.float32([0, side * 0.05, 0])
        assert np.array_equal(clear_of_lip_line(away, labels, face_model.mean), away)


def test_the_socket_goes_on_behind_the_border_of_each_eyeball(portrait: Portrait) -> None:
    lifted = portrait.lifted
    socket = lifted.part == PART_NAMES.index("eye_socket")
    to_canonical = np.linalg.inv(lifted.canonical_to_head)
    canonical = lifted.rest[:3].T @ to_canonical[:3, :3].T + to_canonical[:3, 3]
    for side, name in enumerate(("right_eyeball", "left_eyeball")):
        ball = lifted.part == PART_NAMES.index(name)
        off_axis = np.linalg.norm((lifted.u - EYEBALL_CENTRES[side])[:, :2], axis=1)
        behind = np.flatnonzero(socket & (off_axis < 0.75 * EYEBALL_RADIUS))
        assert len(behind) > 30
        gaps = np.linalg.norm(canonical[ball][:, None, :2] - canonical[behind][None, :, :2], axis=2)
        nearest = gaps.argmin(0)
        covered = gaps.min(0) < 0.01
        assert covered.mean() > 0.9
        assert (canonical[ball][nearest, 2] > canonical[behind, 2])[covered].all()
