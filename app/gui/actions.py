"""What the user can do, whatever they do it with: buttons, keys, menus, dropped files and pasted text all end here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dearpygui.dearpygui as dpg

from app.capture.clips import VIDEO_SUFFIXES
from app.gui.dialogs import FileDialogs, Question
from app.gui.output_names import OutputNames
from app.gui.paths import drives, parse_paths
from app.session_types import Notice, NoticeLevel, ViewState
from app.source import AVATAR_SUFFIX
from app.user_paths import expand
from avatar_core.image_io import READABLE_SUFFIXES

if TYPE_CHECKING:
    from app.session import Session


class Actions:
    """Turns intents into calls on the session; asks for file names where one is needed.

    Args:
        output_folder: where recordings and pictures go without asking.
    """

    def __init__(self, session: Session, dialogs: FileDialogs, output_folder: Path) -> None:
        self._session, self._dialogs, self._output_names = session, dialogs, OutputNames(output_folder)
        self._last_folder = expand("~")
        self._notices: list[Notice] = []
        self.mesh_shown = False

    def take_notices(self) -> list[Notice]:
        """Notices of the window itself since the last call."""
        notices, self._notices = self._notices, []
        return notices

    # --- files in ---------------------------------------------------------------------------------------------------

    def open_photo(self) -> None:
        """Ask for a portrait."""
        self._ask("Open a portrait photo", "Photos", (*READABLE_SUFFIXES, AVATAR_SUFFIX), self.open_path)

    def open_avatar(self) -> None:
        """Ask for a saved avatar."""
        self._ask("Load an avatar", "Avatars", (AVATAR_SUFFIX,), self.open_path)

    def open_video(self) -> None:
        """Ask for a driving video."""
        self._ask("Drive with a video", "Videos", VIDEO_SUFFIXES, self.open_driver_file)

    def open_driver_file(self, text: str) -> None:
        """Drive with the video, picture or folder at ``text``."""
        self._session.open_driver(str(expand(text)))

    def open_path(self, text: str) -> None:
        """Use a file for what it is: a portrait, a saved avatar, or a driving video or folder."""
        path = expand(text)
        if drives(path):
            self._session.open_driver(str(path))
        else:
            self._session.open_photo(str(path))

    def open_paths(self, paths: Iterable[str]) -> None:
        """Use the first portrait or avatar and the first driver among ``paths``; tell about the rest."""
        taken: set[str] = set()
        ignored = 0
        for path in paths:
            role = "driver" if drives(expand(path)) else "avatar"
            if role in taken:
                ignored += 1
                continue
            taken.add(role)
            self.open_path(path)
        if ignored:
            self._tell("info", f"One portrait at a time; files left out: {ignored}.")

    def paste(self) -> None:
        """Open the path on the clipboard."""
        paths = parse_paths(dpg.get_clipboard_text() or "")
        if paths and ("/" in paths[0] or "\\" in paths[0] or os.path.exists(expand(paths[0]))):
            self.open_paths(paths)
        else:
            self._tell("info", "The clipboard holds no file path. Copy a photo's path and paste it again.")

    # --- files out --------------------------------------------------------------------------------------------------

    def save_avatar(self) -> None:
        name = Path(self._session.status().avatar_name).stem or "avatar"
        self._ask("Save the avatar", "Avatars", (AVATAR_SUFFIX,), self._session.save_avatar, save=name)

    def export_ply(self) -> None:
        name = Path(self._session.status().avatar_name).stem or "avatar"
        self._ask("Export Gaussians", "3D Gaussians", (".ply",), self._session.export_ply, save=name)

    def save_png(self) -> None:
        self._session.save_png(str(self._output(".png")))

    def toggle_recording(self) -> None:
        status = self._session.status()
        if status.recording is not None:
            self._session.stop_recording()
        elif status.avatar_name:
            self._session.start_recording(str(self._output(".mp4")))
        else:
            self._tell("info", "There is nothing to record yet. Open a portrait first.")

    # --- driver and view --------------------------------------------------------------------------------------------

    def calibrate(self) -> None:
        """Take the driver's present face as neutral; the session tells how that went."""
        kind = self._session.status().driver_kind
        if kind == "performance":
            self._tell("info", "The scripted performance needs no calibration.")
        elif kind == "none":
            self._tell("warning", "No driver is on, so there is no face to calibrate on. Choose a camera or a video.")
        elif self._session.controls.paused:
            self._tell("warning", "The driver is paused. Press Space to go on, then N to calibrate.")
        else:
            self._session.calibrate()

    def toggle_pause(self) -> None:
        self.control(paused=not self._session.controls.paused)

    def toggle_mirror(self) -> None:
        self.control(mirror=not self._session.controls.mirror)

    def reset_view(self) -> None:
        self._session.set_view(ViewState())

    def control(self, **changes: Any) -> None:
        """Replace fields of `Controls`."""
        self._session.set_controls(replace(self._session.controls, **changes))

    # --- helpers ----------------------------------------------------------------------------------------------------

    def _output(self, suffix: str) -> Path:
        return self._output_names.new(self._session.status().avatar_name, suffix)

    def _tell(self, level: NoticeLevel, text: str) -> None:
        self._notices.append(Notice(level, text))

    def _ask(
        self, title: str, kind: str, suffixes: tuple[str, ...], chosen: Callable[[str], None], *, save: str = ""
    ) -> None:
        def remember(path: str) -> None:
            if save and not path.lower().endswith(suffixes):
                path += suffixes[0]
            self._last_folder = Path(path).parent
            chosen(path)

        name = f"{save}{suffixes[0]}" if save else ""
        self._dialogs.ask(Question(title, kind, suffixes, self._last_folder, bool(save), name), remember)
