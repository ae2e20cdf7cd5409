"""Trains encoder E, Phi and Psi of the paper's architecture; motion encoder M stays as it is unless asked otherwise.

The public networks reach their learning rates through factors inside the layers. Here the weights are plain, and the
optimiser carries the same rates: Adam's step does not depend on the gradient's size, so a factor c inside a layer is a
learning rate of c times the usual.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from avatar_core.errors import AvatarError
from avatar_core.models.paper.activation import activate
from avatar_core.models.paper.conversion import learning_rate_factor
from avatar_core.models.paper.instantiation import Candidates, from_mean_plane, from_rays
from avatar_core.models.paper.networks import PaperNetworks
from avatar_core.training.paper_loss import LossWeights, PictureTerm, paper_loss
from avatar_core.training.paper_pairs import DistillationSample
from avatar_core.training.splatting import render

MODULATION_STD = 0.02


@dataclass(frozen=True)
class PaperTrainingConfig:
    """Settings with the paper's values. The paper raises ``render_side`` from 64 to 512 in the course of the training,
    which is one run after the other here, each from the weights of the one before."""

    instantiation: str = "plane"
    picture_side: int = 512
    grid_side: int = 512
    ray_side: int = 64
    render_side: int = 64
    batch: int = 32
    learning_rate: float = 1e-4
    steps: int = 100_000
    train_motion_encoder: bool = False
    seed: int = 0
    loss: LossWeights = field(default_factory=LossWeights)


def initialise(networks: PaperNetworks) -> None:
    """The starting point that the public networks have where it is not PyTorch's own."""
    psi, phi = networks.motion_decoder, networks.gaussian_decoder
    for layer in (psi.mapping, psi.modulated):
        nn.init.trunc_normal_(layer.weight, std=MODULATION_STD, a=-2 * MODULATION_STD, b=2 * MODULATION_STD)
    for layer in (psi.hidden, psi.output, phi.hidden, phi.output):
        nn.init.normal_(layer.weight, std=1.0 / math.sqrt(layer.in_features))
    for layer in (psi.modulated, psi.hidden, psi.output, phi.hidden, phi.output):
        nn.init.zeros_(layer.bias)


def parameter_groups(networks: PaperNetworks, config: PaperTrainingConfig) -> list[dict[str, object]]:
    """What is trained, by learning rate."""
    rates: dict[float, list[nn.Parameter]] = {}
    for name, parameter in networks.named_parameters():
        trained = config.train_motion_encoder or not name.startswith("motion_encoder.")
        parameter.requires_grad_(trained)
        if trained:
            rate = config.learning_rate * learning_rate_factor(name, parameter.shape)
            rates.setdefault(rate, []).append(parameter)
    return [{"params": parameters, "lr": rate} for rate, parameters in rates.items()]


class PaperTrainer:
    """Networks and optimiser; `step` takes one batch."""

    def __init__(
        self,
        networks: PaperNetworks,
        config: PaperTrainingConfig,
        device: torch.device,
        further: Sequence[PictureTerm] = (),
    ) -> None:
        self.networks = networks.to(device)
        self.config = config
        self._device = device
        self._further = further
        self._optimiser = torch.optim.Adam(parameter_groups(self.networks, config))
        self.networks.train()
        if not config.train_motion_encoder:
            self.networks.motion_encoder.eval()

    def step(self, samples: Sequence[DistillationSample]) -> Mapping[str, float]:
        """One step on a batch; the mean of each term of the loss.

        Raises:
            AvatarError: the loss is no longer a finite number.
        """
        self._optimiser.zero_grad(set_to_none=True)
        means: dict[str, float] = {}
        for sample in samples:
            loss, terms = self._loss(sample)
            if not bool(torch.isfinite(loss)):
                raise AvatarError("the loss is not finite: lower the learning rate, or look for damaged pictures.")
            (loss / len(samples)).backward()
            for name, value in terms.items():
                means[name] = means.get(name, 0.0) + value / len(samples)
        self._optimiser.step()
        return means

    def save(self, path: Path) -> None:
        """Write the networks so that the program can run them."""
        self.networks.save(path)

    def _loss(self, sample: DistillationSample) -> tuple[Tensor, Mapping[str, float]]:
        networks, device = self.networks, self._device
        candidates = self._instantiate(sample.source[None].to(device))
        f, m = candidates.f[candidates.kept], candidates.m[candidates.kept]
        faces = torch.stack([sample.source_face, sample.driver_face]).to(device)
        with torch.set_grad_enabled(self.config.train_motion_encoder):
            source_code, driver_code = networks.motion_encoder(faces)
        delta_f = networks.motion_decoder(m, source_code, driver_code)
        side = self.config.render_side
        rgba = render(activate(networks.gaussian_decoder(f + delta_f)), sample.camera, side, side)
        shown = rgba[..., :3].permute(2, 0, 1)
        on_device = DistillationSample(
            **{
                **vars(sample),
                **{name: getattr(sample, name).to(device) for name in ("target", "visibility", "detail")},
            }
        )
        return paper_loss(shown, delta_f, on_device, self.config.loss, self._further)

    def _instantiate(self, source: Tensor) -> Candidates:
        encoder, phi = self.networks.encoder, self.networks.gaussian_decoder
        if self.networks.instantiation == "plane":
            return from_mean_plane(encoder.mean_plane(source)[0], phi, self.config.grid_side)
        return from_rays(encoder(source)[0], phi, side=self.config.ray_side)[0]
