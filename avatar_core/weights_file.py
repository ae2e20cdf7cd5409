"""Weights files: safetensors in, checked tensors out; written atomically.

``SHA256SUMS`` in the folder of a weights file (the format of the ``sha256sum`` tool) names the checksum that the file
should have; a file that differs from it, or that cannot be read, is answered by one message with the way back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from avatar_core.atomic_file import replacing
from avatar_core.errors import WeightsError

CHECKSUM_FILE = "SHA256SUMS"
SIZE_LIMIT = 50 * 2**20
"""Bytes; no weights of this program come near it, so a larger file is not ours and is not read."""


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def expected_sha256(path: Path) -> str | None:
    """The checksum that ``SHA256SUMS`` beside ``path`` records for it, or None."""
    try:
        lines = (path.parent / CHECKSUM_FILE).read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        digest, _, name = line.partition(" ")
        if name.strip().lstrip("*") == path.name:
            return digest
    return None


def record_sha256(path: Path) -> None:
    """Write the checksum of ``path`` into ``SHA256SUMS`` beside it, keeping the lines of the other files."""
    listing = path.parent / CHECKSUM_FILE
    lines = listing.read_text().splitlines() if listing.exists() else []
    kept = [line for line in lines if line.partition(" ")[2].strip().lstrip("*") != path.name]
    text = "\n".join(sorted([*kept, f"{sha256_of(path)}  {path.name}"], key=lambda line: line.partition(" ")[2]))
    with replacing(listing) as temporary:
        temporary.write_text(text + "\n")


def weights_error(path: Path, problem: str) -> WeightsError:
    """A `WeightsError` that names the file, the problem, the expected checksum, and how to get the file back."""
    expected = expected_sha256(path)
    checksum = f" Expected SHA-256: {expected}." if expected else ""
    restore = f"Restore it with 'git checkout -- {path}', or train it again (see MODEL_CARD.md in the weights folder)."
    return WeightsError(f"{path}: {problem}.{checksum} {restore}")


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors and the metadata of a safetensors file.

    Raises:
        WeightsError: missing, unreadable, too large, not safetensors, or not the file that ``SHA256SUMS`` records.
    """
    if not path.is_file():
        raise weights_error(path, "the weights file is missing")
    size = path.stat().st_size
    if size > SIZE_LIMIT:
        raise weights_error(path, f"the file has {size} bytes, more than any weights of this program")
    expected = expected_sha256(path)
    try:
        actual = sha256_of(path)
        if expected is not None and actual != expected:
            raise weights_error(path, f"the file is damaged or was replaced (its SHA-256 is {actual})")
        with safe_open(str(path), framework="pt") as file:
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise weights_error(path, f"the file cannot be read ({error})") from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors and metadata to ``path`` so that a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        save_file(contiguous, str(temporary), metadata=dict(metadata))


def check_format(path: Path, metadata: Mapping[str, str], format_name: str, version: str) -> None:
    """Raise `WeightsError` unless the metadata of a weights file says what it must be."""
    if metadata.get("format") != format_name or metadata.get("version") != version:
        found = f"{metadata.get('format', 'unknown')!r} version {metadata.get('version', '?')!r}"
        raise weights_error(path, f"the file holds {found}, not {format_name!r} version {version!r}")


def check_shapes(path: Path, tensors: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]) -> None:
    """Raise `WeightsError` unless ``tensors`` has exactly the names and shapes of ``shapes`` and finite numbers."""
    missing, surplus = sorted(set(shapes) - set(tensors)), sorted(set(tensors) - set(shapes))
    if missing or surplus:
        raise weights_error(path, f"the file has other tensors than this version needs (missing {missing[:3]}, "
                                  f"unknown {surplus[:3]})")  # fmt: skip
    for name, shape in shapes.items():
        tensor = tensors[name]
        if tensor.shape != shape:
            raise weights_error(path, f"tensor {name} has shape {tuple(tensor.shape)}, expected {tuple(shape)}")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise weights_error(path, f"tensor {name} contains numbers that are not finite")
