"""Checkpoints: one safetensors file with the weights, their average and the optimiser's state; the rest as JSON.

Names inside: ``model.*``, ``average.*`` (as in the state dict) and ``optimiser.<parameter>/<entry>``. A file appears
under its name when it is complete. No state of random generators is stored, as each step seeds them anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from avatar_core.atomic_file import replacing
from avatar_core.errors import AvatarError

FORMAT = 1
_INFORMATION = "training"
_SHOWN = 4  # tensors named in a message


@dataclass
class TrainingState:
    """What goes into a checkpoint and comes out of it; ``step`` is the number of steps done."""

    model: nn.Module
    optimiser: torch.optim.Optimizer
    average: nn.Module | None
    step: int = 0


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint after ``step`` steps stands."""
    return folder / f"step-{step:08d}.safetensors"


def checkpoints_in(folder: Path) -> list[Path]:
    """The folder's checkpoints, oldest first."""
    return sorted(folder.glob("step-*.safetensors"))


def save_checkpoint(folder: Path, state: TrainingState, keep: int) -> Path:
    """Write the checkpoint of ``state``, then delete all but the newest ``keep``.

    Raises:
        OSError: it cannot be written; earlier ones are untouched.
    """
    path = checkpoint_path(folder, state.step)
    tensors = {f"model.{name}": value for name, value in state.model.state_dict().items()}
    if state.average is not None:
        tensors.update({f"average.{name}": value for name, value in state.average.state_dict().items()})
    for name, entries in _optimiser_entries(state).items():
        tensors.update({f"optimiser.{name}/{entry}": value for entry, value in entries.items()})
    information = {"format": FORMAT, "step": state.step, "optimiser": type(state.optimiser).__name__}
    try:
        with replacing(path) as temporary:
            save_file(_apart(tensors), str(temporary), metadata={_INFORMATION: json.dumps(information)})
    except SafetensorError as error:
        raise OSError(str(error)) from error
    for old in checkpoints_in(folder)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def load_checkpoint(path: Path, state: TrainingState) -> None:
    """Put what the file holds into ``state``; without an average in the file, the average is the model.

    Raises:
        AvatarError: the file cannot be read, is of another version, or does not fit the model.
    """
    information, tensors = _read(path)
    if information["optimiser"] != type(state.optimiser).__name__:
        raise AvatarError(
            f"{path}: made with the optimiser {information['optimiser']}, this training uses "
            f"{type(state.optimiser).__name__}. Start afresh in another folder."
        )
    model = _below("model.", tensors)
    _fill(path, state.model, model)
    if state.average is not None:
        _fill(path, state.average, _below("average.", tensors) or model)
    _fill_optimiser(path, state, _below("optimiser.", tensors))
    state.step = int(information["step"])


def load_model(path: Path, model: nn.Module, *, average: bool = True) -> None:
    """Load the averaged weights (or the last ones, or the only ones) of a checkpoint into ``model``.

    Raises:
        AvatarError: the file cannot be read, is of another version, or does not fit the model.
    """
    _, tensors = _read(path)
    _fill(path, model, (_below("average.", tensors) if average else {}) or _below("model.", tensors))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(str(path), framework="pt") as file:
            information = json.loads((file.metadata() or {}).get(_INFORMATION, "{}"))
            found = information.get("format")
            if found != FORMAT:
                kind = "no checkpoint of a training" if found is None else f"a checkpoint of format {found}"
                raise AvatarError(f"{path}: {kind}; this version reads format {FORMAT}.")
            return information, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise AvatarError(
            f"{path}: the checkpoint cannot be read ({error}). Delete it to go on from an older one."
        ) from error


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, each with memory of its own: safetensors refuses tied weights."""
    placed: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, value in tensors.items():
        tensor = value.detach().cpu().contiguous()
        if tensor.untyped_storage().data_ptr() in seen or tensor.untyped_storage().nbytes() != tensor.nbytes:
            tensor = tensor.clone()
        seen.add(tensor.untyped_storage().data_ptr())
        placed[name] = tensor
    return placed


def _fill(path: Path, model: nn.Module, found: Mapping[str, Tensor]) -> None:
    """Copy ``found`` into the model, or name what does not fit."""
    needed = model.state_dict()
    problems = []
    for title, names in (("missing", set(needed) - set(found)), ("unknown", set(found) - set(needed))):
        if names:
            problems.append(f"{title}: {_listed(sorted(names))}")
    other = [
        f"{name} is {tuple(found[name].shape)}, the model needs {tuple(needed[name].shape)}"
        for name in sorted(set(needed) & set(found))
        if found[name].shape != needed[name].shape
    ]
    if other:
        problems.append(f"other shape: {_listed(other)}")
    if problems:
        raise AvatarError(f"{path}: the checkpoint is of another model ({'; '.join(problems)}).")
    model.load_state_dict(dict(found))


def _listed(items: list[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


def _trained_names(state: TrainingState) -> list[str]:
    """Names of the optimiser's parameters in its own order."""
    names = {id(parameter): name for name, parameter in state.model.named_parameters()}
    return [names[id(parameter)] for group in state.optimiser.param_groups for parameter in group["params"]]


def _optimiser_entries(state: TrainingState) -> dict[str, dict[str, Tensor]]:
    entries = state.optimiser.state_dict()["state"]
    return {
        name: {entry: torch.as_tensor(value) for entry, value in entries[index].items()}
        for index, name in enumerate(_trained_names(state))
        if index in entries
    }


def _fill_optimiser(path: Path, state: TrainingState, tensors: Mapping[str, Tensor]) -> None:
    names = _trained_names(state)
    surplus = sorted({key.rpartition("/")[0] for key in tensors} - set(names))
    if surplus:
        raise AvatarError(f"{path}: the checkpoint trained {_listed(surplus)}, which this training holds fixed.")
    entries: dict[int, dict[str, Tensor]] = {}
    for index, name in enumerate(names):
        mine = _below(f"{name}/", tensors)
        if mine:
            entries[index] = mine
    state.optimiser.load_state_dict({**state.optimiser.state_dict(), "state": entries})
