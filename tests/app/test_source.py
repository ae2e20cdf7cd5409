from dataclasses import replace

import pytest

from app.source import face_count
from avatar_core.avatar import Avatar


@pytest.mark.parametrize(("stated", "count"), [("3", 3), ("1", 1), ("0", 1), ("-2", 1), ("many", 1), ("", 1)])
def test_faces_of_a_saved_avatar_are_counted_whatever_its_file_says(avatar: Avatar, stated: str, count: int) -> None:
    assert face_count(replace(avatar, provenance={"faces": stated})) == count


def test_an_avatar_that_does_not_state_its_faces_has_one(avatar: Avatar) -> None:
    assert face_count(replace(avatar, provenance={})) == 1
