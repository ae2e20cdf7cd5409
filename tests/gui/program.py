"""The program as a user runs it on a display, and where things are on its screen."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from app.gui import layout
from app.gui.theme import ACCENT, ERROR, WARNING
from tests.conftest import REPOSITORY
from tests.gui import x11
from tests.gui.conftest import SCREEN

START_SECONDS = 150.0  # the first run compiles its kernels
_EXIT_SECONDS = 40.0


@dataclass
class RunningApp:
    """The program on its display, and where things are on the screen (pixels)."""

    process: subprocess.Popen[bytes]
    user: x11.User
    output: Path
    log: Path

    @property
    def centre(self) -> tuple[int, int]:
        """The middle of the viewport."""
        plan = layout.plan(*SCREEN)
        left = 2 * layout.MARGIN + layout.SOURCE_WIDTH
        return round(left + plan.centre_width / 2), round(layout.HEADER + plan.body_height / 2)

    def face(self) -> NDArray[np.float64]:
        """The part of the viewport around the avatar's eyes: no badge, card or toast lies there."""
        x, y = self.centre
        return self.user.screenshot()[y - 150 : y - 35, x - 120 : x + 120].astype(float)

    def thumbnail(self) -> NDArray[np.float64]:
        """The source photo in the left panel."""
        left, top = layout.MARGIN + layout.PANEL_PADDING, layout.HEADER + 50
        return self.user.screenshot()[top : top + 80, left + 40 : left + 190].astype(float)

    def toasts(self) -> set[str]:
        """Levels of the notices at the bottom of the viewport, known by their coloured stripes."""
        x, _ = self.centre
        bottom = round(layout.HEADER + layout.plan(*SCREEN).body_height)
        strip = self.user.screenshot()[bottom - 130 : bottom, x - 240 : x + 240].astype(int)
        stripes = {"info": ACCENT, "warning": WARNING, "error": ERROR}
        return {
            level for level, colour in stripes.items() if (np.abs(strip - np.array(colour)).max(axis=-1) < 3).sum() > 20
        }

    def shows_avatar(self) -> bool:
        face = self.face()
        return bool(face.mean() > 40 and face.std() > 12)

    def is_moving(self) -> bool:
        before = self.face()
        return x11.eventually(lambda: self.differs(before) > 0.5, 10.0)

    def settled_face(self) -> NDArray[np.float64]:
        """The viewport once nothing has moved for a second and a half."""
        last = self.face()
        still_since = time.monotonic()

        def rests() -> bool:
            nonlocal last, still_since
            now = self.face()
            if np.abs(now - last).mean() > 0.2:
                last, still_since = now, time.monotonic()
            return time.monotonic() - still_since > 1.5

        assert x11.eventually(rests, 30.0), "the picture does not come to rest"
        return last

    def differs(self, face: NDArray[np.float64]) -> float:
        """Mean difference of the viewport from an earlier look, in grey levels."""
        return float(np.abs(self.face() - face).mean())

    def finish(self, *, seconds: float = _EXIT_SECONDS) -> int:
        """The exit code, within ``seconds``."""
        return self.process.wait(timeout=seconds)


def start(folder: Path, display: str, *arguments: str) -> RunningApp:
    """The program on ``display``, writing its files and log to ``folder``."""
    output = folder / "output"
    output.mkdir()
    settings = {"window": {"width": SCREEN[0], "height": SCREEN[1]}, "recording": {"folder": str(output)}}
    config, log = folder / "config.yaml", folder / "log.txt"
    config.write_text(yaml.safe_dump(settings))
    command = [sys.executable, "run_demo.py", "--config", str(config), *arguments]
    environment = {**os.environ, "DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1"}
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=stream, stderr=stream)
    return RunningApp(process, x11.User(display), output, log)
