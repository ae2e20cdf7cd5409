"""Text that stands for files (pasted, dropped, typed) into paths, and what a file of each kind is for."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.capture.clips import VIDEO_SUFFIXES


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


def drives(path: Path) -> bool:
    """Whether a file given without further words is a driver: videos and folders are, anything else is a portrait or
    a saved avatar. What cannot even be looked at counts as a portrait, and its loader tells why."""
    return path.suffix.lower() in VIDEO_SUFFIXES or os.path.isdir(path)  # `Path.is_dir` raises for some names
