"""Keys as Dear PyGui reports them."""

from __future__ import annotations

import dearpygui.dearpygui as dpg
import pytest

from app.gui import shortcuts
from app.gui.shortcuts import SHORTCUTS, Keyboard
from app.gui.theme import Look

CTRL, R, N = dpg.mvKey_LControl, dpg.mvKey_R, dpg.mvKey_N


class Typist:
    """Presses and releases keys; ``done`` is what they did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.down: set[int] = set()
        actions = {entry.action: (lambda action=entry.action: self.done.append(action)) for entry in SHORTCUTS}
        self.keyboard = Keyboard(actions, lambda: False)
        monkeypatch.setattr(shortcuts.dpg, "is_key_down", lambda key: key in self.down)

    def presses(self, key: int) -> None:
        self.down.add(key)
        self.keyboard._pressed(0, key)

    def releases(self, key: int) -> None:
        self.down.discard(key)
        self.keyboard._released(0, key)


@pytest.fixture
def typist(look: Look, monkeypatch: pytest.MonkeyPatch) -> Typist:
    return Typist(monkeypatch)


def test_a_held_key_acts_once(typist: Typist) -> None:
    for _ in range(5):
        typist.presses(N)
        typist.keyboard.forget_lost_keys()
    assert typist.done == ["calibrate"]
    typist.releases(N)
    typist.presses(N)
    assert typist.done == ["calibrate"] * 2


def test_control_changes_what_a_key_means(typist: Typist) -> None:
    typist.presses(R)
    typist.releases(R)
    typist.presses(CTRL)
    typist.presses(R)
    assert typist.done == ["reset", "record"]


def test_keys_let_go_in_another_window_are_not_held_for_ever(typist: Typist) -> None:
    typist.presses(CTRL)
    typist.presses(R)
    typist.down.clear()  # another window got the releases
    typist.keyboard.forget_lost_keys()
    typist.presses(R)
    assert typist.done == ["record", "reset"]
