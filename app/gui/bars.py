"""The lines above and below the panels: title with recording buttons, and the status line with the keys."""

from __future__ import annotations

import dearpygui.dearpygui as dpg

from app.gui import layout
from app.gui.actions import Actions
from app.gui.shortcuts import SHORTCUTS
from app.gui.theme import ACCENT, CLEAR, GOOD, TEXT, TEXT_DIM, TEXT_FAINT, WARNING, Colour, Look
from app.gui.toasts import elide
from app.gui.widgets import draw_text, tooltip
from app.session_types import Controls, Status

TITLE = "Instant Gaussian Avatar"
_MARK = "Synthetic mark"
_SUBTITLE = "one photo → live 3D head"
_STATES: dict[str, tuple[str, Colour]] = {
    "tracking": ("Tracking · face locked", GOOD),
    "lost": ("Face lost · looking for it", WARNING),
    "not needed": ("Scripted performance", GOOD),
    "none": ("No driver", TEXT_FAINT),
}
_TITLE_WIDTH, _PNG_WIDTH, _RECORD_WIDTH = 400, 88, 104  # design units
_SPACING = 8  # design units, of the theme


class Header:
    """Title, the synthetic mark's switch, PNG and Record."""

    def __init__(self, look: Look, actions: Actions) -> None:
        self._look = look
        self._recording: bool | None = None
        with dpg.group(horizontal=True) as row:
            with dpg.drawlist(look.px(_TITLE_WIDTH), look.px(32)) as title:
                draw_text(look, int(title), (look.px(2), look.px(4)), TITLE, look.title, TEXT)
                with dpg.draw_layer() as subtitle:
                    pass
            self._gap = int(dpg.add_spacer(width=1))
            with dpg.group() as lowered:
                dpg.add_spacer(height=look.px(5))
                self._mark = int(
                    dpg.add_checkbox(label=_MARK, callback=lambda _s, on: actions.control(synthetic_mark=on))
                )
            dpg.bind_item_theme(lowered, look.flush)
            dpg.bind_item_theme(self._mark, look.small_box)
            tooltip(look, self._mark, "Burns the word “synthetic” into recordings and saved pictures.")
            png = int(
                dpg.add_button(
                    label="Save PNG", width=look.px(_PNG_WIDTH), height=look.px(28), callback=actions.save_png
                )
            )
            tooltip(look, png, "Save the picture on screen (S)")
            self._record = int(
                dpg.add_button(width=look.px(_RECORD_WIDTH), height=look.px(28), callback=actions.toggle_recording)
            )
            dpg.bind_item_font(self._record, look.strong.item)
            tooltip(look, self._record, "Record what is shown to an mp4 (F9 or Ctrl+R)")
        self.item, self._subtitle = int(row), int(subtitle)
        self._themes = (look.primary_button, look.record_button)

    def resize(self, width: float) -> None:
        """Spread over ``width`` design units."""
        look = self._look
        fixed = look.px(_TITLE_WIDTH) + look.px(_PNG_WIDTH) + look.px(_RECORD_WIDTH) + 4 * look.px(_SPACING)
        mark = look.measure(_MARK, look.small)[0] + look.small.size + 2 * look.px(3) + look.px(7)
        spare = look.px(width) - 2 * look.px(layout.MARGIN) - fixed - round(mark)
        dpg.configure_item(self._gap, width=max(1, spare))
        dpg.delete_item(self._subtitle, children_only=True)
        left = look.measure(TITLE, look.title)[0] + look.px(16)
        draw_text(look, self._subtitle, (left, look.px(10)), _SUBTITLE, look.small, TEXT_FAINT)

    def update(self, status: Status, controls: Controls) -> None:
        dpg.set_value(self._mark, controls.synthetic_mark)
        recording = status.recording is not None
        if recording != self._recording:
            self._recording = recording
            dpg.configure_item(self._record, label="Stop" if recording else "Record")
            dpg.bind_item_theme(self._record, self._themes[recording])


class StatusBar:
    """State of the driver, the keys, and the device in use and why."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._key: tuple[object, ...] = ()
        self._width = 1
        with dpg.group() as holder:  # a drawlist itself cannot carry a tooltip
            self.item = int(dpg.add_drawlist(1, look.px(layout.STATUS_BAR - layout.MARGIN)))
        with dpg.tooltip(holder, delay=0.5):
            self._whole = int(dpg.add_text("", wrap=look.px(420)))

    def resize(self, width: float) -> None:
        """Spread over ``width`` design units."""
        self._width = self._look.px(width - 2 * layout.MARGIN)
        dpg.configure_item(self.item, width=self._width)
        self._key = ()

    def update(self, status: Status) -> None:
        state, colour = _STATES.get(status.face, _STATES["none"])
        if status.driver_kind != "none" and status.face == "none":
            state, colour = "Waiting for a face", WARNING
        if status.encoding is not None:
            state, colour = "Building the avatar", ACCENT
        key = (state, status.device_report, self._width)
        if key == self._key:
            return
        self._key = key
        look, drawing = self._look, self.item
        dpg.delete_item(drawing, children_only=True)
        dpg.set_value(self._whole, status.device_report)
        baseline, middle = look.px(4), look.px(12)
        dpg.draw_circle((look.px(7), middle), look.px(4), fill=colour, color=CLEAR, parent=drawing)
        draw_text(look, drawing, (look.px(20), baseline), state, look.small, TEXT)
        x = float(look.px(20)) + max(look.measure(state, look.small)[0], look.px(150)) + look.px(18)
        device_room = min(0.34 * self._width, look.measure(status.device_report, look.small)[0] + look.px(4))
        end = self._width - device_room - look.px(20)
        for key_name, words in _hints():
            key_width, word_width = look.measure(key_name, look.caption)[0], look.measure(words, look.small)[0]
            if x + key_width + word_width + look.px(5) > end:
                break
            draw_text(look, drawing, (x, baseline + look.px(1)), key_name, look.caption, TEXT_DIM)
            draw_text(look, drawing, (x + key_width + look.px(5), baseline), words, look.small, TEXT_FAINT)
            x += key_width + word_width + look.px(19)
        device = elide(status.device_report, device_room, lambda part: look.measure(part, look.small)[0])
        draw_text(look, drawing, (self._width - look.px(2), baseline), device, look.small, TEXT_DIM, 1.0)


def _hints() -> list[tuple[str, str]]:
    return [("Drag", "orbit"), ("Wheel", "zoom"), *((entry.label, entry.hint) for entry in SHORTCUTS if entry.hint)]
