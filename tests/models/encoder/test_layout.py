"""The capsule layout: rays and their inverse."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from avatar_core.models.encoder.layout import COLUMNS, ROWS, cell_azimuth, locate, rays, usable


@given(st.floats(0.2, 2.0))
def test_points_on_a_ray_are_found_in_its_cell_at_their_radius(radius: float) -> None:
    origin, direction = rays()
    place = locate((origin + radius * direction).reshape(-1, 3)).reshape(ROWS, COLUMNS, 3)
    assert np.abs(place[..., 0] - (np.arange(ROWS)[:, None] + 0.5)).max() < 1e-6
    assert np.abs(place[..., 1] - (np.arange(COLUMNS)[None, :] + 0.5)).max() < 1e-6
    assert np.abs(place[..., 2] - radius).max() < 1e-6


def test_rays_have_unit_length_and_the_middle_columns_look_forward() -> None:
    _, direction = rays()
    assert np.allclose(np.linalg.norm(direction, axis=-1), 1)
    forward = direction[-1, np.abs(cell_azimuth()) < 5]
    assert (forward[:, 2] > 0.99).all()
    right = direction[-1, np.abs(cell_azimuth() - 90) < 5]
    assert (right[:, 0] > 0.99).all()


def test_the_layout_is_symmetric_and_leaves_the_face_to_the_photo() -> None:
    cells = usable()
    assert np.array_equal(cells, cells[:, ::-1])
    front = np.abs(cell_azimuth()) < 20
    assert not cells[ROWS // 2 :, front].any()
    assert cells[:, np.abs(cell_azimuth()) > 100].all()
