"""Division of the window."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gui import layout


@given(st.floats(960, 5000), st.floats(620, 3000))
def test_columns_and_rows_fill_the_window_without_overlap(width: float, height: float) -> None:
    plan = layout.plan(width, height)
    columns = layout.SOURCE_WIDTH + plan.centre_width + layout.DRIVER_WIDTH + 4 * layout.MARGIN
    assert columns == pytest.approx(width)
    assert plan.driver_height + plan.performance_height + layout.MARGIN == pytest.approx(plan.body_height)
    assert plan.body_height + layout.HEADER + layout.STATUS_BAR + layout.MARGIN == pytest.approx(height)


@pytest.mark.parametrize("size", [(1440, 900), (1100, 700)])
def test_everything_fits_without_scrolling_at_both_design_sizes(size: tuple[int, int]) -> None:
    plan = layout.plan(*size)
    assert plan.thumbnail_height + plan.drop_zone_height + layout._SOURCE_REST <= plan.body_height
    assert plan.preview_height + layout._DRIVER_REST <= plan.driver_height + 1e-6
    assert plan.plot_height + layout._PERFORMANCE_REST <= plan.performance_height + 1e-6


def test_a_small_window_gives_up_the_plot_first() -> None:
    assert layout.plan(1440, 900).plot_height > 0
    assert layout.plan(1100, 700).plot_height == 0


@given(st.floats(100, 3000), st.floats(100, 2000))
def test_hidden_panels_leave_the_whole_window_to_the_viewport(width: float, height: float) -> None:
    plan = layout.plan(width, height, panels=False)
    assert (plan.centre_width, plan.body_height) == (width, height)


@given(st.floats(1, 6000), st.floats(1, 4000))
def test_no_size_is_ever_negative(width: float, height: float) -> None:
    assert min(vars(layout.plan(width, height)).values()) >= 0
