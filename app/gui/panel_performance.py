"""Right panel, lower part: frames per second, age of the shown frame, its history, and where the time goes."""

from __future__ import annotations

from itertools import pairwise

import dearpygui.dearpygui as dpg

from app.gui import layout
from app.gui.layout import Layout
from app.gui.theme import ACCENT, CLEAR, FIELD, TEXT_DIM, WARNING, Colour, Look, with_alpha
from app.gui.widgets import Bar, caption, draw_text
from app.session_types import Status

_STAGES = ("capture", "track", "animate", "rasterise", "compose", "upload")
_FULL_BAR_MS = 40.0  # one frame at 25 per second
_PLOT_SAMPLES = 120
_LOWEST_TOP = {"render_fps": 40.0, "frame_age_ms": 120.0}  # a quiet plot must not be stretched to fill its height


class PerformancePanel:
    """Builds itself into the current container; `resize` and `update` keep it current."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._width = look.px(layout.DRIVER_WIDTH - 2 * layout.PANEL_PADDING)
        self._figures_key: tuple[str, ...] = ()
        self._history: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
        with dpg.child_window(width=look.px(layout.DRIVER_WIDTH)) as panel:
            caption(look, "Performance")
            with dpg.drawlist(self._width, look.px(40)) as figures:
                pass
            self._plot = int(dpg.add_drawlist(self._width, 1))
            with dpg.group() as rows:
                self._bars = {name: Bar(look, name.capitalize(), self._width, look.px(20)) for name in _STAGES}
            dpg.bind_item_theme(rows, look.flush)
        dpg.bind_item_theme(panel, look.panel)
        self.item, self._figures = int(panel), int(figures)
        self._plot_height = 0

    def resize(self, plan: Layout) -> None:
        self._plot_height = self._look.px(plan.plot_height)
        dpg.configure_item(self.item, height=self._look.px(plan.performance_height))
        dpg.configure_item(self._plot, height=max(1, self._plot_height), show=self._plot_height > 0)
        self._figures_key = ()
        self._draw_history()

    def update(self, status: Status) -> None:
        self._draw_figures(status)
        for name, bar in self._bars.items():
            milliseconds = status.stage_ms.get(name, 0.0)
            fraction = milliseconds / _FULL_BAR_MS
            bar.show(f"{milliseconds:.1f} ms" if milliseconds else "–", fraction, WARNING if fraction > 1.0 else ACCENT)
        history = status.history.get("render_fps", ()), status.history.get("frame_age_ms", ())
        if history != self._history:
            self._history = history
            self._draw_history()

    def _draw_history(self) -> None:
        """The last minute: rate as a filled blue line, frame age as an amber one, each on its own scale from 0."""
        look, drawing, width, height = self._look, self._plot, self._width, self._plot_height
        dpg.delete_item(drawing, children_only=True)
        if not height:
            return
        dpg.draw_rectangle((0, 0), (width, height), fill=FIELD, color=CLEAR, rounding=look.px(7), parent=drawing)
        rates, ages = (values[-_PLOT_SAMPLES:] for values in self._history)
        inset = look.px(7)
        step = (width - 2 * inset) / (_PLOT_SAMPLES - 1)
        for values, name, colour in ((ages, "frame_age_ms", WARNING), (rates, "render_fps", ACCENT)):
            top = max(_LOWEST_TOP[name], 1.2 * max(values, default=0.0))
            left = width - inset - step * (len(values) - 1)
            line = [
                (left + step * index, height - inset - (height - 2 * inset) * max(0.0, value) / top)
                for index, value in enumerate(values)
            ]
            if len(line) < 2:
                continue
            if name == "render_fps":
                self._fill(line, height - inset, with_alpha(colour, 0.16))
            dpg.draw_polyline(line, color=colour, thickness=1.6 * look.scale, parent=drawing)

    def _fill(self, line: list[tuple[float, float]], bottom: float, colour: Colour) -> None:
        """Columns on whole pixels under ``line``: unlike slanted quads they leave no seams."""
        for (x0, y0), (x1, y1) in pairwise(line):
            start, end = (round(x0), round((y0 + y1) / 2.0)), (round(x1), bottom)
            if end[0] > start[0]:
                dpg.draw_rectangle(start, end, fill=colour, color=CLEAR, thickness=0, parent=self._plot)

    def _draw_figures(self, status: Status) -> None:
        rate = f"{status.render_fps:.0f}" if status.render_fps else "–"
        age = f"{status.frame_age_ms:.0f} ms" if status.frame_age_ms else "–"
        worst = f"95 %: {status.frame_age_p95_ms:.0f} ms" if status.frame_age_p95_ms else ""
        memory = f"{status.memory_mb / 1000.0:.1f} GB" if status.memory_mb else ""
        if (rate, age, worst, memory) == self._figures_key:
            return
        self._figures_key = (rate, age, worst, memory)
        look, drawing = self._look, self._figures
        dpg.delete_item(drawing, children_only=True)
        draw_text(look, drawing, (0, look.px(1)), rate, look.figure, (240, 243, 248))
        x = look.measure(rate, look.figure)[0] + look.px(8)
        draw_text(look, drawing, (x, look.px(17)), "fps", look.small, ACCENT)
        draw_text(look, drawing, (self._width, look.px(3)), f"frame age {age}", look.small, WARNING, 1.0)
        rest = " · ".join(part for part in (worst, memory) if part)
        draw_text(look, drawing, (self._width, look.px(21)), rest, look.small, TEXT_DIM, 1.0)
