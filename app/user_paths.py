"""Paths as a user writes them: on the command line, in the configuration file, pasted, dropped."""

from __future__ import annotations

import os
from pathlib import Path


def expand(path: str | os.PathLike[str]) -> Path:
    """``path`` with ``~`` replaced; a name without a home directory stays as it is, so that the error names it."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
