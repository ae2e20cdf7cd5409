"""Time from nothing to an engine that can draw."""

from __future__ import annotations

import subprocess
import sys

from avatar_core.benchmarks.frames import timed
from avatar_core.errors import AvatarError


def startup_seconds(weights: str, device: str) -> float:
    """Seconds from starting a Python process until an engine stands and its kernels are loaded; the second of two runs.

    The first run compiles the kernels where that has not happened yet.
    """
    code = (
        "import sys; from avatar_core.engine import AvatarEngine; from avatar_core import rendering;"
        "AvatarEngine.from_pretrained(sys.argv[1], sys.argv[2]); rendering.warm_up()"
    )
    seconds = 0.0
    for _ in range(2):
        command = [sys.executable, "-c", code, weights, device]
        seconds, done = timed(subprocess.run, command, capture_output=True, text=True)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            raise AvatarError(lines[-1] if lines else "the engine could not be started in a new process")
    return round(seconds, 2)
