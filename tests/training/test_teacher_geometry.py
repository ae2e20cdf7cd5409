"""Invariants of the mapped teacher."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from avatar_core.avatar import PART_NAMES
from avatar_core.models.anatomy import EYEBALL_CENTRES, EYEBALL_RADIUS
from avatar_core.models.landmark_weights import STATISTICS, landmark_weights
from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.topology import LOWER_INNER_LIP, MESH_COUNT, UPPER_INNER_LIP
from avatar_core.training.teacher_geometry import LEFT_EYE, RIGHT_EYE, TeacherGeometry, TrainingDataError, load_teacher
from avatar_core.training.teacher_lids import BLINKS, OVERLAP, LidModel, push_out_of_eyeball


def test_landmarks_lie_on_the_mean_face(geometry: TeacherGeometry, face_model: FaceModel) -> None:
    miss = np.linalg.norm(geometry.at_landmarks(geometry.vertices) - face_model.mean[:MESH_COUNT], axis=1)
    inner = landmark_weights(STATISTICS)[:MESH_COUNT] >= 0.3
    assert miss[inner].mean() < 0.003
    assert miss[inner].max() < 0.06


def test_vertices_mirror(geometry: TeacherGeometry) -> None:
    assert abs(geometry.vertices[:, 0].mean()) < 0.01
    left = geometry.label == PART_NAMES.index("left_eyeball")
    assert (geometry.vertices[left, 0] > 0).all(), "the subject's left is on the image's right"


def test_an_open_jaw_parts_the_lips_and_leaves_the_upper_teeth(geometry: TeacherGeometry) -> None:
    opened = geometry.shapes[ACTIVATION_NAMES.index("jawOpen")]
    at_landmarks = geometry.at_landmarks(opened)[:, 1]
    assert at_landmarks[list(LOWER_INNER_LIP)].mean() < at_landmarks[list(UPPER_INNER_LIP)].mean() - 0.15
    assert np.abs(opened[geometry.label == PART_NAMES.index("upper_teeth")]).max() < 0.01
    assert opened[geometry.label == PART_NAMES.index("lower_teeth"), 1].max() < -0.1


def test_eyeballs_are_spheres_about_the_published_centres(geometry: TeacherGeometry) -> None:
    for part, centre in ((RIGHT_EYE, EYEBALL_CENTRES[0]), (LEFT_EYE, EYEBALL_CENTRES[1])):
        radius = np.linalg.norm(geometry.vertices[part] - centre, axis=1)
        assert radius.max() == pytest.approx(EYEBALL_RADIUS, rel=1e-6)
        assert np.count_nonzero(geometry.shapes[:, part]) == 0


def test_a_full_blink_closes_the_lids(geometry: TeacherGeometry, lids: LidModel) -> None:
    for eye, blink in enumerate(BLINKS):
        closed = geometry.shapes[blink] + lids.corrective[eye]
        gaps = lids.gaps(closed, geometry.vertices)[eye]
        assert gaps.max() < 0.004
        assert gaps.min() > -2 * OVERLAP
        assert lids.gaps(np.zeros_like(closed), geometry.vertices)[eye].max() > 0.09


def test_lid_skin_is_pushed_out_of_the_eyeball_and_no_further() -> None:
    centre = torch.as_tensor(EYEBALL_CENTRES[0], dtype=torch.float32)
    inside, outside = centre + torch.tensor([0.02, 0.01, 0.1]), centre + torch.tensor([0.0, 0.0, 0.3])
    pushed = push_out_of_eyeball(torch.stack([inside, outside]), torch.tensor([0, 0]))
    assert (pushed[0] - centre).norm() > EYEBALL_RADIUS
    torch.testing.assert_close(pushed[1], outside)


def test_a_missing_model_is_named(tmp_path: Path, face_model: FaceModel) -> None:
    with pytest.raises(TrainingDataError, match=r"ict_face_model_light\.npz: not found"):
        load_teacher(tmp_path, face_model.mean)


def test_a_file_of_another_kind_is_named(tmp_path: Path, face_model: FaceModel) -> None:
    (tmp_path / "ict_face_model_light.npz").write_bytes(b"nothing of the sort")
    with pytest.raises(TrainingDataError, match="cannot be used as training data"):
        load_teacher(tmp_path, face_model.mean)
