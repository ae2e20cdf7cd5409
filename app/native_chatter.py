"""Keeps the start-up chatter of native libraries off the user's terminal; everything else they print passes.

MediaPipe and TensorFlow Lite write lines such as "Created TensorFlow Lite XNNPACK delegate" straight to file
descriptor 2, past any log level. Among them a user does not find the one line that matters.
"""

from __future__ import annotations

import faulthandler
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2
_CHATTER = re.compile(
    rb"INFO: Created TensorFlow Lite|WARNING: All log messages before absl::InitializeLog"
    rb"|[IW]0000 .*(inference_feedback_manager|landmark_projection_calculator|gl_context|face_landmarker_graph)"
)


@contextmanager
def without_native_chatter() -> Iterator[None]:
    """Filter file descriptor 2 line by line while the body runs; Python's own ``sys.stderr`` writes past the filter."""
    sys.stderr.flush()
    terminal = os.dup(_STDERR)
    receiver, sender = os.pipe()
    os.dup2(sender, _STDERR)
    os.close(sender)
    reader = threading.Thread(target=_pass_on, args=(receiver, terminal), name="native chatter", daemon=True)
    reader.start()
    before = sys.stderr
    direct = os.fdopen(os.dup(terminal), "w", buffering=1, errors="backslashreplace")
    if before is sys.__stderr__:  # else somebody captures it, in a test for instance
        sys.stderr = direct
    faulthandler.enable(direct)  # should native code crash, its last lines may be stuck in the filter
    try:
        yield
    finally:
        faulthandler.disable()
        sys.stderr = before
        direct.close()
        os.dup2(terminal, _STDERR)  # closes the pipe's last end here, which ends the reader
        reader.join(timeout=1.0)  # a child process that outlives us may hold the pipe open
        if not reader.is_alive():
            os.close(terminal)


def _pass_on(receiver: int, terminal: int) -> None:
    with os.fdopen(receiver, "rb") as lines:
        for line in lines:
            if not _CHATTER.match(line):
                os.write(terminal, line)
