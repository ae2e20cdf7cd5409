"""Which native dialogs are tried, and the answers of real processes."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from app.gui import dialogs
from app.gui.dialogs import FileDialogs, NativeDialog, Question, native_dialogs

OPEN = Question("Open a photo", "Photos", (".jpg", ".png"), Path("/pictures"))
SAVE = Question("Save", "Avatars", (".safetensors",), Path("/out"), save=True, name="me.safetensors")


def found(*names: str):
    return lambda name: f"/usr/bin/{name}" if name in names else None


def programs(platform: str, *names: str) -> list[str]:
    return [dialog.command[0] for dialog in native_dialogs(OPEN, platform, found(*names))]


def test_the_desktops_own_dialogs_come_before_tkinter() -> None:
    assert programs("linux", "zenity", "kdialog") == ["zenity", "kdialog", sys.executable]
    assert programs("linux", "kdialog") == ["kdialog", sys.executable]
    assert programs("linux") == [sys.executable]
    assert programs("darwin", "osascript", "zenity") == ["osascript", sys.executable]
    assert programs("win32") == [sys.executable]


def test_saving_proposes_a_name_and_asks_before_overwriting() -> None:
    zenity = native_dialogs(SAVE, "linux", found("zenity"))[0].command
    assert "--save" in zenity and "--confirm-overwrite" in zenity
    assert "--filename=/out/me.safetensors" in zenity


def test_no_name_becomes_part_of_an_apple_script() -> None:
    name = 'me" & (do shell script "touch /tmp/x") & ".safetensors'
    command = native_dialogs(replace(SAVE, name=name), "darwin", found("osascript"))[0].command
    scripts = [text for option, text in pairwise(command) if option == "-e"]
    assert scripts and not any("shell" in script for script in scripts)
    assert command[-2:] == (SAVE.title, name)


def answer(monkeypatch: pytest.MonkeyPatch, *candidates: NativeDialog) -> list[str]:
    """What `FileDialogs` hands out when the system offers ``candidates``."""
    monkeypatch.setattr(dialogs, "native_dialogs", lambda *_: list(candidates))
    asked, chosen = FileDialogs(), []
    monkeypatch.setattr(asked, "_show_own", lambda *_: chosen.append("own dialog"))
    asked.ask(OPEN, chosen.append)
    deadline = time.monotonic() + 20
    while asked.open and time.monotonic() < deadline:
        asked.poll()
        time.sleep(0.01)
    assert not asked.open
    return chosen


def process(code: str, cancelled: int = 1) -> NativeDialog:
    return NativeDialog((sys.executable, "-c", code), cancelled)


CHOOSES = process("print('/pictures/ich bin über.jpg')")
CANCELS = process("import sys; sys.exit(1)")
FAILS = process("import sys; sys.exit(7)")
MISSING = NativeDialog(("/nonexistent/dialog",), 1)


def test_the_chosen_path_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    assert answer(monkeypatch, CHOOSES) == ["/pictures/ich bin über.jpg"]


def test_cancelling_asks_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer(monkeypatch, CANCELS, CHOOSES) == []


def test_a_dialog_that_cannot_be_shown_makes_room_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    assert answer(monkeypatch, MISSING, FAILS, CHOOSES) == ["/pictures/ich bin über.jpg"]


def test_without_any_native_dialog_the_windows_own_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer(monkeypatch, MISSING, FAILS) == ["own dialog"]


def test_closing_ends_a_dialog_that_is_still_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogs, "native_dialogs", lambda *_: [process("import time; time.sleep(60)")])
    asked = FileDialogs()
    asked.ask(OPEN, lambda _path: None)
    deadline = time.monotonic() + 10
    while asked._process is None and time.monotonic() < deadline:
        time.sleep(0.01)
    asked.close()
    assert asked._process is not None and asked._process.wait(timeout=5) != 0
