"""Avatars on disk: one safetensors file, checked before anything is allocated from it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from avatar_core.atomic_file import replacing
from avatar_core.avatar import PART_NAMES, Avatar
from avatar_core.errors import AvatarFileError
from avatar_core.models.motion_decoder import CODE_SIZE, FEATURE_SIZE, MOTION_SIZE

FORMAT = "gaussian-avatar"
VERSION = "1"
MAX_GAUSSIANS = 2_000_000
MAX_PICTURE_SIDE = 2048

_TENSORS = ("rest", "f", "m", "neck_weight", "expression_weight", "part")
_ARRAYS = {
    "source_activations": np.float32,
    "landmarks": np.float32,
    "neutral_landmarks": np.float32,
    "canonical_to_head": np.float64,
    "pivot": np.float64,
    "background": np.uint8,
    "thumbnail": np.uint8,
}


_MOTION_CODE = "motion_code"  # only in avatars that a visual motion encoder drives


def save_avatar(avatar: Avatar, path: str | os.PathLike[str]) -> None:
    """Write ``avatar``; the file appears under its name only when complete. f and m are kept as float16.

    Raises:
        AvatarFileError: the place cannot be written.
    """
    target = Path(path)
    tensors = {name: getattr(avatar, name).detach().cpu().contiguous() for name in _TENSORS}
    tensors["f"], tensors["m"] = tensors["f"].half(), tensors["m"].half()
    for name in _ARRAYS:
        tensors[name] = torch.from_numpy(np.array(getattr(avatar, name)))
    if avatar.motion_code is not None:
        tensors[_MOTION_CODE] = torch.from_numpy(np.array(avatar.motion_code))
    metadata = {"format": FORMAT, "version": VERSION, "provenance": json.dumps(avatar.provenance)}
    try:
        with replacing(target) as temporary:
            save_file(tensors, str(temporary), metadata)
    except (OSError, SafetensorError) as error:
        raise AvatarFileError(f"{target}: the avatar cannot be written ({error}). Choose another folder.") from error


def load_avatar(path: str | os.PathLike[str]) -> Avatar:
    """Read an avatar that `save_avatar` wrote.

    Raises:
        AvatarFileError: missing, damaged, of another format or version, or with impossible shapes or values.
    """
    source = Path(path)
    try:
        if not source.is_file():
            raise AvatarFileError(f"{source}: no such avatar file. Check the path.")
        with safe_open(str(source), framework="pt") as reader:
            metadata = reader.metadata() or {}
            if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
                raise AvatarFileError(f"{source}: not an avatar of this program (format {FORMAT} {VERSION}).")
            names = set(reader.keys())
            missing = [name for name in (*_TENSORS, *_ARRAYS) if name not in names]
            if missing:
                raise AvatarFileError(f"{source}: no {', '.join(missing)} inside; the file is incomplete.")
            shapes = {name: tuple(reader.get_slice(name).get_shape()) for name in names}
            _check_shapes(source, shapes)
            tensors = {name: reader.get_tensor(name) for name in (*_TENSORS, *_ARRAYS, _MOTION_CODE) if name in names}
    except (SafetensorError, OSError) as error:
        raise AvatarFileError(f"{source}: damaged or not an avatar ({error}). Encode the photo again.") from error
    for name, values in tensors.items():
        if values.is_floating_point() and not bool(torch.isfinite(values).all()):
            raise AvatarFileError(f"{source}: {name} holds values that are not finite; the file is damaged.")
    for name in ("rest", "f", "m", "neck_weight", "expression_weight"):
        tensors[name] = tensors[name].float()
    if float(torch.linalg.det(tensors["canonical_to_head"].double()[:3, :3])) <= 0:
        raise AvatarFileError(f"{source}: canonical_to_head is no similarity; the file is damaged.")
    if tensors["part"].dtype != torch.uint8 or int(tensors["part"].max()) >= len(PART_NAMES):
        raise AvatarFileError(f"{source}: unknown part labels; the file is damaged.")
    arrays = {name: tensors[name].numpy().astype(kind) for name, kind in _ARRAYS.items()}
    return Avatar(
        **{name: tensors[name] for name in _TENSORS},
        **arrays,
        motion_code=tensors[_MOTION_CODE].float().numpy() if _MOTION_CODE in tensors else None,
        provenance=_provenance(source, metadata.get("provenance", "{}")),
    )


def _provenance(source: Path, text: str) -> dict[str, str]:
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise AvatarFileError(f"{source}: the provenance is damaged ({error}). Encode the photo again.") from error
    if not isinstance(entries, dict):
        raise AvatarFileError(f"{source}: the provenance is damaged. Encode the photo again.")
    return {str(key): str(value) for key, value in entries.items()}


def _check_shapes(source: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    count = shapes["rest"][1] if len(shapes["rest"]) == 2 else 0
    if not 0 < count <= MAX_GAUSSIANS:
        raise AvatarFileError(f"{source}: {count} Gaussians; between 1 and {MAX_GAUSSIANS} are possible.")
    expected = {
        "rest": (14, count),
        "f": (count, FEATURE_SIZE),
        "m": (count, MOTION_SIZE),
        "neck_weight": (count,),
        "expression_weight": (count,),
        "part": (count,),
        "landmarks": (478, 3),
        "neutral_landmarks": (478, 3),
        "canonical_to_head": (4, 4),
        "pivot": (3,),
    }
    if _MOTION_CODE in shapes:
        expected[_MOTION_CODE] = (CODE_SIZE,)
    for name, shape in expected.items():
        if shapes[name] != shape:
            raise AvatarFileError(f"{source}: {name} is {shapes[name]}, expected {shape}; the file is damaged.")
    for name in ("background", "thumbnail"):
        shape = shapes[name]
        if len(shape) != 3 or shape[2] != 3 or not all(0 < side <= MAX_PICTURE_SIDE for side in shape[:2]):
            raise AvatarFileError(f"{source}: {name} is {shape}, not a picture; the file is damaged.")
    if len(shapes["source_activations"]) != 1:
        raise AvatarFileError(f"{source}: source_activations is {shapes['source_activations']}; the file is damaged.")
