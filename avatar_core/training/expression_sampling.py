"""Activations to train on: real frames of the clips, varied, and random combinations.

Out: activations (n, A) float32: 53 named in [0, 1.3], 4 gaze angles in radians, K residual coefficients (about unit
spread). Recipe of the design notes: real frames at random strength with a little noise, 40 % random combinations of a
few activations, 15 % sums of both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_core.models.networks import FIRST_RESIDUAL, GAZE, NAMED_COUNT
from avatar_core.training.activation_prior import RESIDUAL_LIMIT, mirrored_names
from avatar_core.training.clip_statistics import MAX_GAZE, ClipMotion
from avatar_core.training.motion_teacher import Teacher, fit_linear
from avatar_core.training.teacher_lids import BLINKS

UPPER, BLINK_UPPER = 1.3, 1.6
"""Bounds of named activations; blinks go further, to close eyes that are wider open than the mean face's."""
RANDOM_SHARE, SUM_SHARE = 0.4, 0.15
GAZE_YAW_SPREAD, GAZE_PITCH_SPREAD = 0.3, 0.18
RESIDUAL_SPREAD = 0.8
MEAN_ACTIVE = 4
LONE_SHARE = 0.25
"""Share of the random combinations that are one activation alone at any strength: sliders and presets set these."""
BLINK_SHARE = 0.2
"""Share of the random combinations with both lids at any closure: every expression must close its eyes."""
PAIRED_SHARE = 0.5
"""Share of the random combinations that are made symmetric: faces mostly are."""


def frame_activations(clip: ClipMotion, teacher: Teacher) -> NDArray[np.float32]:
    """Activations (n, A) of a clip's frames under the teacher's landmark basis."""
    linear = fit_linear(clip.displacement, teacher.landmark_basis)
    return np.concatenate([linear[:, :NAMED_COUNT], clip.gaze, linear[:, NAMED_COUNT:]], axis=1).astype(np.float32)


def mirrored(activations: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same named activations and gaze seen in a mirror; residual modes are left out (zero)."""
    other = np.zeros_like(activations)
    other[:, :NAMED_COUNT] = activations[:, mirrored_names()]
    other[:, GAZE] = activations[:, GAZE][:, [2, 3, 0, 1]] * np.array([-1, 1, -1, 1], np.float32)
    return other


def random_combinations(
    count: int, activation_count: int, rng: np.random.Generator, residual_spread: float = RESIDUAL_SPREAD
) -> NDArray[np.float32]:
    """A few activations at random strengths, a random gaze, random residuals: (count, A)."""
    activations = np.zeros((count, activation_count), np.float32)
    active = np.where(rng.random(count) < LONE_SHARE, 1, 1 + rng.poisson(MEAN_ACTIVE, count))
    rank = rng.random((count, NAMED_COUNT)).argsort(1).argsort(1)
    chosen = rank < active[:, None]
    named = chosen * rng.random((count, NAMED_COUNT))
    symmetric = (rng.random(count) < PAIRED_SHARE)[:, None]
    activations[:, :NAMED_COUNT] = np.where(symmetric, np.maximum(named, named[:, mirrored_names()]), named)
    together = rng.normal(size=(count, 2)) * [GAZE_YAW_SPREAD, GAZE_PITCH_SPREAD]
    activations[:, GAZE] = np.tile(together, (1, 2)) + rng.normal(size=(count, 4)) * 0.05
    residual = rng.normal(size=(count, activation_count - FIRST_RESIDUAL)) * residual_spread
    activations[:, FIRST_RESIDUAL:] = residual * (rng.random((count, 1)) < 0.5)
    blinking = rng.random(count) < BLINK_SHARE
    for blink in BLINKS:
        activations[blinking, blink] = rng.uniform(0, BLINK_UPPER, int(blinking.sum()))
    return _bounded(activations)


def _bounded(activations: NDArray[np.float32]) -> NDArray[np.float32]:
    activations = np.array(activations, np.float32)
    upper = np.full(NAMED_COUNT, UPPER, np.float32)
    upper[list(BLINKS)] = BLINK_UPPER
    activations[:, :NAMED_COUNT] = np.clip(activations[:, :NAMED_COUNT], 0, upper)
    activations[:, GAZE] = np.clip(activations[:, GAZE], -MAX_GAZE, MAX_GAZE)
    activations[:, FIRST_RESIDUAL:] = np.clip(activations[:, FIRST_RESIDUAL:], -RESIDUAL_LIMIT, RESIDUAL_LIMIT)
    return activations


@dataclass(frozen=True)
class ExpressionSampler:
    """Draws training expressions from frames (n, A) of the training clips."""

    frames: NDArray[np.float32]

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """(count, A)."""
        activation_count = self.frames.shape[1]
        real = self.frames[rng.integers(0, len(self.frames), count)]
        real = np.where((rng.random(count) < 0.4)[:, None], mirrored(real), real)
        strength = np.where(rng.random(count) < 0.5, 1.0, rng.uniform(0, 1.2, count))[:, None]
        real = np.concatenate(
            [real[:, :NAMED_COUNT] * strength, real[:, GAZE], real[:, FIRST_RESIDUAL:] * strength], axis=1
        )
        noise = (rng.random((count, NAMED_COUNT)) < 0.15) * rng.normal(size=(count, NAMED_COUNT)) * 0.15
        real[:, :NAMED_COUNT] += noise
        real[:, FIRST_RESIDUAL:] += rng.normal(size=(count, activation_count - FIRST_RESIDUAL)) * 0.2
        random = random_combinations(count, activation_count, rng)
        kind = rng.random(count)[:, None]
        mixed = np.where(kind < RANDOM_SHARE + SUM_SHARE, real + 0.6 * random, real)
        mixed[:, GAZE] = np.where(kind < RANDOM_SHARE + SUM_SHARE, random[:, GAZE], real[:, GAZE])
        return _bounded(np.where(kind < RANDOM_SHARE, random, mixed))
