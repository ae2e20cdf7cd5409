"""The window: builds every part, runs the loop, and ends cleanly.

Only this thread talks to Dear PyGui. Each turn of the loop takes what the session published, hands it to the parts,
and draws; between turns it sleeps, so that the avatar's threads get the processor.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import dearpygui.dearpygui as dpg

from app.config import AppConfig
from app.display import display_obstacle
from app.gui import layout
from app.gui.actions import Actions
from app.gui.bars import TITLE, Header, StatusBar
from app.gui.desktop import Desktop, is_software_renderer
from app.gui.dialogs import FileDialogs
from app.gui.drop import FileDrop
from app.gui.pacing import Pacer
from app.gui.panel_driver import DriverPanel
from app.gui.panel_performance import PerformancePanel
from app.gui.panel_source import SourcePanel
from app.gui.shortcuts import Action, Keyboard
from app.gui.theme import ASSETS, BACKGROUND, Look, with_alpha
from app.gui.toasts import Toasts
from app.gui.viewport import Viewport
from app.session_types import ShownFrame
from app.user_paths import expand

if TYPE_CHECKING:
    from app.session import Session

_log = logging.getLogger(__name__)

_STATUS_SECONDS = 0.1  # between two looks at the session's figures; pictures are taken every turn
_MINIMUM_SIZE = (960, 620)  # design units


def run_window(session: Session, config: AppConfig, begin: Callable[[], None]) -> int:
    """Show the window on ``session`` until it is closed; returns the process's exit code.

    The caller closes the session. SIGTERM and SIGINT end the loop as closing the window does.

    Args:
        begin: starts the session; called once the window is open. Not earlier: the tracker's threads open EGL
            contexts, and an X error of theirs while GLFW creates its own makes GLFW abort the process.
    """
    obstacle = display_obstacle()  # asked first: without a display the window library aborts the whole process
    if obstacle is not None:
        print(obstacle, file=sys.stderr)
        return 2
    dpg.create_context()
    try:
        window = Window(session, config)
        with _ended_by_signals(window.stop):
            window.run(begin)
    finally:
        dpg.destroy_context()
    return 0


class Window:
    """All parts of the window and the loop that feeds them. Needs a Dear PyGui context."""

    def __init__(self, session: Session, config: AppConfig) -> None:
        self._session = session
        self._stopped = False
        self._panels_shown = True
        self._fullscreen = False
        self._status = session.status()
        self._status_at = float("-inf")
        self._pending: ShownFrame | None = None
        dpg.configure_app(manual_callback_management=True)
        icon = str(ASSETS / "icon" / ("icon.ico" if sys.platform == "win32" else "icon.png"))
        dpg.create_viewport(
            title=TITLE, width=config.window.width, height=config.window.height, vsync=False,
            clear_color=with_alpha(BACKGROUND, 1.0), small_icon=icon, large_icon=icon,
        )  # fmt: skip
        dpg.setup_dearpygui()
        dpg.show_viewport()
        desktop = Desktop()
        software = is_software_renderer(desktop.renderer())
        self._pacer = Pacer(software=software, software_rate=config.window.max_fps)
        self._drop = FileDrop(desktop, TITLE)
        self._look = Look(desktop.content_scale())
        self._dialogs = FileDialogs()
        self._toasts = Toasts()
        self._actions = Actions(session, self._dialogs, expand(config.recording.folder))
        self._build()
        self._fit_to_monitor(config, desktop.work_area())

    def stop(self) -> None:
        """End the loop after the current turn."""
        self._stopped = True

    def run(self, begin: Callable[[], None]) -> None:
        """Draw until the window is closed or `stop` is called; ``begin`` is called after the first draw."""
        try:
            dpg.render_dearpygui_frame()  # text can be measured from here on
            self._arrange()
            dpg.render_dearpygui_frame()
            begin()
            while dpg.is_dearpygui_running() and not self._stopped:
                self._turn()
        finally:
            self._dialogs.close()

    # --- building ---------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        look, session, actions = self._look, self._session, self._actions
        registry = int(dpg.add_texture_registry())
        with dpg.window(no_scrollbar=True, no_scroll_with_mouse=True) as main:
            self._header = Header(look, actions)
            with dpg.group(horizontal=True, horizontal_spacing=look.px(layout.MARGIN)):
                self._source = SourcePanel(look, registry, actions, session.qualities)
                self._viewport = Viewport(look, registry, session, lambda: self._dialogs.own_dialog_open)
                with dpg.group() as right:
                    self._driver = DriverPanel(look, registry, actions, session)
                    self._performance = PerformancePanel(look)
            self._status_bar = StatusBar(look)
        self._main, self._right = int(main), int(right)
        dpg.set_primary_window(main, True)
        dpg.set_viewport_resize_callback(lambda: self._arrange())
        self._keyboard = Keyboard(self._key_actions(), self._is_typing)

    def _is_typing(self) -> bool:
        return self._dialogs.own_dialog_open or bool(dpg.is_item_active(self._source.path_field))

    def _key_actions(self) -> dict[Action, Callable[[], None]]:
        actions = self._actions
        return {
            "open": actions.open_photo, "paste": actions.paste, "record": actions.toggle_recording,
            "png": actions.save_png, "calibrate": actions.calibrate, "pause": actions.toggle_pause,
            "mirror": actions.toggle_mirror, "reset": actions.reset_view, "panels": self._toggle_panels,
            "fullscreen": self._toggle_fullscreen, "leave_fullscreen": self._leave_fullscreen,
        }  # fmt: skip

    def _fit_to_monitor(self, config: AppConfig, work_area: tuple[int, int, int, int] | None) -> None:
        """Scale the configured size, keep it inside the monitor, and centre it there."""
        width, height = self._look.px(config.window.width), self._look.px(config.window.height)
        left, top, room_x, room_y = work_area or (0, 0, width, height)
        width, height = min(width, room_x), min(height, room_y)
        dpg.set_viewport_min_width(min(width, self._look.px(_MINIMUM_SIZE[0])))
        dpg.set_viewport_min_height(min(height, self._look.px(_MINIMUM_SIZE[1])))
        dpg.set_viewport_width(width)
        dpg.set_viewport_height(height)
        dpg.set_viewport_pos([left + (room_x - width) // 2, top + (room_y - height) // 2])

    def _arrange(self) -> None:
        look, panels = self._look, self._panels_shown
        width, height = dpg.get_viewport_client_width() / look.scale, dpg.get_viewport_client_height() / look.scale
        plan = layout.plan(width, height, panels=panels)
        for item in (self._header.item, self._source.item, self._right, self._status_bar.item):
            dpg.configure_item(item, show=panels)
        dpg.bind_item_theme(self._main, look.bare if not panels else look.framed)
        self._viewport.resize(look.px(plan.centre_width), look.px(plan.body_height), rounded=panels)
        if panels:
            self._header.resize(width)
            self._source.resize(plan)
            self._driver.resize(plan)
            self._performance.resize(plan)
            self._status_bar.resize(width)
        self._status_at = float("-inf")

    def _toggle_panels(self) -> None:
        self._panels_shown = not self._panels_shown
        self._arrange()

    def _toggle_fullscreen(self) -> None:
        self._fullscreen = not self._fullscreen
        dpg.toggle_viewport_fullscreen()

    def _leave_fullscreen(self) -> None:
        self._toasts.dismiss()
        if self._fullscreen:
            self._toggle_fullscreen()

    # --- loop -------------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        frame = self._session.take_frame()
        if frame is not None:
            self._pending = frame
        now = time.monotonic()
        if not self._pacer.due(now, new_picture=self._pending is not None):
            time.sleep(self._pacer.pause(now))
            return
        self._pacer.drawn(now)
        if self._pending is not None:
            self._viewport.show_frame(self._pending)
            self._pending = None
        self._exchange(now)
        dpg.render_dearpygui_frame()
        for job in dpg.get_callback_queue() or ():
            with _survived("a control of the window"):
                dpg.run_callbacks([job])
        self._keyboard.forget_lost_keys()

    def _exchange(self, now: float) -> None:
        """Bring files and notices in, and figures on screen."""
        with _survived("a file dialog"):
            self._dialogs.poll()
        dropped = self._drop.take()
        if dropped:
            with _survived("a file drop"):
                self._actions.open_paths(dropped)
        self._toasts.add([*self._session.take_notices(), *self._actions.take_notices()], now)
        preview = self._session.take_preview()
        if preview is not None and self._panels_shown:
            self._driver.show_preview(preview)
        if now - self._status_at >= _STATUS_SECONDS:
            self._status_at = now
            self._status = self._session.status()
            controls = self._session.controls
            if self._panels_shown:
                self._header.update(self._status, controls)
                self._source.update(self._status, controls)
                self._driver.update(self._status, controls)
                self._performance.update(self._status)
                self._status_bar.update(self._status)
        self._viewport.update(self._status, self._toasts.visible(now), panels_shown=self._panels_shown)


@contextmanager
def _survived(what: str) -> Iterator[None]:
    """A fault behind one button, file or key is logged; it must not take the live session down."""
    try:
        yield
    except Exception:
        _log.exception("%s failed", what)


@contextmanager
def _ended_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """While active, SIGTERM and SIGINT call ``stop`` instead of ending the process at once."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop()

    previous = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
