"""The loop: batches -> loss -> gradients -> weights, with checkpoints, a log, pictures and an end that is told."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric, seed_everything
from torch import Tensor, nn

from avatar_core.errors import AvatarError
from avatar_core.training.loop.checkpoints import (
    TrainingState,
    checkpoint_path,
    checkpoints_in,
    load_checkpoint,
    save_checkpoint,
)
from avatar_core.training.loop.interruption import StopRequest
from avatar_core.training.loop.journal import Journal
from avatar_core.training.loop.meter import Meter
from avatar_core.training.loop.schedule import averaged_copy, rate_factor, update_average
from avatar_core.training.loop.task import LoopConfig, Task


@dataclass(frozen=True)
class Outcome:
    """Steps done in all, the last step's loss (mean over processes; NaN without a step), the newest checkpoint, and
    whether all steps were done."""

    step: int
    loss: float
    checkpoint: Path | None
    finished: bool


def train(task: Task[Any], config: LoopConfig) -> Outcome:
    """Carry out a training, from its newest checkpoint if there is one; SIGINT and SIGTERM end it after a checkpoint.

    Raises:
        AvatarError: the settings ask for what is not there, a checkpoint does not fit, the loss is no longer finite, or
            the last checkpoint cannot be written.
    """
    fabric = _fabric(config)
    optimiser = torch.optim.AdamW(
        task.parameter_groups(), lr=config.learning_rate, betas=config.betas, weight_decay=config.weight_decay
    )
    model, wrapped_optimiser = fabric.setup(task.model, optimiser)
    average = averaged_copy(task.model) if config.average_decay > 0 else None
    state = TrainingState(task.model, optimiser, average)
    rates = [group["lr"] for group in optimiser.param_groups]
    _prepare(fabric, config, state)
    run = _Run(fabric, task, config, state, model, wrapped_optimiser, rates)
    with StopRequest() as stop:
        return run.to_the_end(stop)


def _fabric(config: LoopConfig) -> Fabric:
    try:
        fabric = Fabric(
            accelerator=config.accelerator,
            strategy=config.strategy,
            devices=config.devices,
            num_nodes=config.nodes,
            precision=config.precision,
        )
        fabric.launch()
    except (ValueError, RuntimeError, TypeError) as error:  # Lightning's own for a wrong choice are among these
        raise AvatarError(f"the training cannot start on this machine: {error}") from error
    return fabric


def _prepare(fabric: Fabric, config: LoopConfig, state: TrainingState) -> None:
    """Make the folder and load the checkpoint to go on from."""
    try:
        config.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AvatarError(f"{config.folder}: the folder cannot be made ({error.strerror}).") from error
    present = checkpoints_in(config.folder)
    if config.resume == "never":
        if present:
            raise AvatarError(f"{config.folder}: holds {present[-1].name} already. Resume it or choose another folder.")
        return
    start = present[-1] if present else None
    if config.resume != "newest":
        start = Path(config.resume)
    if start is not None:
        load_checkpoint(start, state)
        fabric.print(f"goes on from {start}", flush=True)
    if present and present[-1] > checkpoint_path(config.folder, state.step):
        raise AvatarError(
            f"{config.folder}: holds {present[-1].name}, which is later than {start}. Delete the later ones or choose "
            "another folder."
        )


@dataclass
class _Run:
    fabric: Fabric
    task: Task[Any]
    config: LoopConfig
    state: TrainingState
    model: nn.Module
    optimiser: Any
    rates: list[float]

    def to_the_end(self, stop: StopRequest) -> Outcome:
        fabric, config, state = self.fabric, self.config, self.state
        journal = Journal(config.folder, state.step, active=fabric.is_global_zero)
        batches = self.task.batches(fabric.global_rank, fabric.world_size, config.seed, state.step)
        meter = Meter(config.steps, self.task.batch_size * fabric.world_size)
        loss, saved = math.nan, state.step if state.step else -1
        while state.step < config.steps:
            loss, terms, norm, stopping = self._step(batches, stop)
            meter.add({"loss": loss, **terms, "gradient_norm": norm})
            done = stopping or state.step == config.steps
            if state.step % config.log_every == 0 or done:
                row, line = meter.report(state.step, self.optimiser.param_groups[0]["lr"])
                journal.row(row)
                fabric.print(line, flush=True)
            if state.step % config.picture_every == 0 or done:
                self._draw(journal)
            if state.step % config.save_every == 0 or done:
                saved = state.step if self._save() else saved
            if stopping:
                fabric.print(f"stopped after step {state.step}; the same command goes on from there", flush=True)
                break
        present = checkpoints_in(config.folder)
        if saved != state.step and fabric.is_global_zero:
            raise AvatarError(
                f"{config.folder}: the state after step {state.step} could not be written. {_kept(present)}"
            )
        return Outcome(state.step, loss, present[-1] if present else None, state.step >= config.steps)

    def _step(self, batches: Iterator[Any], stop: StopRequest) -> tuple[float, Mapping[str, float], float, bool]:
        """One step; its loss, terms, gradient norm, and whether a process was asked to stop."""
        config, state, fabric = self.config, self.state, self.fabric
        try:
            batch = fabric.to_device(next(batches))
        except StopIteration:
            raise AvatarError(f"the data ended after step {state.step} of {config.steps}.") from None
        seeds = np.random.SeedSequence([config.seed, state.step, fabric.global_rank])
        seed_everything(int(seeds.generate_state(1)[0]), verbose=False)
        factor = rate_factor(state.step, config.steps, config.warm_up_steps, config.final_share)
        for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        self.optimiser.zero_grad()
        loss, terms = self.task.loss(self.model, batch, state.step / config.steps)
        fabric.backward(loss)
        limit = config.clip_norm or math.inf
        norm = fabric.clip_gradients(self.model, self.optimiser, max_norm=limit, error_if_nonfinite=False)
        assert norm is not None
        mean_loss, unsound, stopping = self._agree(loss, norm, stop.received)
        if unsound:
            values = ", ".join(f"{name} {value:g}" for name, value in terms.items())
            raise AvatarError(
                f"step {state.step + 1}: loss or gradient is not finite (loss {mean_loss:g}, gradient {float(norm):g}"
                f"{', ' if values else ''}{values}). {_kept(checkpoints_in(config.folder))} Lower the learning rate, "
                "or look for damaged data."
            )
        self.optimiser.step()
        if state.average is not None:
            update_average(state.average, state.model, config.average_decay, state.step)
        state.step += 1
        return mean_loss, terms, float(norm), stopping

    def _agree(self, loss: Tensor, norm: Tensor, stop: bool) -> tuple[float, bool, bool]:
        """Mean loss over the processes, whether anything is not finite in one, whether one was asked to stop."""
        value = loss.detach().float()
        sound = torch.isfinite(value) & torch.isfinite(norm)
        if self.fabric.world_size == 1:
            return float(value), not bool(sound), stop
        told = torch.stack([value, (~sound).float(), torch.tensor(float(stop), device=value.device)])
        agreed = self.fabric.all_reduce(told, reduce_op="mean")
        assert isinstance(agreed, Tensor)
        mean_loss, unsound, stopping = agreed.tolist()
        return mean_loss, unsound > 0, stopping > 0

    def _save(self) -> bool:
        """Write a checkpoint from the first process; whether that worked."""
        if not self.fabric.is_global_zero:
            return True
        try:
            save_checkpoint(self.config.folder, self.state, self.config.keep)
        except OSError as error:
            kept = _kept(checkpoints_in(self.config.folder))
            print(f"warning: the checkpoint of step {self.state.step} cannot be written to {self.config.folder} "
                  f"({error}). Make room on the disk. {kept}", file=sys.stderr, flush=True)  # fmt: skip
            return False
        return True

    def _draw(self, journal: Journal) -> None:
        if not self.fabric.is_global_zero:
            return
        shown = self.state.average if self.state.average is not None else self.state.model
        modes = [(module, module.training) for module in shown.modules()]
        shown.eval()
        with torch.no_grad():
            picture = self.task.pictures(shown)
        for module, training in modes:
            module.training = training
        if picture is not None:
            journal.picture(self.state.step, picture)


def _kept(present: list[Path]) -> str:
    return f"The last good checkpoint is {present[-1]}." if present else "There is no checkpoint yet."
