"""Expression-free landmarks from a single frame: identity and expression are told apart by their statistics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.open_mouth import with_chin_no_longer

MEASUREMENT_NOISE = 0.012
"""Standard deviation of what neither basis explains, per coordinate, inter-ocular distances."""
EFFECTIVE_CORRELATION = 30.0
"""Landmark errors are smooth: 478 points carry about 1/30 as many independent measurements."""
EXPRESSION_FREEDOM = 1.5
"""An unknown face may show more expression than the clips' average frame."""


class NeutralEstimator:
    """MAP split of canonical landmarks into identity and expression (ridge regression in both bases)."""

    def __init__(self, face_model: FaceModel) -> None:
        self._mean = face_model.mean
        identity = face_model.identity_basis.reshape(len(face_model.identity_std), -1)
        expression = face_model.expression_basis.reshape(len(face_model.expression_std), -1)
        basis = np.concatenate([identity, expression])
        spread = np.concatenate([face_model.identity_std, EXPRESSION_FREEDOM * face_model.expression_std])
        system = basis @ basis.T + np.diag(MEASUREMENT_NOISE**2 * EFFECTIVE_CORRELATION / spread**2)
        self._solve = np.linalg.solve(system, basis)[len(identity) :]  # only the expression coefficients are used
        self._expression = expression

    def expression(self, canonical: NDArray[np.floating]) -> NDArray[np.float64]:
        """The part (478, 3) of ``canonical`` (478, 3) that is expression."""
        coefficients = self._solve @ (canonical - self._mean).reshape(-1)
        return (coefficients @ self._expression).reshape(self._mean.shape)

    def neutral(self, canonical: NDArray[np.floating]) -> NDArray[np.float64]:
        """``canonical`` with its expression taken off."""
        return np.asarray(canonical, np.float64) - self.expression(canonical)

    def neutral_of_photo(self, canonical: NDArray[np.floating]) -> NDArray[np.float64]:
        """`neutral` of a photo's landmarks after `repair_open_mouth`, whose mouth may be wide open."""
        return with_chin_no_longer(self.neutral(canonical), canonical, self._mean)
