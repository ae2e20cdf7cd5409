"""M from landmarks: the activations whose motion matches a landmark displacement.

In: displacement (478, 3) from the person's neutral in canonical units, gaze (2, 2) in radians, and how far the jaw may
open. Out: activations (A,).

The landmark basis comes from the motion networks themselves: each activation's displacement of the mean face. Bounded
ridge regression (`box_qp`) with the prior stored in the weights finds the activations; a few correction steps then
take up what the basis, being linear, leaves: the displacement that the networks really produce is compared with the
wanted one and the difference solved for. The problem is convex, so the answer changes smoothly with the input, and it
depends on nothing but the input.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_core.models.box_qp import solve_box_qp
from avatar_core.models.landmark_motion import LandmarkMotion
from avatar_core.models.landmark_weights import SOLVING, coordinate_weights
from avatar_core.models.networks import FIRST_RESIDUAL, GAZE, NAMED_COUNT, MotionNetworks
from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.topology import LANDMARK_COUNT

NAMED_STEP, RESIDUAL_STEP = 0.7, 1.0
"""Amplitudes at which the networks' response is taken as the basis: between a slight and a full expression."""
_JAW_OPEN = ACTIVATION_NAMES.index("jawOpen")
CORRECTIONS, FIRST_SWEEPS, CORRECTION_SWEEPS, TOLERANCE = 3, 60, 12, 1e-3


class ActivationSolver:
    """Finds activations for landmark displacements; one instance serves every avatar.

    Attributes:
        upper: (A,) largest activation the networks were trained for; 0 or its negative is the smallest.

    Args:
        networks: the motion networks whose answer is matched.
        face_model: gives the mean face the landmarks are described on.
    """

    def __init__(self, networks: MotionNetworks, face_model: FaceModel) -> None:
        self._motion = LandmarkMotion(networks, face_model.mean)
        count = networks.activation_count
        self.activation_count = count
        self._linear = np.concatenate([np.arange(NAMED_COUNT), np.arange(FIRST_RESIDUAL, count)])
        basis = np.stack([self._response(index) for index in self._linear])  # (L, 478 * 3)
        self._weighted = np.ascontiguousarray(basis * coordinate_weights(SOLVING).reshape(-1))
        precision = networks.activation_precision.double().numpy()[np.ix_(self._linear, self._linear)]
        self._curvature = self._weighted @ basis.T
        self._hessian = np.ascontiguousarray(self._curvature + precision)
        self._sparsity = networks.activation_sparsity.double().numpy()[self._linear]
        self._high = networks.activation_upper.double().numpy()[self._linear]
        self._low = np.where(self._linear < NAMED_COUNT, 0.0, -self._high)
        self._gaze_limit = networks.activation_upper.double().numpy()[GAZE]
        self.upper = networks.activation_upper.numpy().astype(np.float32)
        self._start = np.zeros(len(self._linear))
        self.solve(np.zeros((LANDMARK_COUNT, 3), np.float32), np.zeros((2, 2), np.float32))  # compiles the kernel

    def _response(self, index: int) -> NDArray[np.float64]:
        """Displacement (478 * 3,) per unit of one activation, at a middling amplitude."""
        activations = np.zeros(self.activation_count)
        if index < NAMED_COUNT:
            activations[index] = NAMED_STEP
            return self._motion.displacement(activations).astype(np.float64).reshape(-1) / NAMED_STEP
        activations[index] = RESIDUAL_STEP
        ahead = self._motion.displacement(activations).astype(np.float64)
        behind = self._motion.displacement(-activations).astype(np.float64)
        return (ahead - behind).reshape(-1) / (2 * RESIDUAL_STEP)

    def solve(
        self, displacement: NDArray[np.floating], gaze: NDArray[np.floating], jaw_open: float = np.inf
    ) -> NDArray[np.float32]:
        """Activations (A,) that move the landmarks by ``displacement``.

        Args:
            displacement: (478, 3) from neutral, canonical units; iris points are not used.
            gaze: (2, 2) yaw and pitch of the right and left eye, radians; passed on within bounds.
            jaw_open: largest activation of that name; the lips then part by other means.

        Raises:
            ValueError: a shape is wrong or a number is not finite.
        """
        wanted = np.asarray(displacement, np.float64)
        angles = np.asarray(gaze, np.float64)
        if wanted.shape != (LANDMARK_COUNT, 3) or angles.shape != (2, 2):
            raise ValueError(
                f"displacement must be ({LANDMARK_COUNT}, 3) and gaze (2, 2), got {wanted.shape}, {angles.shape}"
            )
        if not (np.isfinite(wanted).all() and np.isfinite(angles).all()) or np.isnan(jaw_open):
            raise ValueError("displacement and gaze must be finite, jaw_open a number")
        activations = np.zeros(self.activation_count, np.float32)
        activations[GAZE] = np.clip(angles.reshape(-1), -self._gaze_limit, self._gaze_limit)

        high = self._high.copy()
        high[_JAW_OPEN] = np.clip(jaw_open, 0, high[_JAW_OPEN])
        linear_term = self._weighted @ wanted.reshape(-1) - self._sparsity
        solution = self._minimise(linear_term, high, self._start, FIRST_SWEEPS)
        activations[self._linear] = solution
        for _ in range(CORRECTIONS):
            remaining = wanted - self._motion.displacement(activations)
            linear_term = self._weighted @ remaining.reshape(-1) + self._curvature @ solution - self._sparsity
            solution = self._minimise(linear_term, high, solution, CORRECTION_SWEEPS)
            activations[self._linear] = solution
        return activations

    def _minimise(
        self, linear_term: NDArray[np.float64], high: NDArray[np.float64], start: NDArray[np.float64], sweeps: int
    ) -> NDArray[np.float64]:
        return solve_box_qp(self._hessian, linear_term, self._low, high, start, sweeps, TOLERANCE)

    def landmark_displacement(self, activations: NDArray[np.floating]) -> NDArray[np.float32]:
        """(478, 3) how the networks move the mean face's landmarks under ``activations`` (A,), canonical units."""
        return self._motion.displacement(activations)
