"""Figures of trained motion networks on clips and combinations that the training did not see.

Position error in pixels at an eye distance of 100 px, mean and 95th percentile per region: from known activations, and
through the solver from landmarks with noise of 0.3 % of the eye distance (source and driver alike, twice in depth).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.models.anatomy import EYEBALL_CENTRES, gaze_rotation
from avatar_core.models.gaussian_decoder import RAW_OPACITY, RAW_POSITION, RAW_QUATERNION, RAW_SCALE
from avatar_core.models.landmark_weights import STATISTICS, landmark_weights
from avatar_core.models.motion_encoder import ActivationSolver
from avatar_core.models.networks import FIRST_RESIDUAL, GAZE, NAMED_COUNT, MotionNetworks
from avatar_core.tracking.topology import (
    INNER_LIPS,
    LANDMARK_COUNT,
    LEFT_EYE_RING,
    LEFT_IRIS,
    MESH_COUNT,
    OUTER_LIPS,
    RIGHT_EYE_RING,
)
from avatar_core.training.expression_sampling import random_combinations
from avatar_core.training.motion_data import MotionData
from avatar_core.training.motion_loss import PIXELS, batched_change
from avatar_core.training.surface_samples import FACE, LIDS, LIPS, REGIONS, SurfaceSampler, SurfaceSamples
from avatar_core.training.teacher_target import TargetMaker

PAIRS, POINTS, CHUNK = 72, 6000, 12
NOISE, DEPTH_NOISE_FACTOR = 0.003, 2.0
SEED = 99

Table = dict[str, tuple[float, float]]
"""Per region: mean and 95th percentile."""


@dataclass(frozen=True)
class Evaluation:
    """Tables by name, and single figures: size, rotation, opacity, and real landmark motion of the held-out clips."""

    tables: dict[str, Table]
    figures: dict[str, float]

    def lines(self) -> list[str]:
        """The figures as text, one row per line."""
        rows = [f"{'mean / p95, px at 100 px':34}" + "".join(f"{name:>14}" for name in REGIONS)]
        for name, table in self.tables.items():
            cells = "".join(f"{table[region][0]:8.2f}/{table[region][1]:5.2f}" for region in REGIONS)
            rows.append(f"{name:34}{cells}")
        rows += [f"{name}: {value:.2f}" for name, value in self.figures.items()]
        return rows


class MotionEvaluator:
    """Holds the fixed test set of one `MotionData`."""

    def __init__(self, data: MotionData) -> None:
        rng = np.random.default_rng(SEED)
        self._data = data
        self._samples = SurfaceSampler(data.teacher, data.face_model.mean).draw(POINTS, rng)
        self._targets = TargetMaker(data.teacher)
        frames = data.test_frames
        clip_sources = frames[rng.integers(0, len(frames), PAIRS)].copy()
        clip_sources[::3] = 0
        random = random_combinations(2 * PAIRS, frames.shape[1], rng)
        random[:PAIRS][::3] = 0
        self._sets = {
            "held-out clips": (clip_sources, frames[rng.integers(0, len(frames), PAIRS)]),
            "random combinations": (random[:PAIRS], random[PAIRS:]),
        }

    @torch.no_grad()
    def evaluate(self, networks: MotionNetworks, through_solver: bool = True) -> Evaluation:
        """All tables for ``networks`` as shipped (gains folded)."""
        tables = {}
        for name, (sources, drivers) in self._sets.items():
            tables[f"{name}: size of the motion"] = self._table(sources, drivers, None)
            tables[f"{name}: known activations"] = self._table(sources, drivers, (networks, sources, drivers))
        figures = self._shape_errors(networks)
        if through_solver:
            solver = ActivationSolver(networks, self._data.face_model)
            rng = np.random.default_rng(SEED + 1)
            for name, (sources, drivers) in self._sets.items():
                solved = [np.array([self._observe(row, solver, rng) for row in rows]) for rows in (sources, drivers)]
                tables[f"{name}: from landmarks"] = self._table(sources, drivers, (networks, solved[0], solved[1]))
            figures |= self._real_landmarks(solver)
        return Evaluation(tables, figures)

    def _shape_errors(self, networks: MotionNetworks) -> dict[str, float]:
        """Mean errors of stretch, rotation and opacity where they matter, held-out clips and random combinations."""
        samples = self._samples
        skin = (samples.region == FACE) | (samples.region == LIDS) | (samples.region == LIPS)
        rows: dict[str, list[float]] = {}
        f, m = networks.describe(samples.u, samples.normal, samples.part)
        for sources, drivers in self._sets.values():
            pair = _pair(sources[:CHUNK], drivers[:CHUNK])
            target = self._targets.target(samples, *pair)
            change = batched_change(networks, f, m, *pair)[:, 0]
            stretch, rotation = (
                change[..., RAW_SCALE][..., :2] - target.stretch,
                change[..., RAW_QUATERNION] - target.rotation,
            )
            opacity = change[..., RAW_OPACITY] - target.opacity
            turn = 2 * rotation[:, skin].norm(dim=-1)
            for name, value, size in (
                ("log stretch of skin", stretch[:, skin].abs(), target.stretch[:, skin].abs()),
                ("rotation of skin, radians", turn, 2 * target.rotation[:, skin].norm(dim=-1)),
                (
                    "opacity logit of eyeballs",
                    opacity[:, samples.is_eyeball].abs(),
                    target.opacity[:, samples.is_eyeball].abs(),
                ),
            ):
                rows.setdefault(f"{name}: size", []).append(float(size.mean()))
                rows.setdefault(f"{name}: error", []).append(float(value.mean()))
        return {name: float(np.mean(values)) for name, values in rows.items()}

    def _table(
        self,
        sources: NDArray[np.float32],
        drivers: NDArray[np.float32],
        prediction: tuple[MotionNetworks, NDArray[np.float32], NDArray[np.float32]] | None,
    ) -> Table:
        samples = self._samples
        errors = []
        for start in range(0, len(sources), CHUNK):
            rows = slice(start, start + CHUNK)
            target = self._targets.target(samples, *_pair(sources[rows], drivers[rows])).position
            if prediction is None:
                errors.append(target.norm(dim=-1))
            else:
                networks, used_sources, used_drivers = prediction
                moved = _positions(networks, samples, *_pair(used_sources[rows], used_drivers[rows]))
                errors.append((moved - target).norm(dim=-1))
        pixels = PIXELS * torch.cat(errors)
        table = {}
        for index, region in enumerate(REGIONS):
            values = pixels[:, samples.region == index].flatten().numpy()
            table[region] = (float(values.mean()), float(np.percentile(values, 95)))
        return table

    def _observe(
        self, activations: NDArray[np.float32], solver: ActivationSolver, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """What the solver makes of the teacher's landmarks for ``activations``, seen with noise."""
        linear = np.concatenate([activations[:NAMED_COUNT], activations[FIRST_RESIDUAL:]])
        displacement = np.zeros((LANDMARK_COUNT, 3))
        displacement[:MESH_COUNT] = np.einsum("l,lkc->kc", linear, self._data.teacher.landmark_basis)
        gaze = activations[GAZE].reshape(2, 2)
        noise = rng.normal(size=displacement.shape) * NOISE * np.array([1.0, 1.0, DEPTH_NOISE_FACTOR])
        displacement = displacement + noise
        return solver.solve(displacement, self._seen_gaze(gaze, noise))

    def _seen_gaze(self, gaze: NDArray[np.float32], noise: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gaze angles with the noise of the iris centres."""
        seen = []
        for eye, iris in enumerate((MESH_COUNT, LEFT_IRIS)):
            radius = np.linalg.norm(self._data.face_model.mean[iris] - EYEBALL_CENTRES[eye])
            direction = gaze_rotation(gaze[eye]) @ np.array([0.0, 0.0, 1.0])
            across = direction[:2] + noise[iris, :2] / radius
            pitch = np.arcsin(np.clip(across[1], -0.95, 0.95))
            seen.append((np.arcsin(np.clip(across[0] / np.cos(pitch), -0.95, 0.95)), pitch))
        return np.array(seen)

    def _real_landmarks(self, solver: ActivationSolver) -> dict[str, float]:
        """Distance of the networks' landmarks from the real ones of the held-out clips, px in the image plane."""
        groups = {
            "face": np.flatnonzero(landmark_weights(STATISTICS) >= 0.3),
            "lids": np.array(RIGHT_EYE_RING + LEFT_EYE_RING),
            "lips": np.array(INNER_LIPS + OUTER_LIPS),
        }
        wanted, shown = [], []
        for clip in self._data.test_motion:
            for displacement, gaze in zip(clip.displacement[::5], clip.gaze[::5], strict=True):
                full = np.zeros((LANDMARK_COUNT, 3))
                full[:MESH_COUNT] = displacement
                wanted.append(full)
                shown.append(solver.landmark_displacement(solver.solve(full, gaze.reshape(2, 2))))
        real, reached = np.array(wanted)[..., :2], np.array(shown)[..., :2]
        figures = {}
        for name, rows in groups.items():
            figures[f"real landmarks, {name}: size px"] = PIXELS * float(np.linalg.norm(real[:, rows], axis=-1).mean())
            miss = np.linalg.norm(real[:, rows] - reached[:, rows], axis=-1)
            figures[f"real landmarks, {name}: error px"] = PIXELS * float(miss.mean())
            slope = float((real[:, rows] * reached[:, rows]).sum() / (real[:, rows] ** 2).sum())
            figures[f"real landmarks, {name}: amplitude reached"] = slope
        return figures


def _pair(sources: NDArray[np.float32], drivers: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(np.array(sources)), torch.from_numpy(np.array(drivers))[:, None]


def _positions(networks: MotionNetworks, samples: SurfaceSamples, sources: Tensor, drivers: Tensor) -> Tensor:
    """(E, P, 3) change of position."""
    f, m = networks.describe(samples.u, samples.normal, samples.part)
    return batched_change(networks, f, m, sources, drivers)[:, 0, :, RAW_POSITION]
