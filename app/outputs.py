"""Files the program writes: checked before work starts, under their final name only when complete."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from app.errors import OutputError
from app.user_paths import expand

_FREE_BYTES = 64 << 20  # below this a disk counts as nearly full


def check_output(path: str | os.PathLike[str], suffixes: Collection[str], free_bytes: int = _FREE_BYTES) -> Path:
    """The path as given, when a file can be written there.

    Raises:
        OutputError: unknown ending, a folder of that name, no such folder, not writable, or too little space.
    """
    target = expand(path)
    if target.suffix.lower() not in suffixes:
        endings = " or ".join(sorted(suffixes))
        raise OutputError(f"'{target}' cannot be written: its name must end in {endings}.")
    try:
        if target.is_dir():
            raise OutputError(f"'{target}' is a folder. Give the name of a file in it.")
        folder = target.resolve().parent
        if not folder.is_dir():
            raise OutputError(f"'{target}' cannot be written: there is no folder '{folder}'. Create it first.")
        with tempfile.TemporaryFile(dir=folder):  # the one check that permissions, quotas and mounts cannot fool
            pass
        if target.exists() and not os.access(target, os.W_OK):
            raise OutputError(f"'{target}' exists and may not be replaced. Choose another name.")
        free = shutil.disk_usage(folder).free
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"'{target}' cannot be written ({reason}). Choose another folder.") from error
    if free < free_bytes:
        raise OutputError(
            f"'{target}' cannot be written: only {free >> 20} MB are free there, {free_bytes >> 20} MB are needed. "
            "Free some space or choose another disk."
        )
    return target


def temporary_name(target: Path) -> Path:
    """A name next to ``target``, with its ending, for a file that is still being written."""
    return target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")


def remove_unfinished(target: Path) -> None:
    """Remove what processes that were killed left of `temporary_name`; nobody may be writing ``target`` now."""
    for left in target.parent.glob(f".{glob.escape(target.stem)}.*.partial{target.suffix}"):
        left.unlink(missing_ok=True)


def write_atomically(target: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file, then give it its name; nothing is left behind when it fails.

    Raises:
        OutputError: the file cannot be written.
    """
    temporary = temporary_name(target)
    try:
        write(temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise OutputError(f"'{target}' was not written ({error.strerror or error}). Check the disk.") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_png(target: Path, rgb: NDArray[np.uint8], comment: str = "") -> None:
    """Write ``rgb`` uint8 (H, W, 3) as PNG with an optional text comment.

    Raises:
        OutputError: the file cannot be written.
    """
    information = PngImagePlugin.PngInfo()
    if comment:
        information.add_text("Comment", comment)

    def write(temporary: Path) -> None:
        Image.fromarray(rgb).save(temporary, format="PNG", pnginfo=information)

    write_atomically(target, write)
