"""Bounded least squares: minimise 1/2 x' H x - g' x within low <= x <= high by projected Gauss-Seidel.

For a positive definite H the minimum is unique and moves continuously with g, so a solution never jumps between frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_core.rendering.jit import kernel


@kernel()
def solve_box_qp(
    hessian: NDArray[np.float64],  # [n, n], symmetric positive definite
    gradient: NDArray[np.float64],  # [n], the linear term g
    low: NDArray[np.float64],  # [n]
    high: NDArray[np.float64],  # [n]
    start: NDArray[np.float64],  # [n], not changed
    sweeps: int,
    tolerance: float,
) -> NDArray[np.float64]:
    """The minimiser (n,), to a largest change per sweep below ``tolerance`` or after ``sweeps`` sweeps."""
    count = len(gradient)
    x = np.minimum(np.maximum(start, low), high)
    slope = gradient - hessian @ x
    for _ in range(sweeps):
        largest = 0.0
        for index in range(count):
            value = x[index] + slope[index] / hessian[index, index]
            value = min(max(value, low[index]), high[index])
            step = value - x[index]
            if step != 0.0:
                x[index] = value
                for other in range(count):
                    slope[other] -= hessian[index, other] * step
                largest = max(largest, abs(step))
        if largest < tolerance:
            break
    return x
