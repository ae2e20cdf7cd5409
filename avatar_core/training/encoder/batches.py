"""Batches of training samples, mirrored and recoloured at random.

In: sample files. Out: dicts of float32 tensors with a leading batch dimension.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.models.encoder.layout import COLUMNS, ROWS
from avatar_core.models.encoder.mirrored import mirrored_input
from avatar_core.training.encoder.samples import BYTES, Sample, read_sample
from avatar_core.training.teacher_geometry import TrainingDataError

Batch = dict[str, Tensor]
COLOURS = slice(0, 3)
TINT_SPREAD, BRIGHTNESS_SPREAD, LARGEST_GAIN = 0.06, 0.2, 1.25  # of the logarithm; of a channel
HUE_SPREAD = 0.25  # radians
GREY_CHANCE = 0.15  # of a picture that loses at least half of its saturation
_PICTURES = ("front", "back")
_LUMA = np.broadcast_to([0.299, 0.587, 0.114], (3, 3))


class SampleSet:
    """All samples of a folder, in memory.

    Raises:
        TrainingDataError: the folder holds no samples.
    """

    def __init__(self, folder: Path) -> None:
        files = sorted(folder.glob("*.safetensors"))
        if not files:
            raise TrainingDataError(
                f"{folder}: no samples. Make them with python -m avatar_core.training.encoder.data first."
            )
        self.names = [path.stem for path in files]
        self._samples = [read_sample(path) for path in files]

    def __len__(self) -> int:
        return len(self._samples)

    def batch(self, indices: list[int]) -> Batch:
        """The samples ``indices`` as they are."""
        return collate([self._samples[index] for index in indices])

    def mean_log_radius(self) -> Tensor:
        """(80, 120) mean logarithm of the radii, where known; 0 where no sample knows."""
        total, weight = np.zeros((2, ROWS, COLUMNS))
        for sample in self._samples:
            known = sample["radius_weight"].astype(np.float64) / 255
            total = total + known * np.log(np.maximum(sample["radius"].astype(np.float64), 0.05))
            weight = weight + known
        return torch.from_numpy(total / np.maximum(weight, 1e-6)).float()

    def shuffled(self, batch_size: int, rank: int, world: int, seed: int, start_step: int) -> Iterator[Batch]:
        """Endless augmented batches; step k is the same whatever step the iterator starts at."""
        per_pass = max(len(self) // (batch_size * world), 1)
        step = start_step
        while True:
            turn, place = divmod(step, per_pass)
            order = np.random.default_rng([seed, turn]).permutation(len(self))
            rng = np.random.default_rng([seed, step, rank])
            first = (place * world + rank) * batch_size
            chosen = [int(order[k % len(order)]) for k in range(first, first + batch_size)]
            yield augment(self.batch(chosen), rng)
            step += 1


def collate(samples: list[Sample]) -> Batch:
    """Samples as tensors; pictures channels first."""
    batch: Batch = {}
    for name in samples[0]:
        stacked = torch.from_numpy(np.stack([sample[name] for sample in samples])).float()
        batch[name] = stacked / 255 if name in BYTES else stacked
    for name in _PICTURES:
        batch[name] = batch[name].movedim(-1, 1).contiguous()
    batch["coverage"] = batch["coverage"][:, None]
    return batch


def augment(batch: Batch, rng: np.random.Generator) -> Batch:
    """Every sample mirrored with probability one half, and its colours changed."""
    result = dict(batch)
    count = len(batch["maps"])
    flip = torch.from_numpy(rng.random(count) < 0.5)
    mirrored = mirror(batch)
    for name, values in batch.items():
        shape = (count, *[1] * (values.ndim - 1))
        result[name] = torch.where(flip.view(shape), mirrored[name], values)
    change = torch.from_numpy(colour_changes(count, rng)).float()
    maps = result["maps"].clone()
    maps[:, COLOURS] = _recoloured(maps[:, COLOURS], change)
    result["maps"] = maps
    for name in _PICTURES:
        result[name] = _recoloured(result[name], change)
    result["colour"] = _recoloured(result["colour"].movedim(-1, 1), change).movedim(1, -1)
    return result


def colour_changes(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(count, 3, 3) matrices on RGB: brightness and tint, a turn of the hue, and saturation down to grey."""
    hue, grey = rng.normal(0, HUE_SPREAD, count), np.full((3, 3), 1 / 3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    cosine, sine = np.cos(hue)[:, None, None], np.sin(hue)[:, None, None]
    turn = cosine * np.eye(3) + (1 - cosine) * grey + sine * cross
    saturation = np.where(rng.random(count) < GREY_CHANCE, rng.uniform(0, 0.5, count), 1.0)[:, None, None]
    gain = np.exp(rng.normal(0, BRIGHTNESS_SPREAD, (count, 1)) + rng.normal(0, TINT_SPREAD, (count, 3)))
    pale = saturation * turn + (1 - saturation) * _LUMA
    return np.minimum(gain, LARGEST_GAIN)[:, :, None] * pale


def _recoloured(colours: Tensor, change: Tensor) -> Tensor:
    """RGB (B, 3, H, W) in [0, 1] under matrices (B, 3, 3)."""
    return torch.einsum("bij,bjhw->bihw", change, colours).clamp(0, 1)


def mirror(batch: Batch) -> Batch:
    """The same people seen in a mirror."""
    result = {name: values.flip(2 if name == "colour" else -1) for name, values in batch.items()}
    result["maps"], result["canonical_to_head"] = mirrored_input(batch["maps"], batch["canonical_to_head"])
    return result
