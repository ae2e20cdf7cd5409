"""The training loop's state: networks, optimiser, schedule, checkpoints.

Every step draws its random numbers from (seed, step), so a resumed run sees what an uninterrupted one would have seen.
Recipe: design notes on the motion training (initialisation, annealed Charbonnier loss, ramp of the named activations).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from avatar_core.models.networks import NAMED_COUNT, MotionNetworks
from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.training.activation_prior import prior
from avatar_core.training.expression_sampling import ExpressionSampler
from avatar_core.training.motion_data import MotionData
from avatar_core.training.motion_loss import WARP_WEIGHT, activation_gain, batched_change, motion_loss
from avatar_core.training.surface_samples import REGIONS, SurfaceSampler, SurfaceSamples
from avatar_core.training.teacher_target import TargetMaker
from avatar_core.weights_file import read_tensors, write_tensors

SOURCES, DRIVERS, POINTS = 16, 4, 256
LEARNING_RATE, WARM_UP_STEPS, FINAL_SHARE = 5e-3, 100, 0.01
ADAM_BETAS = (0.9, 0.99)
CLIP_NORM = 1.0
RAMP_SHARE, RAMP_START = 0.05, 0.1
"""Share of the training over which named activations grow to full strength, so the eyes are learned first."""
NEUTRAL_SOURCE_SHARE = 0.2
JAW_OPEN = ACTIVATION_NAMES.index("jawOpen")
WARP_AMOUNT = 0.6
"""Jaw opening of the pose that the descriptors' warp is held to."""


@dataclass(frozen=True)
class StepReport:
    """Loss and mean position error per region in pixels (NaN where a region had no sample)."""

    loss: float
    errors: dict[str, float]


def initialise(networks: MotionNetworks) -> None:
    """Variance-preserving start; with PyTorch's defaults the eyeballs never learn to move."""

    def draw(layer: nn.Linear, gain: float) -> None:
        nn.init.normal_(layer.weight, std=gain / math.sqrt(layer.in_features))

    decoder, phi, descriptors = networks.motion_decoder, networks.gaussian_decoder, networks.descriptors
    for layer in (decoder.mapping, decoder.modulated, decoder.hidden, decoder.output, phi.hidden):
        draw(layer, 1.0)
    draw(phi.output, 0.1)
    for layer in (descriptors.first, descriptors.second, descriptors.feature, descriptors.motion):
        draw(layer, 1.6)
    nn.init.normal_(networks.code.weight, std=0.4)
    nn.init.zeros_(descriptors.jaw_warp.output.weight)
    nn.init.zeros_(descriptors.jaw_warp.output.bias)


def set_prior(networks: MotionNetworks) -> None:
    """Store what the solver has to know about activations."""
    precision, sparsity, upper = prior(networks.residual_count)
    networks.activation_precision.copy_(torch.from_numpy(precision))
    networks.activation_sparsity.copy_(torch.from_numpy(sparsity))
    networks.activation_upper.copy_(torch.from_numpy(upper))


class MotionTrainer:
    """Owns the networks while they are trained; `step` makes one update."""

    def __init__(self, data: MotionData, seed: int) -> None:
        torch.manual_seed(seed)
        self._seed = seed
        self._sampler = SurfaceSampler(data.teacher, data.face_model.mean)
        self._targets = TargetMaker(data.teacher)
        self._expressions = ExpressionSampler(data.training_frames)
        self.networks = MotionNetworks(data.teacher.residual_count)
        initialise(self.networks)
        self._gain = activation_gain(self.networks.activation_count)
        self._optimiser = torch.optim.Adam(self.networks.parameters(), lr=LEARNING_RATE, betas=ADAM_BETAS)
        self.steps_done = 0
        self.seconds_done = 0.0

    def step(self, progress: float) -> StepReport:
        """One update at ``progress`` in [0, 1] of the training."""
        rng = np.random.default_rng((self._seed, self.steps_done))
        samples = self._sampler.draw(POINTS, rng)
        sources, drivers = self._draw_expressions(rng, progress)
        target = self._targets.target(samples, sources, drivers)
        f, m = self.networks.descriptors(samples.u, samples.normal, samples.part)
        change = batched_change(self.networks, f, m, sources * self._gain, drivers * self._gain).flatten(0, 1)
        loss, errors = motion_loss(change, target, samples, progress)
        total = loss + WARP_WEIGHT * self._warp_loss(samples)

        rate = LEARNING_RATE * min(1.0, (self.steps_done + 1) / WARM_UP_STEPS)
        rate *= FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self.networks.parameters(), CLIP_NORM)
        self._optimiser.step()
        self.steps_done += 1
        by_region = {
            name: float(errors[:, samples.region == index].mean())  # NaN for a region without samples
            for index, name in enumerate(REGIONS)
        }
        return StepReport(float(loss.detach()), by_region)

    def _draw_expressions(self, rng: np.random.Generator, progress: float) -> tuple[Tensor, Tensor]:
        drawn = self._expressions.draw(SOURCES * (1 + DRIVERS), rng)
        drawn[:, :NAMED_COUNT] *= RAMP_START + (1 - RAMP_START) * min(1.0, progress / RAMP_SHARE)
        expressions = torch.from_numpy(drawn).view(SOURCES, 1 + DRIVERS, -1)
        sources = expressions[:, 0].clone()
        sources[rng.random(SOURCES) < NEUTRAL_SOURCE_SHARE] = 0
        return sources, expressions[:, 1:]

    def _warp_loss(self, samples: SurfaceSamples) -> Tensor:
        """Mean distance in pixels of the descriptors' warp from the teacher's open mouth."""
        opened = WARP_AMOUNT * samples.basis[:, JAW_OPEN]
        error = 100.0 * (self.networks.descriptors.warp(samples.u, samples.part) - opened)
        return (error.pow(2).sum(-1) + 0.01).sqrt().mean()

    def export(self) -> MotionNetworks:
        """A copy of the networks with the activation gains folded into the first layer: what is shipped."""
        networks = MotionNetworks(self.networks.residual_count)
        networks.load_state_dict(self.networks.state_dict())
        with torch.no_grad():
            networks.code.weight.mul_(self._gain)
            set_prior(networks)
        return networks.eval()

    def save_checkpoint(self, path: Path) -> None:
        """Networks, optimiser state and counters, written atomically as safetensors."""
        tensors = {f"network.{name}": value for name, value in self.networks.state_dict().items()}
        for name, parameter in self.networks.named_parameters():
            state = self._optimiser.state.get(parameter)
            if state:
                tensors[f"first_moment.{name}"] = state["exp_avg"]
                tensors[f"second_moment.{name}"] = state["exp_avg_sq"]
        counters = {"steps": str(self.steps_done), "seconds": str(self.seconds_done), "seed": str(self._seed)}
        write_tensors(path, tensors, counters)

    def load_checkpoint(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            WeightsError: the file cannot be read.
        """
        tensors, counters = read_tensors(path)
        prefix = "network."
        self.networks.load_state_dict({k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)})
        self.steps_done, self.seconds_done = int(counters["steps"]), float(counters["seconds"])
        self._seed = int(counters["seed"])
        for name, parameter in self.networks.named_parameters():
            if f"first_moment.{name}" in tensors:
                self._optimiser.state[parameter] = {
                    "step": torch.tensor(float(self.steps_done)),
                    "exp_avg": tensors[f"first_moment.{name}"],
                    "exp_avg_sq": tensors[f"second_moment.{name}"],
                }
