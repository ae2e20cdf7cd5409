"""Text that stands for files (pasted, dropped, typed) into paths, and what to do with a file of each kind."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

FileUse = Literal["photo", "avatar", "driver"]

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic", ".avif")
VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg")
AVATAR_SUFFIX = ".safetensors"


def parse_paths(text: str) -> list[str]:
    """Paths in a pasted text: one per line, plain, quoted, with ``~``, or as ``file://`` addresses."""
    paths = []
    for raw in text.replace("\0", "\n").splitlines():
        line = raw.strip()
        if len(line) >= 2 and line[0] == line[-1] and line[0] in "'\"":
            line = line[1:-1]
        if line.lower().startswith("file://"):
            line = unquote(urlsplit(line).path)
            if sys.platform == "win32":
                line = line.lstrip("/")
        if line:
            paths.append(line)
    return paths


def expand(path: str) -> Path:
    """``path`` with ``~`` replaced; a name without a home directory stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def use_of(path: Path) -> FileUse:
    """What a file given without further words is for: videos and folders drive, anything unknown counts as a photo."""
    suffix = path.suffix.lower()
    if suffix == AVATAR_SUFFIX:
        return "avatar"
    return "driver" if suffix in VIDEO_SUFFIXES or path.is_dir() else "photo"


def output_path(folder: Path, avatar_name: str, suffix: str) -> Path:
    """A new, dated file name such as ``outputs/anna-20250131-142530.png`` that does not exist yet."""
    stem = re.sub(r"[^\w-]+", "-", Path(avatar_name).stem).strip("-") or "avatar"
    stamp = time.strftime("%Y%m%d-%H%M%S")
    path = folder / f"{stem}-{stamp}{suffix}"
    number = 2
    while path.exists():
        path = folder / f"{stem}-{stamp}-{number}{suffix}"
        number += 1
    return path
