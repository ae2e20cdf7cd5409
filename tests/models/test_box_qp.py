"""The bounded least-squares solver against optimality conditions."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_core.models.box_qp import solve_box_qp


@pytest.mark.parametrize("seed", range(5))
def test_the_solution_satisfies_the_optimality_conditions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(12, 12))
    hessian = factor @ factor.T + np.eye(12)
    gradient = rng.normal(size=12) * 10
    low, high = np.zeros(12), np.full(12, 0.7)
    x = solve_box_qp(hessian, gradient, low, high, np.zeros(12), 5000, 1e-12)
    slope = hessian @ x - gradient
    inside = (x > low) & (x < high)
    assert ((x >= low) & (x <= high)).all()
    assert np.abs(slope[inside]).max(initial=0) < 1e-6
    assert (slope[x == low] > -1e-6).all()
    assert (slope[x == high] < 1e-6).all()


def test_the_start_is_left_as_it_was_and_does_not_matter() -> None:
    hessian, gradient = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([1.0, 1.0])
    low, high, start = np.full(2, -5.0), np.full(2, 5.0), np.array([4.0, -4.0])
    first = solve_box_qp(hessian, gradient, low, high, start, 500, 1e-12)
    second = solve_box_qp(hessian, gradient, low, high, np.zeros(2), 500, 1e-12)
    np.testing.assert_allclose(first, second, atol=1e-9)
    np.testing.assert_array_equal(start, [4.0, -4.0])
