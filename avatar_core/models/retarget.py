"""The driver's motion -> activations of one avatar, in proportion to the portrait's own face.

In: a `Motion` (displacement from the driver's neutral, canonical space) and the avatar's landmarks. Out: activations
(A,) for the networks. Displacements are passed on relative to the portrait's neutral; what must match absolutely, lips
that touch and lids that close, is set as a target on the portrait's own aperture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_core.models.motion_encoder import ActivationSolver
from avatar_core.models.networks import GAZE, NAMED_COUNT
from avatar_core.motion import ACTIVATION_NAMES, TEETH_UNTOLD, Gains, Motion
from avatar_core.tracking.gaze import gaze_angles
from avatar_core.tracking.measures import eye_opening
from avatar_core.tracking.topology import (
    LEFT_EYE_RING,
    LOWER_INNER_LIP,
    RIGHT_EYE_RING,
    UPPER_INNER_LIP,
)

BROW_GAIN = 1.25
MOUTH_WIDTH_GAIN = 1.24
MOUTH_OPENING_GAIN = 1.12
DEPTH_GAIN = 0.8  # MediaPipe's depth is the noisiest coordinate
"""Gains found by detecting landmarks on the render again: without them brows and mouth come out too small."""

LIP_CONTACT = 0.010  # inner lip gap that the detector reports for closed lips, inter-ocular distances
CLOSED_RATIO = 0.28  # eye opening over its neutral that the detector reports for closed lids
WIDE_RATIO, WIDEST = 1.6, 0.45
"""How far eyes widen at most: over their opening at rest, or to this opening where a photo squints."""
OPENING_RANGE = (0.18, 0.45)  # eye opening an avatar's neutral is held to: shut or startled photos
LIKENESS_RANGE = (0.55, 1.5)
"""The photo's eye opening over the expected one within which it says something about the person."""
LIPS_PARTED = 0.35  # jaw opening from which nothing holds the lips together
BLINK_LIMIT = 1.6
WIDE_LIMIT = 2.0

TEETH_DROP, TEETH_OVERLAP = 0.368, 0.010
"""Inter-ocular distances that the lower incisors go down with a jaw that opens by 1, and that the upper ones hide of
them with a jaw that is shut."""

_JAW_OPEN = ACTIVATION_NAMES.index("jawOpen")
_LIP_LINE = -0.715  # canonical height of the lip line
_EYES = (("eyeBlink_R", "eyeWide_R", RIGHT_EYE_RING), ("eyeBlink_L", "eyeWide_L", LEFT_EYE_RING))
_EYE_NAMES = ("eyeBlink", "eyeLook", "eyeSquint", "eyeWide", "brow")
_MOUTH_NAMES = ("jaw", "mouth", "cheekPuff")


def _bump(values: NDArray[np.float64], centre: float, below: float, above: float) -> NDArray[np.float64]:
    width = np.where(values < centre, below, above)
    return np.exp(-(((values - centre) / width) ** 2))


@dataclass(frozen=True)
class _Lid:
    """One eye of the avatar: its activations, its ring, its neutral opening, and what an activation of 1 changes."""

    blink: int
    wide: int
    ring: tuple[int, ...]
    opening: float
    blink_effect: float
    wide_effect: float


class Retargeter:
    """One avatar's side of the motion: its neutral, its own expression, and the solver.

    Args:
        solver: finds activations whose motion matches a landmark displacement.
        mean: (478, 3) the mean face.
        neutral: (478, 3) the portrait's landmarks without expression, canonical space.
        landmarks: (478, 3) the portrait's landmarks as photographed, canonical space.
        source_activations: (A,) activations of the photo's own expression, or None to solve for them.
        teeth_apart: inter-ocular distances that the photo's rows of teeth are apart at most, to solve with.
    """

    def __init__(
        self,
        solver: ActivationSolver,
        mean: NDArray[np.float64],
        neutral: NDArray[np.floating],
        landmarks: NDArray[np.floating],
        source_activations: NDArray[np.float32] | None = None,
        teeth_apart: float = TEETH_UNTOLD,
    ) -> None:
        self._solver = solver
        self._neutral = np.asarray(neutral, np.float64)
        self._landmarks = np.asarray(landmarks, np.float64)
        if source_activations is None:
            gaze = gaze_angles(self._landmarks, self._neutral)
            source_activations = solver.solve(
                (self._landmarks - self._neutral).astype(np.float32),
                (np.zeros((2, 2)) if gaze is None else gaze).astype(np.float32),
                jaw_open_for(teeth_apart),
            )
        self.source_activations = np.asarray(source_activations, np.float32)
        self._source_motion = solver.landmark_displacement(self.source_activations).astype(np.float64)

        x, y = mean[:, 0], mean[:, 1]
        self._brow = _bump(y, 0.22, 0.12, 0.45)
        self._mouth_height = np.exp(-(((y - _LIP_LINE) / 0.3) ** 2))
        self._mouth = np.exp(-((x / 0.5) ** 2) - ((y + 0.85) / 0.5) ** 2)
        self._below_lips = np.clip((_LIP_LINE + 0.03 - y) / 0.1, 0, 1)
        self._eyes = np.exp(-(((np.abs(x) - 0.34) / 0.30) ** 2) - ((y - 0.08) / 0.28) ** 2)
        self._lids = [self._lid(*names_and_ring) for names_and_ring in _EYES]
        lower = list(LOWER_INNER_LIP)
        distance = ((mean[:, None, :2] - mean[None, lower, :2]) ** 2).sum(-1)
        self._nearest_lower_lip = distance.argmin(1)
        follow = np.exp(-distance.min(1) / 0.25**2) * np.clip((_LIP_LINE - 0.04 - y) / 0.03, 0, 1)
        follow[list(UPPER_INNER_LIP)] = 0.0
        follow[lower] = 1.0
        self._follow_lower_lip = follow
        self.at_rest, self._lips_apart = self._solve_rest(lips_shut=True), self._solve_rest(lips_shut=False)

    def activations(self, motion: Motion | None) -> NDArray[np.float32]:
        """Activations (A,) of ``motion`` on this avatar; None and weight 0 give the photo's own expression."""
        if motion is None or motion.weight <= 0:
            return self.source_activations
        wanted = self._from_names(motion) if motion.displacement is None else self._from_landmarks(motion)
        if motion.weight >= 1:
            return wanted
        return self.source_activations + np.float32(motion.weight) * (wanted - self.source_activations)

    def _from_names(self, motion: Motion) -> NDArray[np.float32]:
        named = motion.activations * named_gains(motion.gains)
        for lid in self._lids:
            full = -lid.opening / lid.blink_effect  # a blink of 1 shuts these very lids
            named[lid.blink] *= np.clip(full, 0.5, BLINK_LIMIT)
        parted = min(max(float(named[_JAW_OPEN]), 0.0) / LIPS_PARTED, 1.0)
        wanted = self.at_rest + np.float32(parted) * (self._lips_apart - self.at_rest)
        wanted[:NAMED_COUNT] += named
        upper = self._solver.upper.copy()
        upper[[lid.blink for lid in self._lids]] = BLINK_LIMIT
        wanted[:NAMED_COUNT] = np.clip(wanted[:NAMED_COUNT], 0.0, upper[:NAMED_COUNT])
        wanted[GAZE] = np.clip(motion.gaze.reshape(-1) * motion.gains.eyes, -upper[GAZE], upper[GAZE])
        return wanted

    def _solve_rest(self, lips_shut: bool) -> NDArray[np.float32]:
        """Activations (A,) of the face at rest, which named activations are added to.

        An estimated neutral has its lips a little apart, as faces have on average. That is where an open jaw starts
        from; without one the lips have to meet.
        """
        target = self._neutral.copy()
        if lips_shut:
            target = self._with_lip_gap(target, np.zeros((len(LOWER_INNER_LIP), 3)))
        for lid in self._lids:
            _open_lids(target, lid.ring, lid.opening)
        wanted_motion = target - self._landmarks + self._source_motion
        wanted = self._solver.solve(wanted_motion.astype(np.float32), np.zeros((2, 2), np.float32))
        return self._close_lids(wanted, target)

    def _from_landmarks(self, motion: Motion) -> NDArray[np.float32]:
        assert motion.displacement is not None and motion.landmarks is not None
        target = self.target(motion)
        gaze = (motion.gaze * motion.gains.eyes).astype(np.float32)
        wanted_motion = target - self._landmarks + self._source_motion
        gain = max(motion.gains.expression * motion.gains.mouth, 1.0)  # a smaller one has moved the target already
        wanted = self._solver.solve(wanted_motion.astype(np.float32), gaze, jaw_open_for(gain * motion.teeth_apart))
        return self._close_lids(wanted, target)

    def target(self, motion: Motion) -> NDArray[np.float64]:
        """Canonical landmarks (478, 3) the avatar should show for ``motion``."""
        assert motion.displacement is not None and motion.landmarks is not None
        driver = np.asarray(motion.landmarks, np.float64)
        driver_neutral = driver - motion.displacement
        gains = motion.gains
        moved = np.asarray(motion.displacement, np.float64) * gains.expression
        moved[:, 2] *= DEPTH_GAIN
        moved[:, 1] *= 1 + self._brow * (BROW_GAIN - 1)
        moved[:, 0] *= 1 + self._mouth_height * (MOUTH_WIDTH_GAIN - 1)
        width = np.linalg.norm(self._neutral[61] - self._neutral[291]) / np.linalg.norm(
            driver_neutral[61] - driver_neutral[291]
        )
        above = np.clip(_philtrum(self._neutral) / _philtrum(driver_neutral), 0.55, 1.15)
        below = np.clip(_chin_height(self._neutral) / _chin_height(driver_neutral), 0.65, 1.15)
        moved[:, 0] *= 1 + self._mouth * (np.clip(width, 0.8, 1.25) - 1)
        proportion = above * (1 - self._below_lips) + below * self._below_lips
        moved[:, 1] *= 1 + self._mouth * (proportion - 1)
        moved *= (1 + self._mouth * (gains.mouth - 1) + self._eyes * (gains.eyes - 1))[:, None]
        target = self._neutral + moved
        target = self._part_lips(target, driver, float(below) * gains.expression * gains.mouth)
        return self._set_lids(target, driver, driver_neutral, gains)

    def _part_lips(
        self, target: NDArray[np.float64], driver: NDArray[np.float64], proportion: float
    ) -> NDArray[np.float64]:
        """Set the gap between the lips absolutely."""
        upper, lower = list(UPPER_INNER_LIP), list(LOWER_INNER_LIP)
        gap = (driver[lower] - driver[upper]) * proportion
        size = np.linalg.norm(gap, axis=1, keepdims=True)
        gap *= MOUTH_OPENING_GAIN * np.maximum(size - LIP_CONTACT, 0) / np.maximum(size, 1e-6)
        return self._with_lip_gap(target, gap)

    def _with_lip_gap(self, landmarks: NDArray[np.float64], gap: NDArray[np.float64]) -> NDArray[np.float64]:
        """Landmarks (478, 3) whose inner lower lip lies ``gap`` (K, 3) from the upper one; what hangs on it follows."""
        upper, lower = list(UPPER_INNER_LIP), list(LOWER_INNER_LIP)
        correction = gap - (landmarks[lower] - landmarks[upper])
        return landmarks + self._follow_lower_lip[:, None] * correction[self._nearest_lower_lip]

    def _set_lids(
        self,
        target: NDArray[np.float64],
        driver: NDArray[np.float64],
        driver_neutral: NDArray[np.float64],
        gains: Gains,
    ) -> NDArray[np.float64]:
        """Set the lid aperture as a share of the portrait's own; the upper lid moves."""
        target = target.copy()
        for lid in self._lids:
            ring = lid.ring
            opening, neutral = eye_opening(driver, ring), max(eye_opening(driver_neutral, ring), 0.15)
            if opening < neutral:  # shut is shut for everybody: a share
                shown = np.clip((opening / neutral - CLOSED_RATIO) / (1 - CLOSED_RATIO), 0, 1)
            else:  # how far eyes widen does not depend on how open they are at rest: a difference
                shown = min(1 + (opening - neutral) / lid.opening, max(WIDE_RATIO, WIDEST / lid.opening))
            shown = max(1 + (shown - 1) * gains.eyes * gains.expression, 0.0)
            _open_lids(target, ring, lid.opening * shown)
        return target

    def _lid(self, blink_name: str, wide_name: str, ring: tuple[int, ...]) -> _Lid:
        blink, wide = ACTIVATION_NAMES.index(blink_name), ACTIVATION_NAMES.index(wide_name)
        opening = self._relaxed_opening(ring)
        shut, widened = self._opening_change(blink, ring), self._opening_change(wide, ring)
        return _Lid(blink, wide, ring, opening, min(shut, -1e-2), max(widened, 1e-2))

    def _relaxed_opening(self, ring: tuple[int, ...]) -> float:
        """Eye opening at rest: between what a face like this has and what the photo shows, unless that is a blink."""
        expected = float(np.clip(eye_opening(self._neutral, ring), *OPENING_RANGE))
        photographed = eye_opening(self._landmarks, ring)
        low, high = LIKENESS_RANGE
        if not low * expected < photographed < high * expected:
            return expected
        return float(np.sqrt(expected * photographed))

    def _opening_change(self, index: int, ring: tuple[int, ...]) -> float:
        """Change of the eye opening that one unit of an activation makes on this avatar."""
        activation = np.zeros_like(self.source_activations)
        activation[index] = 1.0
        moved = self._neutral + self._solver.landmark_displacement(activation)
        return _signed_opening(moved, ring) - _signed_opening(self._neutral, ring)

    def _close_lids(self, wanted: NDArray[np.float32], target: NDArray[np.float64]) -> NDArray[np.float32]:
        """One step on blink and wide activations so that the lids stand where ``target`` has them."""
        shown = self._landmarks + self._solver.landmark_displacement(wanted) - self._source_motion
        corrected = wanted.copy()
        for lid in self._lids:
            error = _signed_opening(target, lid.ring) - _signed_opening(shown, lid.ring)
            blink = float(np.clip(wanted[lid.blink] + error / lid.blink_effect, 0.0, BLINK_LIMIT))
            left_over = error - (blink - wanted[lid.blink]) * lid.blink_effect
            corrected[lid.blink] = blink
            corrected[lid.wide] = np.clip(wanted[lid.wide] + left_over / lid.wide_effect, 0.0, WIDE_LIMIT)
        return corrected


def _philtrum(landmarks: NDArray[np.float64]) -> float:
    return float(landmarks[2, 1] - landmarks[0, 1])


def _chin_height(landmarks: NDArray[np.float64]) -> float:
    return float(landmarks[0, 1] - landmarks[152, 1])


def _open_lids(landmarks: NDArray[np.float64], ring: tuple[int, ...], opening: float) -> None:
    """Move the upper lid, in place, so that the eye stands open by ``opening``."""
    scale = opening / max(eye_opening(landmarks, ring), 1e-3)
    for k in range(1, 8):
        upper, lower = ring[8 - k], ring[8 + k]
        landmarks[upper] = landmarks[lower] + (landmarks[upper] - landmarks[lower]) * scale


def _signed_opening(landmarks: NDArray[np.floating], ring: tuple[int, ...]) -> float:
    """Like `eye_opening`, but negative when the upper lid lies below the lower one."""
    width = float(np.linalg.norm(landmarks[ring[0]] - landmarks[ring[8]]))
    gaps = [landmarks[ring[8 - k], 1] - landmarks[ring[8 + k], 1] for k in (3, 4, 5)]
    return float(np.mean(gaps)) / max(width, 1e-9)


def named_gains(gains: Gains) -> NDArray[np.float32]:
    """(53,) factor of each named activation."""
    factors = np.full(NAMED_COUNT, gains.expression, np.float32)
    for index, name in enumerate(ACTIVATION_NAMES):
        if name.startswith(_EYE_NAMES):
            factors[index] *= gains.eyes
        elif name.startswith(_MOUTH_NAMES):
            factors[index] *= gains.mouth
    return factors


def jaw_open_for(teeth_apart: float) -> float:
    """The activation that parts the rows of teeth so far, inter-ocular distances."""
    return (teeth_apart + TEETH_OVERLAP) / TEETH_DROP
