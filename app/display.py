"""Whether a window can be opened at all: without a display the window library aborts the process."""

from __future__ import annotations

import ctypes
import os
import sys


def display_obstacle() -> str | None:
    """Why no window can be opened, or None when one can."""
    if sys.platform != "linux":
        return None
    name = os.environ.get("DISPLAY", "")
    if not name:
        wayland = " (the Wayland session needs XWayland)" if os.environ.get("WAYLAND_DISPLAY") else ""
        return f"No display was found: DISPLAY is not set{wayland}."
    try:
        xlib = ctypes.CDLL("libX11.so.6")
    except OSError:
        return "No window can be opened: libX11 is not installed (apt install libx11-6 libgl1)."
    xlib.XOpenDisplay.restype = ctypes.c_void_p
    display = xlib.XOpenDisplay(None)
    if not display:
        return f"The display '{name}' cannot be reached."
    xlib.XCloseDisplay(ctypes.c_void_p(display))
    return None
