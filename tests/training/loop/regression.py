"""A small real task, a sine to be learned, also as a command: `python -m tests.training.loop.regression key=value ...`.

Where REGRESSION_WEIGHTS names a folder, each process leaves its final weights there as ``rank-N.pt``.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from avatar_core.training.loop import LoopConfig, Outcome, Task, run_command, train


@dataclass(frozen=True)
class RegressionConfig:
    """Settings of the command: width of the hidden layer, seconds that each step waits, for a signal to find it, and
    the step from which the last process's data hold NaN."""

    loop: LoopConfig = field(default_factory=LoopConfig)
    width: int = 16
    pause: float = 0.0
    broken_from: int | None = None


class Regression(Task[tuple[Tensor, Tensor]]):
    """Learns 1 + sin(2x) from noisy inputs: the noise comes from the generators that the loop seeds."""

    batch_size = 256

    def __init__(self, width: int = 16, *, broken_from: int | None = None, pause: float = 0.0) -> None:
        torch.manual_seed(11)
        self.model = nn.Sequential(
            nn.Linear(1, width), nn.BatchNorm1d(width), nn.Tanh(), nn.Dropout(0.01), nn.Linear(width, 1)
        )
        self.broken_from, self.pause = broken_from, pause
        self.losses: list[float] = []

    def batches(self, rank: int, world: int, seed: int, start_step: int) -> Iterator[tuple[Tensor, Tensor]]:
        step = start_step
        while True:
            random = np.random.default_rng([seed, step, rank, world])
            x = torch.from_numpy(random.uniform(-1, 1, (self.batch_size, 1)).astype(np.float32))
            y = torch.sin(2 * x) + 1
            if self.broken_from is not None and step >= self.broken_from and rank == world - 1:
                y[0] = float("nan")
            yield x, y
            step += 1

    def loss(
        self, model: nn.Module, batch: tuple[Tensor, Tensor], progress: float
    ) -> tuple[Tensor, Mapping[str, float]]:
        time.sleep(self.pause)
        x, y = batch
        loss = (model(x + 0.01 * torch.randn_like(x)) - y).square().mean()
        self.losses.append(float(loss.detach()))
        return loss, {"progress": progress}

    def pictures(self, model: nn.Module) -> NDArray[np.uint8]:
        curve = model(torch.linspace(-1, 1, 48)[:, None]).flatten()
        assert not model.training and not curve.requires_grad
        rows = ((2 - curve) * 12).clamp(0, 23).long()
        picture = np.zeros((24, 48, 3), np.uint8)
        picture[rows.numpy(), np.arange(48)] = 255
        return picture


def run(config: RegressionConfig) -> Outcome:
    """The command."""
    task = Regression(config.width, broken_from=config.broken_from, pause=config.pause)
    outcome = train(task, config.loop)
    folder = os.environ.get("REGRESSION_WEIGHTS")
    if folder:
        rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
        torch.save(task.model.state_dict(), Path(folder) / f"rank-{rank}.pt")
    return outcome


if __name__ == "__main__":
    sys.exit(run_command(RegressionConfig, run, "python -m tests.training.loop.regression"))
