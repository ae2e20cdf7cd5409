"""What a training brings along: the task, and the settings of the loop that carries it out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

Batch = TypeVar("Batch")


class Task(ABC, Generic[Batch]):
    """A model and what it is to learn.

    Several processes each hold a task; the loop gives them the same weights at the start and averages their gradients.
    """

    model: nn.Module
    """Made before `train` is called, on the CPU, in the mode (train or eval, module by module) it is trained in."""
    batch_size: int = 1
    """Samples in one batch of one process; for the figures printed."""

    @abstractmethod
    def batches(self, rank: int, world: int, seed: int, start_step: int) -> Iterator[Batch]:
        """Endless batches of process ``rank`` of ``world``, the first being that of step ``start_step``.

        The batch of a step must depend on the arguments and the step alone, so that a resumed training sees what an
        uninterrupted one would have seen. Tensors inside (nested in lists, dicts, dataclasses) move to the device.
        """

    @abstractmethod
    def loss(self, model: nn.Module, batch: Batch, progress: float) -> tuple[Tensor, Mapping[str, float]]:
        """The scalar to minimise, and named values for the log.

        ``model`` is `Task.model` wrapped: only calls ``model(...)`` run in the chosen precision and take part in the
        averaging of gradients over processes. ``progress`` runs from 0 to 1 over the training. Random numbers may be
        drawn from torch, NumPy and Python: all are seeded by (seed, step, rank) before each step.
        """

    def pictures(self, model: nn.Module) -> NDArray[np.uint8] | None:
        """A picture (H, W, 3) of the state of affairs, or None; ``model`` holds averaged weights, in eval mode."""
        return None

    def parameter_groups(self) -> list[dict[str, Any]]:
        """What is trained, as torch.optim takes it; a group may set its own ``lr`` and ``weight_decay``."""
        return [{"params": [parameter for parameter in self.model.parameters() if parameter.requires_grad]}]


@dataclass(frozen=True)
class LoopConfig:
    """Settings of the loop.

    ``folder`` takes checkpoints, ``log.csv`` and pictures. ``resume`` is "newest" (checkpoint in the folder; none is a
    fresh start), "never", or a checkpoint's path. The learning rate (AdamW) rises linearly over ``warm_up_steps`` and
    falls by half a cosine to ``final_share`` of its value. ``clip_norm`` 0 clips no gradients, ``average_decay`` 0
    keeps no average of the weights. ``accelerator``, ``devices``, ``strategy`` and ``precision`` are Lightning
    Fabric's; processes started by ``fabric run`` or ``torchrun`` are recognised.

    Raises:
        ValueError: a number is out of range.
    """

    folder: Path = Path("runs/training")
    steps: int = 10_000
    seed: int = 0
    resume: str = "newest"
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0
    warm_up_steps: int = 100
    final_share: float = 0.01
    clip_norm: float = 1.0
    average_decay: float = 0.999
    accelerator: str = "auto"
    devices: str = "auto"
    nodes: int = 1
    strategy: str = "auto"
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    log_every: int = 10
    save_every: int = 1000
    picture_every: int = 1000
    keep: int = 3

    def __post_init__(self) -> None:
        for name in ("steps", "log_every", "save_every", "picture_every", "keep", "nodes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("seed", "warm_up_steps", "clip_norm", "weight_decay"):
            value = getattr(self, name)
            if not (value >= 0 and math.isfinite(value)):
                raise ValueError(f"{name} must be 0 or more, got {value}")
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        if not 0 <= self.final_share <= 1:
            raise ValueError(f"final_share must lie in 0..1, got {self.final_share}")
        if not 0 <= self.average_decay < 1:
            raise ValueError(f"average_decay must lie in 0..1, 1 excluded, got {self.average_decay}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must lie in 0..1, 1 excluded, got {self.betas}")
