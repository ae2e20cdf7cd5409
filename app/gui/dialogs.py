"""File dialogs that look like the user's desktop: the native one first, Dear PyGui's own as the last resort.

A native dialog runs as its own process, watched by a worker thread, so the avatar keeps moving behind it. The main
loop calls `FileDialogs.poll` every frame; answers arrive there, on the main thread.
"""

from __future__ import annotations

import json
import logging
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dearpygui.dearpygui as dpg

_log = logging.getLogger(__name__)

_PROGRAM_CANCELLED = 1  # exit code of zenity, kdialog and osascript when the user changes their mind
_SCRIPT_CANCELLED = 5  # the same of the script below, where 1 already means that Python failed
_TKINTER_SCRIPT = """
import json, sys, tkinter
from tkinter import filedialog
question = json.loads(sys.argv[1])
root = tkinter.Tk()
root.withdraw()
root.attributes("-topmost", True)
types = [(name, " ".join("*" + suffix for suffix in suffixes)) for name, suffixes in question["types"]]
types.append(("All files", "*"))
if question["save"]:
    path = filedialog.asksaveasfilename(title=question["title"], initialdir=question["folder"],
                                        initialfile=question["name"], filetypes=types)
else:
    path = filedialog.askopenfilename(title=question["title"], initialdir=question["folder"], filetypes=types)
sys.stdout.buffer.write(str(path or "").encode("utf-8"))
sys.exit(0 if path else 5)
"""


@dataclass(frozen=True)
class Question:
    """What to ask: a file to open, or a name to save under (``name`` is then the proposal)."""

    title: str
    kind: str
    suffixes: tuple[str, ...]
    folder: Path
    save: bool = False
    name: str = ""


@dataclass(frozen=True)
class NativeDialog:
    """A program that prints the chosen path, and its exit code when the user cancels; any other code is a failure."""

    command: tuple[str, ...]
    cancelled: int


def native_dialogs(question: Question, platform: str, which: Callable[[str], str | None]) -> list[NativeDialog]:
    """Programs that ask ``question`` in a native dialog, best first.

    Args:
        platform: as `sys.platform`.
        which: finds a program by name, as `shutil.which`.
    """
    commands: list[NativeDialog] = []
    start = str(question.folder / question.name) if question.save else f"{question.folder}/"
    patterns = " ".join(f"*{suffix} *{suffix.upper()}" for suffix in question.suffixes)
    if platform == "darwin" and which("osascript"):
        ask, texts = "choose file with prompt (item 1 of argv)", [question.title]
        if question.save:
            ask = "choose file name with prompt (item 1 of argv) default name (item 2 of argv)"
            texts.append(question.name)
        script = f"on run argv\nreturn POSIX path of ({ask})\nend run"  # a name in the script itself could be code
        commands.append(NativeDialog(("osascript", "-e", script, *texts), _PROGRAM_CANCELLED))
    if platform.startswith("linux"):
        if which("zenity"):
            save = ["--save", "--confirm-overwrite"] if question.save else []
            filters = [f"--file-filter={question.kind} | {patterns}", "--file-filter=All files | *"]
            zenity = ("zenity", "--file-selection", *save, f"--title={question.title}", f"--filename={start}", *filters)
            commands.append(NativeDialog(zenity, _PROGRAM_CANCELLED))
        if which("kdialog"):
            mode = "--getsavefilename" if question.save else "--getopenfilename"
            kdialog = ("kdialog", "--title", question.title, mode, start, f"{patterns}|{question.kind}")
            commands.append(NativeDialog(kdialog, _PROGRAM_CANCELLED))
    described = {
        "title": question.title, "save": question.save, "folder": str(question.folder), "name": question.name,
        "types": [(question.kind, question.suffixes)],
    }  # fmt: skip
    tkinter_dialog = (sys.executable, "-c", _TKINTER_SCRIPT, json.dumps(described))
    commands.append(NativeDialog(tkinter_dialog, _SCRIPT_CANCELLED))
    return commands


class FileDialogs:
    """Asks one question at a time and hands the chosen path to the asker on the main thread."""

    def __init__(self) -> None:
        self._answers: queue.SimpleQueue[tuple[Callable[[str], None], str | None]] = queue.SimpleQueue()
        self._fallbacks: queue.SimpleQueue[tuple[Question, Callable[[str], None]]] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._own_dialog = 0

    @property
    def open(self) -> bool:
        """Whether a dialog is on screen."""
        return self._thread is not None or bool(self._own_dialog)

    @property
    def own_dialog_open(self) -> bool:
        """Whether that dialog lies inside the window."""
        return bool(self._own_dialog)

    def ask(self, question: Question, chosen: Callable[[str], None]) -> None:
        """Show a dialog; ``chosen`` is called with the path from `poll`, never when cancelled."""
        if self.open:
            return
        self._thread = threading.Thread(target=self._run, args=(question, chosen), name="file-dialog", daemon=True)
        self._thread.start()

    def poll(self) -> None:
        """Deliver answers. Call once per frame."""
        while not self._answers.empty():
            chosen, path = self._answers.get()
            self._thread = None
            if path:
                chosen(path)
        while not self._fallbacks.empty():
            self._thread = None
            self._show_own(*self._fallbacks.get())

    def close(self) -> None:
        """Take an open dialog away, because the program ends."""
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
        if self._thread is not None:
            self._thread.join(timeout=2.0)

    def _run(self, question: Question, chosen: Callable[[str], None]) -> None:
        for dialog in native_dialogs(question, sys.platform, shutil.which):
            answer = self._answer_of(dialog)
            if answer is not None:
                self._answers.put((chosen, answer))
                return
        self._fallbacks.put((question, chosen))

    def _answer_of(self, dialog: NativeDialog) -> str | None:
        """The chosen path, "" when cancelled, None when this dialog cannot be shown."""
        try:
            self._process = subprocess.Popen(dialog.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            output, _ = self._process.communicate()
        except OSError as error:
            _log.info("no %s dialog: %s", dialog.command[0], error)
            return None
        path = output.decode("utf-8", "replace").strip("\r\n")
        if self._process.returncode == 0 and path:
            return path
        closed = self._process.returncode in (0, dialog.cancelled) or self._process.returncode < 0
        return "" if closed else None

    def _show_own(self, question: Question, chosen: Callable[[str], None]) -> None:
        def finish() -> None:
            dpg.delete_item(self._own_dialog)
            self._own_dialog = 0

        def accept(_sender: int, answer: dict[str, str]) -> None:
            finish()
            chosen(answer["file_path_name"])

        with dpg.file_dialog(
            label=question.title, width=760, height=460, modal=True, default_path=str(question.folder),
            default_filename=question.name or ".", callback=accept, cancel_callback=lambda: finish(),
        ) as dialog:  # fmt: skip
            dpg.add_file_extension(f"{question.kind}{{{','.join(question.suffixes)}}}")
            dpg.add_file_extension(".*")
        self._own_dialog = int(dialog)
