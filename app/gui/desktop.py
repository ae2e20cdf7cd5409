"""What the desktop tells a window that Dear PyGui does not: content scale, work area, and who draws.

Dear PyGui carries GLFW inside its own library on Linux and macOS and exports it; everything here goes through that,
on the main thread, and answers with a harmless default where it cannot.
"""

from __future__ import annotations

import ctypes
import logging
import sys

import dearpygui._dearpygui as binding

_log = logging.getLogger(__name__)

_GL_RENDERER = 0x1F01  # of glGetString
_SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swrast", "software rasterizer", "swiftshader", "gdi generic")
_PLATFORM_HANDLE_OFFSET = 88  # bytes, of ImGuiViewport.PlatformHandle in Dear PyGui 2.3.1 on 64-bit systems


def is_software_renderer(renderer: str) -> bool:
    """Whether an OpenGL renderer string names a rasteriser that runs on the CPU."""
    return any(name in renderer.lower() for name in _SOFTWARE_RENDERERS)


class Desktop:
    """The open window as GLFW knows it. Create after `dpg.show_viewport`, on the main thread."""

    def __init__(self) -> None:
        self.library: ctypes.CDLL | None = None
        self.window: int | None = None
        if sys.platform == "win32":  # there Dear PyGui uses Win32 and Direct3D directly
            return
        try:
            self.library = ctypes.CDLL(binding.__file__)  # the library is loaded already: the same handle
            self.window = self._find_window(self.library)
        except (OSError, AttributeError) as error:
            _log.warning("the window library exports no GLFW (%s): file drop and monitor scale are off", error)
            self.library = None

    @staticmethod
    def _find_window(library: ctypes.CDLL) -> int | None:
        library.glfwGetCurrentContext.restype = ctypes.c_void_p
        window = library.glfwGetCurrentContext()
        if window is None and sys.platform == "darwin":  # Metal: no GL context, so the window has to be asked of ImGui
            main_viewport = library["_ZN5ImGui15GetMainViewportEv"]
            main_viewport.restype = ctypes.c_void_p
            address = main_viewport()
            if address:
                window = ctypes.c_void_p.from_address(address + _PLATFORM_HANDLE_OFFSET).value
        return window

    def content_scale(self) -> float:
        """Pixels per design unit of the window's monitor; 1 on macOS, where the system scales windows itself."""
        if sys.platform == "win32":
            try:
                return max(1.0, ctypes.windll.user32.GetDpiForSystem() / 96.0)  # type: ignore[attr-defined,unused-ignore]
            except (AttributeError, OSError):
                return 1.0
        if self.library is None or self.window is None or sys.platform == "darwin":
            return 1.0
        horizontal, vertical = ctypes.c_float(1.0), ctypes.c_float(1.0)
        self.library.glfwGetWindowContentScale(
            ctypes.c_void_p(self.window), ctypes.byref(horizontal), ctypes.byref(vertical)
        )
        return min(4.0, max(1.0, horizontal.value))

    def work_area(self) -> tuple[int, int, int, int] | None:
        """Left, top, width and height in pixels of the primary monitor without its task bars, None if unknown."""
        if self.library is None:
            return None
        self.library.glfwGetPrimaryMonitor.restype = ctypes.c_void_p
        monitor = self.library.glfwGetPrimaryMonitor()
        if monitor is None:
            return None
        left, top, width, height = (ctypes.c_int() for _ in range(4))
        self.library.glfwGetMonitorWorkarea(
            ctypes.c_void_p(monitor), ctypes.byref(left), ctypes.byref(top), ctypes.byref(width), ctypes.byref(height)
        )
        return (left.value, top.value, width.value, height.value) if width.value and height.value else None

    def renderer(self) -> str:
        """The OpenGL renderer's name, "" where it cannot be asked."""
        if self.library is None or self.window is None or sys.platform == "darwin":
            return ""
        self.library.glfwGetProcAddress.restype = ctypes.c_void_p
        self.library.glfwGetProcAddress.argtypes = [ctypes.c_char_p]
        address = self.library.glfwGetProcAddress(b"glGetString")
        if not address:
            return ""
        get_string = ctypes.CFUNCTYPE(ctypes.c_char_p, ctypes.c_uint)(address)
        return (get_string(_GL_RENDERER) or b"").decode("utf-8", "replace")
