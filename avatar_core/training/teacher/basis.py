"""The teacher reduced to MediaPipe's mesh landmarks: what the fit needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LandmarkBasis:
    """rest (468, 3) cm, identity (I, 468, 3), expression (53, 468, 3), trust (468,) relative weights."""

    rest: NDArray[np.float64]
    identity: NDArray[np.float64]
    expression: NDArray[np.float64]
    trust: NDArray[np.float64]

    def with_identity(self, identity: NDArray[np.floating]) -> LandmarkBasis:
        """The same with identity (I,) baked into the rest shape and no identity left to fit."""
        rest = self.rest + np.tensordot(identity, self.identity, 1)
        return LandmarkBasis(rest, self.identity[:0], self.expression, self.trust)

    def points(self, identity: NDArray[np.floating], activations: NDArray[np.floating]) -> NDArray[np.float64]:
        """(468, 3) cm."""
        return self.rest + np.tensordot(identity, self.identity, 1) + np.tensordot(activations, self.expression, 1)
