"""The viewport's camera moves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gui import orbit
from app.session_types import ViewState
from avatar_core.camera import Camera

moves = st.floats(-3000, 3000)
views = st.builds(
    ViewState,
    yaw=st.floats(-180, 179.9),
    pitch=st.floats(-orbit.MAX_PITCH, orbit.MAX_PITCH),
    radius=st.floats(orbit.MIN_RADIUS, orbit.MAX_RADIUS),
    target=st.tuples(*[st.floats(-0.3, 0.3)] * 3),
)


def camera(view: ViewState) -> Camera:
    return Camera.orbit(view.yaw, view.pitch, view.radius, target=view.target)


def test_dragging_right_moves_the_front_of_the_head_right() -> None:
    nose = np.array([[0.0, 0.0, 0.15]])
    before = camera(ViewState()).project(nose, 512, 512)[0]
    after = camera(orbit.orbit(ViewState(), 40, 0)).project(nose, 512, 512)[0]
    assert after[0] > before[0] + 5


def test_dragging_down_moves_the_front_of_the_head_down() -> None:
    nose = np.array([[0.0, 0.0, 0.15]])
    before = camera(ViewState()).project(nose, 512, 512)[0]
    after = camera(orbit.orbit(ViewState(), 0, 40)).project(nose, 512, 512)[0]
    assert after[1] > before[1] + 5


@given(views, moves, moves)
def test_orbit_stays_in_range_and_changes_the_angles_alone(view: ViewState, right: float, down: float) -> None:
    turned = orbit.orbit(view, right, down)
    assert -180.0 <= turned.yaw < 180.0 and abs(turned.pitch) <= orbit.MAX_PITCH
    assert (turned.radius, turned.target) == (view.radius, view.target)


@given(views, st.floats(-200, 200), st.floats(-200, 200))
def test_panning_moves_the_target_with_the_mouse(view: ViewState, right: float, down: float) -> None:
    side = 700.0
    point = np.array([view.target])
    before = camera(view).project(point, round(side), round(side))[0]
    panned = orbit.pan(view, right, down, side)
    if max(abs(value) for value in panned.target) < orbit.MAX_PAN:  # at the limit the head stops following
        after = camera(panned).project(point, round(side), round(side))[0]
        assert after - before == pytest.approx([right, down], abs=1e-6)


@given(views, st.floats(-50, 50), st.floats(-50, 50), st.floats(-5000, 5000))
def test_panning_cannot_lose_the_head(view: ViewState, right: float, down: float, far: float) -> None:
    panned = orbit.pan(view, right + far, down - far, 500.0)
    assert max(abs(value) for value in panned.target) <= orbit.MAX_PAN


def test_zoom_steps_are_a_tenth_and_return() -> None:
    nearer = orbit.zoom(ViewState(), 1)
    assert nearer.radius == pytest.approx(2.7 / 1.1)
    assert orbit.zoom(nearer, -1).radius == pytest.approx(2.7)


@given(views, st.floats(-100, 100))
def test_zoom_stays_in_range(view: ViewState, notches: float) -> None:
    assert orbit.MIN_RADIUS <= orbit.zoom(view, notches).radius <= orbit.MAX_RADIUS


@given(st.floats(1, 4000), st.floats(1, 4000))
def test_fitted_square_is_centred_and_touches_the_nearer_edges(width: float, height: float) -> None:
    left, top, side = orbit.fitted_square(width, height)
    assert side == min(width, height)
    assert left + side / 2 == pytest.approx(width / 2) and top + side / 2 == pytest.approx(height / 2)
