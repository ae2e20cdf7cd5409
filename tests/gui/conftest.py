"""What the window tests share: a display of their own, which neither shows windows to a developer nor moves his mouse,
and Dear PyGui without any window."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import dearpygui.dearpygui as dpg
import pytest

from app.gui.theme import Look

SCREEN = (1100, 700)  # pixels; the window fills it
_REQUIRED = "IGA_REQUIRE_GUI"  # set to 1: fail instead of skipping


@pytest.fixture
def look() -> Iterator[Look]:
    """Fonts and themes in a Dear PyGui context: parts can be built in it and asked what they hold, but not seen."""
    dpg.create_context()
    try:
        yield Look(1.0)
    finally:
        dpg.destroy_context()


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """Name of a fresh Xvfb display for one file: a display holds one program.

    Without Xvfb or xdotool its tests are skipped, or fail if they are required.
    """
    missing = [tool for tool in ("Xvfb", "xdotool") if shutil.which(tool) is None]
    if not sys.platform.startswith("linux") or missing:
        reason = f"the window tests need Linux with Xvfb and xdotool (missing: {', '.join(missing) or 'Linux'})"
        if os.environ.get(_REQUIRED) == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    read_end, write_end = os.pipe()
    size = f"{SCREEN[0]}x{SCREEN[1]}x24"
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", size, "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=(write_end,), stderr=subprocess.DEVNULL)
    os.close(write_end)
    try:
        with os.fdopen(read_end) as announced:
            number = announced.readline().strip()
        if not number:
            pytest.fail("Xvfb did not start")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(timeout=10)
