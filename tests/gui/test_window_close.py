"""The window's close button ends the program."""

from __future__ import annotations

from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pytest
from numpy.typing import NDArray

from app.gui.bars import TITLE
from tests.gui import x11
from tests.gui.program import START_SECONDS, start

pytestmark = pytest.mark.gui


def test_closing_the_window_ends_the_program_cleanly(display: str, portrait: NDArray[np.uint8], tmp_path: Path) -> None:
    source = tmp_path / "portrait.png"
    imageio.imwrite(source, portrait)
    running = start(tmp_path, display, "--source", str(source), "--driver", "performance")
    try:
        assert x11.eventually(running.shows_avatar, START_SECONDS), running.log.read_text()
        running.user.ask_to_close(TITLE)
        assert running.finish() == 0
        assert "Traceback" not in running.log.read_text()
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait()
        running.user.close()
