from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from app.source import advice, face_count
from avatar_core.avatar import Avatar


@pytest.mark.parametrize(("stated", "count"), [("3", 3), ("1", 1), ("0", 1), ("-2", 1), ("many", 1), ("", 1)])
def test_faces_of_a_saved_avatar_are_counted_whatever_its_file_says(avatar: Avatar, stated: str, count: int) -> None:
    assert face_count(replace(avatar, provenance={"faces": stated})) == count


def test_an_avatar_that_does_not_state_its_faces_has_one(avatar: Avatar) -> None:
    assert face_count(replace(avatar, provenance={})) == 1


def test_a_good_photo_needs_no_advice(avatar: Avatar) -> None:
    assert advice(avatar) == []


def test_a_turned_face_a_wide_open_mouth_and_company_are_told(avatar: Avatar) -> None:
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("Y", 30, degrees=True).as_matrix()
    head = turn @ avatar.canonical_to_head
    canonical = avatar.canonical_landmarks()
    canonical[[14, 87, 317], 1] -= 0.3
    landmarks = (canonical @ head[:3, :3].T + head[:3, 3]).astype(np.float32)
    changed = replace(avatar, canonical_to_head=head, landmarks=landmarks, provenance={"faces": "2"})
    faces, turned, mouth = advice(changed)
    assert faces.startswith("2 faces")
    assert any(f"{degrees} degrees" in turned for degrees in range(24, 37))
    assert "wide open" in mouth
