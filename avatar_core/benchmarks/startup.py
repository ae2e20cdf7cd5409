"""Time from nothing to an engine that can draw, and on to the first animated picture.

`python -m avatar_core.benchmarks.startup WEIGHTS DEVICE PHOTO SIZE` is the process that is timed: it prints a line when
its engine is ready and one when it has drawn.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core import rendering
from avatar_core.engine import AvatarEngine
from avatar_core.errors import AvatarError
from avatar_core.performance import motion_at

READY, DRAWN = "ready", "drawn"
_MOMENT = 1.5  # seconds into the performance: a smile and a blink


class Startup(NamedTuple):
    """Seconds from starting a Python process until its engine stands with its kernels loaded, and until it has encoded
    a photo and drawn it under the performance."""

    ready: float
    first_frame: float


def measure_startup(weights: str, device: str, photo: NDArray[np.uint8], size: int) -> Startup:
    """The start of the second of two processes; the first compiles the kernels where that has not happened yet.

    Args:
        photo: RGB (H, W, 3), read from a file by the process; size: pixels of the picture's side.

    Raises:
        AvatarError: the process could not start its engine or encode the photo.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "photo.png"
        cv2.imwrite(str(path), cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))
        command = [sys.executable, "-m", __name__, weights, device, str(path), str(size)]
        _start(command)
        return _start(command)


def _start(command: Sequence[str]) -> Startup:
    """Run ``command`` and note when it says what."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        said = {line.strip(): time.perf_counter() - began for line in process.stdout}
        lines = process.stderr.read().strip().splitlines()
    if process.returncode != 0 or DRAWN not in said:
        raise AvatarError(lines[-1] if lines else "the engine could not be started in a new process")
    return Startup(round(said[READY], 2), round(said[DRAWN], 2))


def main(arguments: Sequence[str]) -> None:
    """The process that is timed."""
    weights, device, photo, size = arguments
    engine = AvatarEngine.from_pretrained(weights, device)
    try:
        rendering.warm_up()
        print(READY, flush=True)
        engine.render(engine.encode(photo), motion_at(_MOMENT), size=int(size), background="photo")
        print(DRAWN, flush=True)
    finally:
        engine.close()


if __name__ == "__main__":
    main(sys.argv[1:])
