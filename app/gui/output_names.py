"""Names for files that are saved without asking."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

_LONGEST_STEM = 80  # characters of the avatar's name; file systems take 255 bytes for the whole name


class OutputNames:
    """Dated names in ``folder`` that nobody has, neither a file nor a caller whose file is still being written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._given: set[Path] = set()

    def new(self, avatar_name: str, suffix: str) -> Path:
        """A name such as ``outputs/anna-20250131-142530.png``."""
        stem = re.sub(r"[^\w-]+", "-", Path(avatar_name).stem)[:_LONGEST_STEM].strip("-") or "avatar"
        stamp = time.strftime("%Y%m%d-%H%M%S")
        path = self._folder / f"{stem}-{stamp}{suffix}"
        number = 2
        while path in self._given or os.path.exists(path):
            path = self._folder / f"{stem}-{stamp}-{number}{suffix}"
            number += 1
        self._given.add(path)
        return path
