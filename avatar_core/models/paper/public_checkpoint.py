"""The public checkpoint on disk: any nesting of dictionaries, read without running what a pickle may contain.

Out: the tensors of the published architecture under their public names, prefixes such as ``module.`` taken off.
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avatar_core.errors import WeightsError
from avatar_core.models.paper.conversion import Mismatch, compare, public_shapes

_ROOTS = {"encoder": ("backbone.", "decoder.", "motion_decoder."), "motion encoder": ("model.",)}
"""How the public names of each of the checkpoint's two networks begin."""
_VARIANT_FLAG = "legacy"
"""The release's own switch: true means ray instantiation; its tensors are named and shaped alike in both."""
_DAMAGED = "not a complete checkpoint: it is truncated, damaged, or another kind of file. Download it again."
_CODE = "GLOBAL"  # how torch's safe loader names a function or class that a pickle asks for
_PREFERRED = "ema"  # of several copies of one network the averaged one is the result of training
MAXIMUM_DEPTH = 16


@dataclass(frozen=True)
class PublicCheckpoint:
    """``tensors`` by public name, the ``instantiation`` the file states or None, and names of what else it holds."""

    tensors: dict[str, Tensor]
    instantiation: str | None
    other: tuple[str, ...]


def read_public_checkpoint(paths: list[Path]) -> PublicCheckpoint:
    """The networks in one or more files; encoder and motion encoder may come in separate ones.

    Raises:
        WeightsError: a file is missing, truncated, unsafe, or of another architecture, or something is missing.
    """
    flat: dict[str, Tensor] = {}
    stated = None
    for path in paths:
        content = _load(path)
        stated = stated or _stated_instantiation(content)
        for name, tensor in _flatten(content, path):
            flat[name] = tensor
    named = " and ".join(str(path) for path in paths)
    tensors, other = _select(flat, named)
    problems = compare(tensors)
    if problems:
        raise WeightsError(f"{named}: {_explain(problems)}")
    _check_finite(tensors, named)
    return PublicCheckpoint(tensors, stated, other)


def _load(path: Path) -> Any:
    if not path.is_file():
        raise WeightsError(f"{path}: no such checkpoint. Check the path.")
    if path.suffix == ".safetensors":
        raise WeightsError(f"{path}: a safetensors file, not a public checkpoint; it may have been imported already.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles of other programs; the error tells all
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if _CODE not in str(error):
            raise WeightsError(f"{path}: {_DAMAGED}") from error
        raise WeightsError(
            f"{path}: this file would run code when opened, so nothing of it was read. Weights need no code: get the "
            "checkpoint from its authors, or have it saved again with its tensors alone."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path}: {_DAMAGED}") from error


def _flatten(content: Any, path: Path) -> list[tuple[str, Tensor]]:
    """Every tensor inside nested mappings with the dotted path to it."""
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"{path}: holds a {type(content).__name__}, not a dictionary of tensors. Is it the right file?"
        )
    found: list[tuple[str, Tensor]] = []
    waiting: list[tuple[str, Any, int]] = [("", content, 0)]
    while waiting:
        prefix, value, depth = waiting.pop()
        if isinstance(value, Tensor):
            found.append((prefix, value))
        elif isinstance(value, Mapping) and depth < MAXIMUM_DEPTH:
            for key, inner in value.items():
                waiting.append((f"{prefix}.{key}" if prefix else str(key), inner, depth + 1))
    return found


def _select(flat: Mapping[str, Tensor], named: str) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The published networks' tensors without prefix, and the names of all others.

    A network may lie under any prefix; what lies under the same prefix belongs to it, known or not.
    """
    expected = public_shapes()
    groups: dict[str, dict[str, int]] = {network: {} for network in _ROOTS}  # known tensors by prefix
    for name in flat:
        public = next((suffix for suffix in _suffixes(name) if suffix in expected), None)
        if public is not None:
            network = next(network for network, roots in _ROOTS.items() if public.startswith(roots))
            prefix = name[: len(name) - len(public)]
            groups[network][prefix] = groups[network].get(prefix, 0) + 1
    if not any(groups.values()):
        example = ", ".join(list(flat)[:3]) or "no tensor at all"
        raise WeightsError(
            f"{named}: another architecture's file: none of its {len(flat)} tensors is one of the {len(expected)} that "
            f"the paper's networks have (it holds {example} ...). Is it the right checkpoint?"
        )
    tensors: dict[str, Tensor] = {}
    used: set[str] = set()
    for network, prefixes in groups.items():
        if not prefixes:
            continue
        prefix = max(prefixes, key=lambda text: (prefixes[text], _PREFERRED in text.lower(), -len(text)))
        for name, tensor in flat.items():
            public = name[len(prefix) :]
            if name not in used and name.startswith(prefix) and public.startswith(_ROOTS[network]):
                tensors[public] = tensor
                used.add(name)
    return tensors, tuple(name for name in flat if name not in used)


def _suffixes(name: str) -> list[str]:
    """``name`` and what remains of it after each dot."""
    parts = name.split(".")
    return [".".join(parts[index:]) for index in range(len(parts))]


def _stated_instantiation(content: Any) -> str | None:
    """What the checkpoint says of its variant, at its top or one level below."""
    if not isinstance(content, Mapping):
        return None
    for place in (content, *(value for value in content.values() if isinstance(value, Mapping))):
        flag = place.get(_VARIANT_FLAG)
        if isinstance(flag, bool):
            return "ray" if flag else "plane"
    return None


def _check_finite(tensors: Mapping[str, Tensor], named: str) -> None:
    damaged = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if damaged:
        raise WeightsError(f"{named}: numbers that are not finite in {', '.join(damaged)}. Download it again.")


def _explain(problems: Mismatch) -> str:
    lacking = [name for name in problems.missing if name.startswith("model.")]
    advice = "Is it the checkpoint of the public release?"
    if len(lacking) == len(problems.missing) == sum(name.startswith("model.") for name in public_shapes()):
        advice = "The motion encoder (model.*) may be a file of its own: name it with --motion-encoder FILE."
    return f"the checkpoint's tensors are not those of the paper's networks: {problems}. {advice}"
