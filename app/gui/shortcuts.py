"""The keys: one table says what each does, and the status bar's hints are read from the same table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import dearpygui.dearpygui as dpg

Action = Literal[
    "open", "paste", "record", "png", "calibrate", "pause", "mirror", "reset", "panels", "fullscreen",
    "leave_fullscreen",
]  # fmt: skip


@dataclass(frozen=True)
class Shortcut:
    """A key, whether Ctrl (or Command) goes with it, and how a hint names it; no hint is shown without words."""

    action: Action
    key: str
    control: bool = False
    hint: str = ""

    @property
    def label(self) -> str:
        name = {"Spacebar": "Space", "Escape": "Esc"}.get(self.key, self.key)
        return f"Ctrl+{name}" if self.control else name


SHORTCUTS = (
    Shortcut("reset", "R", hint="reset view"),
    Shortcut("calibrate", "N", hint="neutral"),
    Shortcut("pause", "Spacebar", hint="pause"),
    Shortcut("open", "O", control=True, hint="open photo"),
    Shortcut("paste", "V", control=True, hint="paste path"),
    Shortcut("png", "S", hint="PNG"),
    Shortcut("record", "F9", hint="record"),
    Shortcut("record", "R", control=True),
    Shortcut("mirror", "M", hint="mirror"),
    Shortcut("panels", "H", hint="hide panels"),
    Shortcut("fullscreen", "F11", hint="full screen"),
    Shortcut("leave_fullscreen", "Escape"),
)

_CONTROLS = frozenset((dpg.mvKey_LControl, dpg.mvKey_RControl, dpg.mvKey_LWin, dpg.mvKey_RWin))


class Keyboard:
    """Calls an action once per key press: holding a key repeats nothing, typing in a field triggers nothing.

    Args:
        actions: what to call for each action.
        typing: tells whether a text field has the keyboard.
    """

    def __init__(self, actions: Mapping[Action, Callable[[], None]], typing: Callable[[], bool]) -> None:
        self._actions, self._typing = actions, typing
        self._held: set[int] = set()
        self._table = {(getattr(dpg, f"mvKey_{entry.key}"), entry.control): entry.action for entry in SHORTCUTS}
        with dpg.handler_registry():
            dpg.add_key_press_handler(callback=self._pressed)
            dpg.add_key_release_handler(callback=self._released)

    def forget_lost_keys(self) -> None:
        """Call once per turn, after the callbacks. A key let go while another window has the keyboard is never
        reported as released; without this it, or Ctrl with it, would count as held for ever."""
        self._held = {key for key in self._held if dpg.is_key_down(key)}

    def _pressed(self, _sender: int, key: int) -> None:
        if key in self._held:
            return
        self._held.add(key)
        # Of the presses reported so far, not `is_key_down`: a quick Ctrl+R is over before its callback runs.
        action = self._table.get((key, not self._held.isdisjoint(_CONTROLS)))
        if action is not None and not self._typing():
            self._actions[action]()

    def _released(self, _sender: int, key: int) -> None:
        self._held.discard(key)
