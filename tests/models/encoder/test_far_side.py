"""The far side of hanging hair in the layout's colours."""

from __future__ import annotations

import numpy as np

from avatar_core.models.encoder.far_side import FROM_HAIR, in_colours
from avatar_core.models.encoder.layout import rays
from tests.models.encoder.conftest import Prepared, far_side

ROWS, COLUMNS = 80, 120


def test_the_head_has_the_layouts_colours_and_clothes_keep_their_own(prepared: Prepared) -> None:
    back = far_side(prepared.relief)
    marked = np.broadcast_to(np.float32([0.1, 0.9, 0.2]), (ROWS, COLUMNS, 3))
    shown = in_colours(back, marked, np.ones((ROWS, COLUMNS), np.float32))
    head, clothes = back.u[:, 1] > FROM_HAIR[1], back.u[:, 1] < FROM_HAIR[0]
    assert head.sum() > 1000 and clothes.sum() > 1000
    np.testing.assert_allclose(shown.colour[head], np.broadcast_to(marked[0, 0], shown.colour[head].shape), atol=1e-5)
    np.testing.assert_array_equal(shown.colour[clothes], back.colour[clothes])


def test_where_the_network_says_nothing_nothing_changes(prepared: Prepared) -> None:
    back = far_side(prepared.relief)
    marked = np.ones((ROWS, COLUMNS, 3), np.float32)
    np.testing.assert_array_equal(in_colours(back, marked, np.zeros((ROWS, COLUMNS), np.float32)).colour, back.colour)


def test_each_point_has_the_colour_of_its_cell(prepared: Prepared) -> None:
    origin, direction = rays(ROWS, COLUMNS)
    back = far_side(prepared.relief).take(np.arange(300))
    row, column = np.divmod(np.arange(300) * 7 + 5 * COLUMNS, COLUMNS)
    back.u = (origin + 1.1 * direction)[row, column].astype(np.float32)
    colour = np.zeros((ROWS, COLUMNS, 3), np.float32)
    colour[..., 0], colour[..., 1] = np.arange(ROWS)[:, None] / ROWS, np.arange(COLUMNS)[None] / COLUMNS
    shown = in_colours(back, colour, np.ones((ROWS, COLUMNS), np.float32)).colour
    np.testing.assert_allclose(shown[:, :2], colour[row, column, :2], atol=2e-3)


def test_an_empty_far_side_stays_empty(prepared: Prepared) -> None:
    nothing = far_side(prepared.relief).take(np.zeros(0, int))
    assert not len(in_colours(nothing, np.ones((ROWS, COLUMNS, 3), np.float32), np.ones((ROWS, COLUMNS), np.float32)))
