"""A user at an X display: looks at the screen, moves the mouse, presses keys, drops files from a file manager."""

from __future__ import annotations

import subprocess
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from Xlib import X
from Xlib.display import Display
from Xlib.protocol import event
from Xlib.xobject.drawable import Window

_SETTLE = 0.06  # seconds between a mouse or key event and the next: longer than one drawn frame


class User:
    """Acts on the display called ``name`` (":99")."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._display = Display(name)
        self._root = self._display.screen().root

    def close(self) -> None:
        self._display.close()

    def screenshot(self) -> NDArray[np.uint8]:
        """The whole screen, (H, W, 3) RGB."""
        size = self._root.get_geometry()
        image = self._root.get_image(0, 0, size.width, size.height, X.ZPixmap, 0xFFFFFFFF)
        pixels = np.frombuffer(image.data, np.uint8).reshape(size.height, size.width, 4)
        return pixels[..., 2::-1].copy()

    def key(self, *names: str) -> None:
        """Press keys together, first one first ("ctrl", "o"), and let them go."""
        for name in names:
            self._xdotool("keydown", name)
        for name in reversed(names):
            self._xdotool("keyup", name)

    def move(self, x: float, y: float) -> None:
        self._xdotool("mousemove", str(round(x)), str(round(y)))

    def drag(self, x: float, y: float, right: int, down: int, *, button: int = 1, steps: int = 5) -> None:
        """Press at (x, y), move by (right, down) in ``steps``, release."""
        self.move(x, y)
        self._xdotool("mousedown", str(button))
        for step in range(1, steps + 1):
            self.move(x + right * step / steps, y + down * step / steps)
        self._xdotool("mouseup", str(button))

    def click(self, x: float, y: float, *, button: int = 1) -> None:
        self.drag(x, y, 0, 0, button=button, steps=1)

    def type(self, text: str) -> None:
        self._xdotool("type", "--delay", "30", text)

    def ask_to_close(self, title: str) -> None:
        """Press the close button of the window called ``title``."""
        target = self._found(title)
        atom = self._display.intern_atom
        request = (32, [atom("WM_DELETE_WINDOW"), X.CurrentTime, 0, 0, 0])
        target.send_event(event.ClientMessage(window=target, client_type=atom("WM_PROTOCOLS"), data=request))
        self._display.flush()

    def drop(self, title: str, x: int, y: int, paths: list[Path], *, timeout: float = 10.0) -> None:
        """Drop files on the window called ``title`` as a file manager does (XDND version 5).

        Raises:
            TimeoutError: the window did not take them.
        """
        atom = self._display.intern_atom
        target = self._found(title)
        source = self._root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
        source.set_selection_owner(atom("XdndSelection"), X.CurrentTime)
        data = "".join(f"file://{urllib.parse.quote(str(path))}\r\n" for path in paths).encode()

        def send(name: str, values: list[int]) -> None:
            target.send_event(event.ClientMessage(window=target, client_type=atom(name), data=(32, values)))
            self._display.flush()

        self._root.warp_pointer(x, y)
        send("XdndEnter", [source.id, 5 << 24, atom("text/uri-list"), 0, 0])
        send("XdndPosition", [source.id, 0, (x << 16) | y, X.CurrentTime, atom("XdndActionCopy")])
        dropped, deadline = False, time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self._display.pending_events():
                time.sleep(0.005)
                continue
            received = self._display.next_event()
            if received.type == X.SelectionRequest:
                received.requestor.change_property(received.property, received.target, 8, data)
                received.requestor.send_event(
                    event.SelectionNotify(
                        time=received.time, requestor=received.requestor, selection=received.selection,
                        target=received.target, property=received.property,
                    )
                )  # fmt: skip
                self._display.flush()
            elif received.type == X.ClientMessage:
                name = self._display.get_atom_name(received.client_type)
                answer = received.data[1][1]
                if name == "XdndStatus" and answer & 1 and not dropped:
                    dropped = True
                    send("XdndDrop", [source.id, 0, X.CurrentTime, 0, 0])
                if name == "XdndFinished":
                    source.destroy()
                    if not answer:  # GLFW puts the number of bytes it read here
                        raise TimeoutError(f"{title!r} refused the files")
                    return
        raise TimeoutError(f"{title!r} did not take the files")

    def _found(self, title: str) -> Window:
        window = self._window(self._root, title)
        if window is None:
            raise LookupError(f"no window is called {title!r}")
        return window

    def _window(self, parent: Window, title: str) -> Window | None:
        if parent.get_wm_name() == title:
            return parent
        for child in parent.query_tree().children:
            found = self._window(child, title)
            if found is not None:
                return found
        return None

    def _xdotool(self, *arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], env={"DISPLAY": self._name}, check=True)
        time.sleep(_SETTLE)


def eventually(condition: Callable[[], bool], seconds: float, *, period: float = 0.25) -> bool:
    """Whether ``condition`` becomes true within ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(period)
    return condition()
