"""What lies over the avatar's picture: LIVE badge, camera on, face lost, recording, progress, toasts, hints.

Drawn into one layer of the viewport, and only when something in it changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import dearpygui.dearpygui as dpg

from app.gui.theme import (
    ACCENT,
    CLEAR,
    ERROR,
    RECORDING,
    TEXT,
    TEXT_DIM,
    TEXT_FAINT,
    WARNING,
    Colour,
    Font,
    Look,
    with_alpha,
)
from app.gui.toasts import Toast, elide, wrap
from app.gui.widgets import draw_text

_GLASS: Colour = (9, 10, 14, 196)
_CARD: Colour = (24, 27, 34, 244)
_LEVELS = {"info": ACCENT, "warning": WARNING, "error": ERROR}
_ROOM_FOR_THREE = 660  # design units of width that fit LIVE, face lost and REC side by side
_EDGE = 14  # design units between a badge and the picture's edge


@dataclass(frozen=True)
class OverlayState:
    """Everything the overlay shows; two equal states draw the same."""

    width: float
    height: float
    has_avatar: bool
    render_fps: int
    paused: bool
    face_lost: bool
    camera_on: bool  # and nothing else in the window tells so
    encoding: tuple[str, float] | None
    recording: tuple[int, int, int] | None  # seconds, frames, dropped
    toasts: tuple[Toast, ...]
    hint_shown: bool


class Overlay:
    """Draws an `OverlayState` into ``layer``."""

    def __init__(self, look: Look, layer: int) -> None:
        self._look, self._layer = look, layer
        self._state: OverlayState | None = None

    def show(self, state: OverlayState) -> None:
        if state == self._state:
            return
        self._state = state
        dpg.delete_item(self._layer, children_only=True)
        edge = self._look.px(_EDGE)
        if state.has_avatar:
            if state.paused:
                self._pill(edge, edge, "PAUSED", WARNING)
            else:
                self._pill(edge, edge, f"LIVE  {state.render_fps}" if state.render_fps else "LIVE", RECORDING)
        if state.camera_on:
            self._pill(edge, edge + self._look.px(36) if state.has_avatar else edge, "Camera on", RECORDING)
        if state.recording is not None:
            seconds, frames, dropped = state.recording
            text = f"REC  {seconds // 60:02d}:{seconds % 60:02d}  ·  {frames} frames"
            text += f"  ·  {dropped} dropped" if dropped else ""
            self._pill(state.width - edge, edge, text, RECORDING, align=1.0)
        if state.face_lost and state.has_avatar:
            crowded = state.recording is not None and state.width < self._look.px(_ROOM_FOR_THREE)
            lowered = edge + self._look.px(36) if crowded else edge
            self._pill(state.width / 2.0, lowered, "Face lost · easing to neutral", WARNING, align=0.5)
        if not state.has_avatar and state.encoding is None:
            self._invitation(state)
        bottom: float = state.height - edge
        if state.encoding is not None:
            top = self._progress(state, *state.encoding)
            bottom = top - self._look.px(10) if state.has_avatar else bottom
        for toast in reversed(state.toasts):
            bottom = self._toast(state, toast, bottom) - self._look.px(8)
        if state.hint_shown and state.has_avatar and not state.toasts and state.encoding is None:
            hint = "Drag to look around  ·  wheel to zoom  ·  R resets"
            self._pill(state.width / 2.0, state.height - edge - self._look.px(28), hint, None, align=0.5)

    def _text_width(self, text: str, font: Font) -> float:
        return self._look.measure(text, font)[0]

    def _pill(self, x: float, y: float, text: str, dot: Colour | None, *, align: float = 0.0) -> None:
        look, height, padding = self._look, self._look.px(28), self._look.px(14)
        text_left = padding + (look.px(14) if dot else 0)
        font = look.caption if dot else look.small
        width = text_left + self._text_width(text, font) + padding
        x -= align * width
        self._box(x, y, width, height, _GLASS, height / 2.0)
        if dot:
            centre = (x + padding + look.px(3), y + height / 2.0)
            dpg.draw_circle(centre, look.px(4), fill=dot, color=CLEAR, parent=self._layer)
        draw_text(look, self._layer, (x + text_left, y + (height - font.size * 1.18) / 2.0), text, font, TEXT)

    def _box(self, x: float, y: float, width: float, height: float, fill: Colour, rounding: float) -> None:
        dpg.draw_rectangle(
            (x, y), (x + width, y + height), fill=fill, color=CLEAR, rounding=rounding, parent=self._layer
        )

    def _progress(self, state: OverlayState, stage: str, fraction: float) -> float:
        """Card with the encoder's stage and a bar; returns its top."""
        look = self._look
        width, height = min(look.px(380), state.width - 2 * look.px(_EDGE)), look.px(56)
        x, y = (state.width - width) / 2.0, state.height - look.px(_EDGE) - height
        if not state.has_avatar:
            y = (state.height - height) / 2.0
        inner, right = x + look.px(16), x + width - look.px(16)
        self._box(x, y, width, height, _CARD, look.px(10))
        percent = f"{100 * min(1.0, max(0.0, fraction)):.0f} %"
        room = right - inner - look.px(50)
        label = elide(stage[:1].upper() + stage[1:], room, lambda part: self._text_width(part, look.strong))
        draw_text(look, self._layer, (inner, y + look.px(11)), label, look.strong, TEXT)
        draw_text(look, self._layer, (right, y + look.px(12)), percent, look.small, TEXT_DIM, 1.0)
        top, thick = y + look.px(38), look.px(5)
        self._box(inner, top, right - inner, thick, (46, 52, 64), thick / 2.0)
        self._box(inner, top, max(thick, (right - inner) * min(1.0, fraction)), thick, ACCENT, thick / 2.0)
        return y

    def _toast(self, state: OverlayState, toast: Toast, bottom: float) -> float:
        """Card that ends at ``bottom``; returns its top."""
        look = self._look
        widest = min(look.px(460), state.width - 2 * look.px(_EDGE))
        left, right, line_height = look.px(20), look.px(16), look.px(18)
        lines = wrap(toast.text, widest - left - right, lambda part: self._text_width(part, look.small))
        narrow = left + right + max((self._text_width(line, look.small) for line in lines), default=0.0)
        width = widest if len(lines) > 1 else narrow
        height = len(lines) * line_height + look.px(20)
        x, y = (state.width - width) / 2.0, bottom - height
        self._box(x, y, width, height, with_alpha(_CARD, toast.opacity), look.px(9))
        stripe = with_alpha(_LEVELS[toast.level], toast.opacity)
        self._box(x + look.px(8), y + look.px(9), look.px(3), height - look.px(18), stripe, look.px(1.5))
        for index, line in enumerate(lines):
            position = (x + left, y + look.px(10) + index * line_height + look.px(1))
            draw_text(look, self._layer, position, line, look.small, with_alpha(TEXT, toast.opacity))
        return y

    def _invitation(self, state: OverlayState) -> None:
        look, layer = self._look, self._layer
        x, y = state.width / 2.0, state.height / 2.0 - look.px(70)
        for radius, colour in ((40, (30, 35, 45)), (39, (19, 22, 29))):
            dpg.draw_circle((x, y), look.px(radius), fill=colour, color=CLEAR, segments=64, parent=layer)
        arrow = look.px(13)
        for start, end in (
            ((x, y - arrow), (x, y + arrow)),
            ((x - arrow * 0.62, y + arrow * 0.38), (x, y + arrow)),
            ((x + arrow * 0.62, y + arrow * 0.38), (x, y + arrow)),
        ):
            dpg.draw_line(start, end, color=ACCENT, thickness=2.4 * look.scale, parent=layer)
        draw_text(look, layer, (x, y + look.px(58)), "Drop a portrait to begin", look.title, TEXT, 0.5)
        lines = ("One clear photo of a face is enough.", "Ctrl+O opens a file · Ctrl+V pastes a path")
        for index, (line, shade) in enumerate(zip(lines, (TEXT_DIM, TEXT_FAINT), strict=True)):
            draw_text(look, layer, (x, y + look.px(92 + 22 * index)), line, look.small, shade, 0.5)
