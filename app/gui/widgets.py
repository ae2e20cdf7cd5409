"""Building blocks of the panels: captions, facts, slim sliders with a filled track, bars, dashed frames.

Sizes given to these are pixels unless a name says design units; Dear PyGui's container stack decides the parent.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import dearpygui.dearpygui as dpg

from app.gui.theme import ACCENT, CLEAR, FIELD, TEXT, TEXT_DIM, Colour, Font, Look
from app.gui.toasts import elide

LABEL_COLUMN = 84  # design units; labels left of it, controls right of it
_ROW_HEIGHT = 18  # design units; equals a ghost slider's hairline font plus its padding
_CAPTION_HEIGHT = 14  # design units
_FACT_HEIGHT = 17  # design units
_VALUE_COLUMN = 40  # design units at a slider row's right end


def caption(look: Look, text: str) -> None:
    """A small heading over a block."""
    drawing = int(dpg.add_drawlist(look.px(200), look.px(_CAPTION_HEIGHT)))
    draw_text(look, drawing, (0, 0), text.upper(), look.caption, TEXT_DIM)


def tooltip(look: Look, item: int, text: str) -> None:
    """Help that appears when the mouse rests on ``item``."""
    with dpg.tooltip(item, delay=0.5):
        dpg.add_text(text, wrap=look.px(300))


def draw_text(
    look: Look, parent: int, position: tuple[float, float], text: str, font: Font, colour: Colour, align: float = 0.0
) -> int:
    """Text in a drawlist; ``align`` 0 starts at ``position``, 0.5 centres on it, 1 ends there."""
    x = position[0] - align * look.measure(text, font)[0] if align else position[0]
    item = int(dpg.draw_text((round(x), round(position[1])), text, color=colour, size=font.size, parent=parent))
    dpg.bind_item_font(item, font.item)
    return item


def draw_dashed_rectangle(look: Look, parent: int, width: float, height: float, colour: Colour) -> None:
    """A dashed frame with rounded corners that fills a drawlist of ``width`` x ``height``."""
    inset, radius = look.px(1) + 0.5, look.px(10)
    dash, gap = look.px(6), look.px(5)
    left, top, right, bottom = inset, inset, width - inset, height - inset
    sides = (
        ((left + radius, top), (right - radius, top)), ((right, top + radius), (right, bottom - radius)),
        ((right - radius, bottom), (left + radius, bottom)), ((left, bottom - radius), (left, top + radius)),
    )  # fmt: skip
    for (x0, y0), (x1, y1) in sides:
        length = math.hypot(x1 - x0, y1 - y0)
        count = max(1, int((length + gap) // (dash + gap)))
        step = length / count
        for index in range(count):
            start, end = (index + 0.12) * step / length, (index + 0.12) * step / length + dash / length
            dpg.draw_line(
                (x0 + (x1 - x0) * start, y0 + (y1 - y0) * start), (x0 + (x1 - x0) * end, y0 + (y1 - y0) * end),
                color=colour, thickness=1.3 * look.scale, parent=parent,
            )  # fmt: skip
    corners = ((left, top, 1.0), (right, top, 1.5), (right, bottom, 0.0), (left, bottom, 0.5))
    for x, y, quarter in corners:
        centre_x = x + radius if x == left else x - radius
        centre_y = y + radius if y == top else y - radius
        arc = [
            (
                centre_x + radius * math.cos(math.pi * (quarter + 0.5 * (0.2 + 0.6 * step / 6))),
                centre_y + radius * math.sin(math.pi * (quarter + 0.5 * (0.2 + 0.6 * step / 6))),
            )
            for step in range(7)
        ]
        dpg.draw_polyline(arc, color=colour, thickness=1.3 * look.scale, parent=parent)


class Fact:
    """A line "label  value" whose value is cut with "…" where it would not fit; a tooltip then tells it whole."""

    def __init__(self, look: Look, label: str, width: int) -> None:
        self._look, self._label, self._width = look, label, width
        with dpg.group() as holder:  # a drawlist itself cannot carry a tooltip
            self._drawing = int(dpg.add_drawlist(width, look.px(_FACT_HEIGHT)))
        with dpg.tooltip(holder, delay=0.4, show=False) as tip:
            self._whole = int(dpg.add_text("", wrap=look.px(320)))
        self._tip = int(tip)
        self._text = ""

    def show(self, text: str) -> None:
        if text == self._text:
            return
        self._text = text
        look, left = self._look, self._look.px(LABEL_COLUMN)
        shown = elide(text, self._width - left, lambda part: look.measure(part, look.small)[0])
        dpg.delete_item(self._drawing, children_only=True)
        draw_text(look, self._drawing, (0, 0), self._label, look.small, TEXT_DIM)
        draw_text(look, self._drawing, (left, 0), shown, look.small, TEXT)
        dpg.set_value(self._whole, text)
        dpg.configure_item(self._tip, show=shown != text)


class Slider:
    """A labelled slider: slim filled track, round knob, value at the right; double click restores the start value.

    An invisible Dear PyGui slider lies over the drawn one and does the dragging.
    """

    def __init__(
        self, look: Look, label: str, value: float, maximum: float, width: int, changed: Callable[[float], None]
    ) -> None:
        self._look, self._maximum, self._start, self._changed = look, maximum, value, changed
        self._left = look.px(LABEL_COLUMN)
        self._right = width - look.px(_VALUE_COLUMN)
        self._middle = look.px(_ROW_HEIGHT) / 2.0
        with dpg.group(), dpg.group() as row:
            with dpg.drawlist(width, look.px(_ROW_HEIGHT)) as drawing:
                draw_text(look, int(drawing), (0, self._middle - look.small.size * 0.55), label, look.small, TEXT_DIM)
                with dpg.draw_layer() as layer:
                    pass
            slider = dpg.add_slider_float(
                width=self._right - self._left, indent=self._left, format="", max_value=maximum, default_value=value,
                no_input=True, callback=lambda _sender, new: self._set(new),
            )  # fmt: skip
        self._slider = int(slider)
        dpg.bind_item_font(self._slider, look.hairline.item)
        dpg.bind_item_theme(self._slider, look.ghost_slider)
        dpg.bind_item_theme(row, look.overlapping)
        self._layer, self._width = int(layer), width
        with dpg.item_handler_registry() as handlers:
            dpg.add_item_double_clicked_handler(callback=self._restore)
        dpg.bind_item_handler_registry(self._slider, handlers)
        self._draw(value)

    def show(self, value: float) -> None:
        """Set the value without reporting it."""
        if abs(value - dpg.get_value(self._slider)) > 1e-6:
            dpg.set_value(self._slider, value)
            self._draw(value)

    def redraw(self) -> None:
        """Draw again, once text can be measured."""
        self._draw(dpg.get_value(self._slider))

    def _restore(self) -> None:
        dpg.set_value(self._slider, self._start)
        self._set(self._start)

    def _set(self, value: float) -> None:
        self._draw(value)
        self._changed(value)

    def _draw(self, value: float) -> None:
        look, layer, middle = self._look, self._layer, self._middle
        dpg.delete_item(layer, children_only=True)
        knob = look.px(6)
        inset = look.px(7) + 2  # where ImGui puts its own grab: half its size, and 2 px of padding
        x = self._left + inset + (self._right - self._left - 2 * inset) * min(1.0, value / self._maximum)
        half = look.px(2)
        for end, colour in ((self._right, FIELD), (x, ACCENT)):
            dpg.draw_rectangle(
                (self._left, middle - half), (end, middle + half), fill=colour, color=CLEAR, rounding=half, parent=layer
            )
        dpg.draw_circle((x, middle), knob, fill=TEXT, color=CLEAR, parent=layer)
        draw_text(look, layer, (self._width, middle - look.small.size * 0.55), f"{value:.2f}", look.small, TEXT, 1.0)


class Bar:
    """A line "label  ▬▬▬---  12.3 ms" drawn in one drawlist."""

    def __init__(self, look: Look, label: str, width: int, height: int) -> None:
        self._look, self._label, self._width, self._height = look, label, width, height
        with dpg.drawlist(width, height) as drawing:
            pass
        self._drawing = int(drawing)
        self._shown: tuple[str, int] | None = None

    def show(self, text: str, fraction: float, colour: Colour = ACCENT) -> None:
        """``fraction`` in [0, 1] of the bar's length, ``text`` at its right."""
        left, right = self._look.px(72), self._width - self._look.px(62)
        length = round((right - left) * min(1.0, max(0.0, fraction)))
        if (text, length) == self._shown:
            return
        self._shown = (text, length)
        drawing, middle, half = self._drawing, self._height / 2.0, self._look.px(2.5)
        baseline = middle - self._look.small.size * 0.55
        dpg.delete_item(drawing, children_only=True)
        draw_text(self._look, drawing, (0, baseline), self._label, self._look.small, TEXT_DIM)
        draw_text(self._look, drawing, (self._width, baseline), text, self._look.small, TEXT, 1.0)
        for end, shade in ((right, FIELD), (left + length, colour)):
            if end > left:
                dpg.draw_rectangle(
                    (left, middle - half), (end, middle + half), fill=shade, color=CLEAR, rounding=half, parent=drawing
                )
