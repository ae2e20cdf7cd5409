"""The One-Euro filter (Casiez et al. 2012): smooth when still, prompt when moving."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def _share(cutoff: NDArray[np.float64] | float, seconds: float) -> NDArray[np.float64]:
    """Weight of the new sample of an exponential filter with ``cutoff`` in Hz after ``seconds``."""
    ratio = 2.0 * np.pi * np.asarray(cutoff) * seconds
    return ratio / (ratio + 1.0)


class OneEuroFilter:
    """Filters an array of any shape, element by element or by the speed of each row.

    Args:
        min_cutoff: Hz; the lower, the smoother at rest.
        beta: how fast the cutoff grows with speed (units of the signal per second).
        derivative_cutoff: Hz, of the speed estimate.
    """

    def __init__(self, min_cutoff: float, beta: float, derivative_cutoff: float = 1.0) -> None:
        self.min_cutoff = min_cutoff
        self.beta = beta
        self.derivative_cutoff = derivative_cutoff
        self._value: NDArray[np.float64] | None = None
        self._speed: NDArray[np.float64] | None = None

    def reset(self) -> None:
        """Forget everything; the next value passes unchanged."""
        self._value = self._speed = None

    def __call__(self, value: NDArray[np.floating], seconds: float) -> NDArray[np.float64]:
        """Filter ``value``, measured ``seconds`` after the one before."""
        value = np.asarray(value, np.float64)
        if self._value is None or self._speed is None or seconds <= 0:
            if self._value is None:
                self._value, self._speed = value.copy(), np.zeros_like(value)
            return self._value.copy()
        speed_share = _share(self.derivative_cutoff, seconds)
        self._speed = self._speed + speed_share * ((value - self._value) / seconds - self._speed)
        speed = np.abs(self._speed)
        if value.ndim >= 2:  # a point's coordinates share one cutoff: filtering must not bend its path
            speed = np.linalg.norm(self._speed, axis=-1, keepdims=True)
        self._value = self._value + _share(self.min_cutoff + self.beta * speed, seconds) * (value - self._value)
        return self._value.copy()
