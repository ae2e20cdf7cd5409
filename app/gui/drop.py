"""Files dropped on the window from the file manager. Dear PyGui has no call for it, so the system is asked directly.

Linux and macOS: GLFW's drop callback, which Dear PyGui's own library exports. Windows: WM_DROPFILES through a
replaced window procedure. Both run inside the main loop's frame on the main thread, so they only collect paths.
"""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from app.gui.desktop import Desktop

_log = logging.getLogger(__name__)

_GLFW_DROP = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_char_p))
_WM_DROPFILES = 0x0233
_GWLP_WNDPROC = -4
_ALL_FILES = 0xFFFFFFFF


class FileDrop:
    """Collects dropped paths until `take` is called; a system that delivers none is told in the log."""

    def __init__(self, desktop: Desktop, window_title: str) -> None:
        self._dropped: list[str] = []
        self._keep_alive: Any = None  # the C side holds a bare pointer to this callback
        try:
            if sys.platform == "win32":
                self._install_win32(window_title)
            else:
                self._install_glfw(desktop)
        except Exception as error:
            _log.warning("files cannot be dropped on this system (%s); Open photo and pasting a path still work", error)

    def take(self) -> list[str]:
        """Paths dropped since the last call."""
        dropped, self._dropped = self._dropped, []
        return dropped

    def _install_glfw(self, desktop: Desktop) -> None:
        if desktop.library is None or desktop.window is None:
            raise OSError("the window library does not tell its window")

        def on_drop(_window: int, count: int, paths: Any) -> None:
            self._dropped += [os.fsdecode(paths[index]) for index in range(count)]

        self._keep_alive = _GLFW_DROP(on_drop)
        desktop.library.glfwSetDropCallback.argtypes = [ctypes.c_void_p, _GLFW_DROP]
        desktop.library.glfwSetDropCallback.restype = ctypes.c_void_p
        desktop.library.glfwSetDropCallback(desktop.window, self._keep_alive)

    def _install_win32(self, window_title: str) -> None:
        windll: Any = vars(ctypes)["windll"]  # absent outside Windows
        user32, shell32 = windll.user32, windll.shell32
        result, handle = ctypes.c_ssize_t, ctypes.c_void_p
        procedure: Callable[..., Any] = vars(ctypes)["WINFUNCTYPE"](result, handle, ctypes.c_uint, handle, handle)
        user32.FindWindowW.restype = handle
        user32.FindWindowW.argtypes = [ctypes.c_wchar_p, ctypes.c_wchar_p]
        user32.SetWindowLongPtrW.restype = handle
        user32.SetWindowLongPtrW.argtypes = [handle, ctypes.c_int, handle]
        user32.CallWindowProcW.restype = result
        user32.CallWindowProcW.argtypes = [handle, handle, ctypes.c_uint, handle, handle]
        shell32.DragAcceptFiles.argtypes = [handle, ctypes.c_int]
        shell32.DragFinish.argtypes = [handle]
        shell32.DragQueryFileW.argtypes = [handle, ctypes.c_uint, ctypes.c_wchar_p, ctypes.c_uint]
        shell32.DragQueryFileW.restype = ctypes.c_uint
        window = user32.FindWindowW(None, window_title)
        if not window:
            raise OSError("the window was not found by its title")
        previous: list[Any] = []

        def on_message(target: Any, message: int, first: Any, second: Any) -> Any:
            if message != _WM_DROPFILES:
                return user32.CallWindowProcW(previous[0], target, message, first, second)
            for index in range(shell32.DragQueryFileW(first, _ALL_FILES, None, 0)):
                length = shell32.DragQueryFileW(first, index, None, 0)
                text = ctypes.create_unicode_buffer(length + 1)
                shell32.DragQueryFileW(first, index, text, length + 1)
                self._dropped.append(text.value)
            shell32.DragFinish(first)
            return 0

        self._keep_alive = procedure(on_message)
        pointer = ctypes.cast(self._keep_alive, handle)
        user32.GetWindowLongPtrW.restype = handle
        user32.GetWindowLongPtrW.argtypes = [handle, ctypes.c_int]
        previous.append(user32.GetWindowLongPtrW(window, _GWLP_WNDPROC))
        shell32.DragAcceptFiles(window, 1)
        user32.SetWindowLongPtrW(window, _GWLP_WNDPROC, pointer)
