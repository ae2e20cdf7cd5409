"""Trains the learned encoder and writes its weights.

    python -m avatar_core.training.encoder.train --config avatar_core/training/encoder/encoder.yaml [key=value ...]

``samples`` is the folder that `avatar_core.training.encoder.data` made. The same command runs on a CPU, on one GPU, and
on several (``fabric run`` or torchrun). An interrupted training goes on from its newest checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from avatar_core.models.encoder.network import EncoderNetwork, Prediction
from avatar_core.training.encoder.batches import Batch, SampleSet
from avatar_core.training.encoder.config import EncoderSettings
from avatar_core.training.encoder.loss import blended_colour, encoder_loss
from avatar_core.training.loop.checkpoints import load_model
from avatar_core.training.loop.loop import train
from avatar_core.training.loop.settings import run_command
from avatar_core.training.loop.task import Task
from avatar_core.weights_file import record_sha256

SHOWN = 6
TILE = (240, 160)


class EncoderTask(Task[Batch]):
    """What the loop needs: the network, its batches, its loss, and a picture of held-out samples."""

    def __init__(self, settings: EncoderSettings) -> None:
        self.batch_size = settings.batch_size
        self._settings = settings
        self._training = SampleSet(settings.samples / "train")
        self._held_out = SampleSet(settings.samples / "held_out")
        torch.manual_seed(settings.loop.seed)
        self._network = EncoderNetwork() if settings.start is None else EncoderNetwork.load(settings.start).train()
        if settings.start is None:
            with torch.no_grad():
                self._network.template_log_radius.copy_(self._training.mean_log_radius())
        self.model = self._network

    def batches(self, rank: int, world: int, seed: int, start_step: int) -> Iterator[Batch]:
        return self._training.shuffled(self.batch_size, rank, world, seed, start_step)

    def loss(self, model: nn.Module, batch: Batch, progress: float) -> tuple[Tensor, Mapping[str, float]]:
        maps = batch["maps"].to(memory_format=torch.channels_last)
        prediction = model(maps, batch["canonical_to_head"])
        return encoder_loss(self._network, prediction, batch, self._settings.loss)

    def held_out_terms(self, model: nn.Module) -> dict[str, float]:
        """The loss's terms over all held-out samples."""
        network = _network(model)
        totals: dict[str, float] = {}
        with torch.no_grad():
            for index in range(len(self._held_out)):
                batch = self._held_out.batch([index])
                prediction = network(batch["maps"], batch["canonical_to_head"])
                _, terms = encoder_loss(network, prediction, batch, self._settings.loss)
                for name, value in terms.items():
                    totals[name] = totals.get(name, 0.0) + value / len(self._held_out)
        return totals

    def pictures(self, model: nn.Module) -> NDArray[np.uint8]:
        """Held-out samples: radius and colour, the teacher's above the encoder's."""
        network = _network(model)
        device = next(network.parameters()).device
        count = min(SHOWN, len(self._held_out))
        batch = {name: values.to(device) for name, values in self._held_out.batch(list(range(count))).items()}
        with torch.no_grad():
            prediction = network(batch["maps"], batch["canonical_to_head"])
            colour = blended_colour(network, prediction, batch)
        return _sheet(batch, prediction, colour)


def _network(model: nn.Module) -> EncoderNetwork:
    inner = getattr(model, "module", model)
    if not isinstance(inner, EncoderNetwork):
        raise TypeError(f"expected an EncoderNetwork, got {type(inner).__name__}")
    return inner


def _sheet(batch: Batch, prediction: Prediction, colour: Tensor) -> NDArray[np.uint8]:
    rows = []
    for k in range(len(colour)):
        tiles = [
            _grey(batch["radius"][k], 0.4, 1.6),
            _grey(prediction.radius[k], 0.4, 1.6),
            batch["colour"][k].cpu().numpy(),
            colour[k].cpu().numpy(),
            _grey(batch["presence"][k], 0, 1),
            _grey(prediction.presence[k], 0, 1),
        ]
        rows.append(np.hstack([cv2.resize(np.asarray(tile, np.float32), TILE) for tile in tiles]))
    return np.round(255 * np.clip(np.vstack(rows), 0, 1)).astype(np.uint8)


def _grey(values: Tensor, low: float, high: float) -> NDArray[np.float32]:
    return np.repeat(((values.float().cpu().numpy() - low) / (high - low))[..., None], 3, axis=-1)


def run(settings: EncoderSettings) -> None:
    """Train to the end, then write the averaged weights and their checksum."""
    task = EncoderTask(settings)
    outcome = train(task, settings.loop)
    if not outcome.finished or outcome.checkpoint is None:
        print(f"stopped after step {outcome.step}; the same command goes on from there")
        return
    network = EncoderNetwork()
    load_model(outcome.checkpoint, network)
    network.eval()
    figures = {name: f"{value:.4f}" for name, value in task.held_out_terms(network).items()}
    network.save(
        settings.out, {"steps": str(outcome.step), **{f"held_out_{key}": value for key, value in figures.items()}}
    )
    record_sha256(settings.out)
    print(f"{settings.out}: held out " + ", ".join(f"{name} {value}" for name, value in figures.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    return run_command(EncoderSettings, run, "python -m avatar_core.training.encoder.train", arguments)


if __name__ == "__main__":
    raise SystemExit(main())
