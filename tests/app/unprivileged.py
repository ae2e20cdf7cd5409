"""Runs Python code as a user whom file permissions bind, even where the tests run as root."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_NOBODY = 65534
_REPOSITORY = Path(__file__).resolve().parents[2]


def run_unprivileged(code: str) -> str:
    """Standard output of ``code``, run in the repository by an unprivileged user.

    Imports of the program are done before privileges are dropped, by running the code after them.
    """
    script = (
        "import os, sys\n"
        f"sys.path.insert(0, {str(_REPOSITORY)!r})\n"
        "import app.outputs, avatar_core.image_io\n"
        f"if os.getuid() == 0:\n    os.setgroups([]); os.setgid({_NOBODY}); os.setuid({_NOBODY})\n" + code
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd="/", timeout=120)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout
