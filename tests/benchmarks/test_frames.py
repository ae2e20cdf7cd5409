"""Avatars of any number of Gaussians."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_core.avatar import Avatar
from avatar_core.benchmarks.frames import with_count


@pytest.mark.parametrize("count", [1, 1000])
def test_an_avatar_is_thinned_to_the_wanted_count(avatar: Avatar, count):
    thinned = with_count(avatar, count)
    assert len(thinned) == count
    assert thinned.f.shape == thinned.m.shape == (count, 48)
    assert thinned.neck_weight.shape == thinned.part.shape == (count,)


def test_an_avatar_can_be_repeated_beyond_its_own_count(avatar: Avatar):
    repeated = with_count(avatar, len(avatar) + 100)
    assert len(repeated) == len(avatar) + 100
    np.testing.assert_array_equal(repeated.rest[:, -1], avatar.rest[:, -1])
