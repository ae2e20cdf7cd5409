"""A small line plot, so that a benchmark needs no plotting package."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

PANEL_WIDTH, HEIGHT = 460, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 56, 60  # margins of a panel
_FINE = 2  # drawn larger by this and averaged down, for smooth lines
_COLOURS = ((37, 99, 235), (217, 119, 6), (22, 163, 74), (190, 24, 93))
_INK, _FAINT = (40, 44, 52), (222, 226, 232)
_TICKS = 5

Point = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """One pair of axes, both from zero: ``lines`` of points (x, y) by name."""

    x_label: str
    lines: Mapping[str, Sequence[Point]]


def draw(panels: Sequence[Panel], y_label: str, title: str) -> Image.Image:
    """The panels side by side under ``title``; equal names have equal colours."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    colours = {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(names)}
    picture = Image.new("RGB", (PANEL_WIDTH * len(panels) * _FINE, HEIGHT * _FINE), (255, 255, 255))
    canvas = ImageDraw.Draw(picture)
    font = ImageFont.load_default(13 * _FINE)
    canvas.text((14 * _FINE, 10 * _FINE), title, _INK, font)
    for index, panel in enumerate(panels):
        _draw_panel(canvas, font, panel, PANEL_WIDTH * index, y_label, colours)
    return picture.resize((picture.width // _FINE, picture.height // _FINE), Image.Resampling.LANCZOS)


def ticks(highest: float) -> list[float]:
    """Round numbers from 0 to at least ``highest``, about `_TICKS` of them."""
    if not highest > 0:
        return [0.0, 1.0]
    rough = highest / _TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough * (1 - 1e-9))
    return [step * index for index in range(math.ceil(highest / step * (1 - 1e-9)) + 1)]


def _draw_panel(
    canvas: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, panel: Panel, left: float,
    y_label: str, colours: Mapping[str, tuple[int, int, int]],
) -> None:  # fmt: skip
    points = [point for line in panel.lines.values() for point in line]
    x_ticks = ticks(max((x for x, _ in points), default=0))
    y_ticks = ticks(max((y for _, y in points), default=0))
    x0, x1 = left + _LEFT, left + PANEL_WIDTH - _RIGHT
    y0, y1 = HEIGHT - _BOTTOM, _TOP + 20

    def place(x: float, y: float) -> Point:
        return (x0 + (x1 - x0) * x / x_ticks[-1]) * _FINE, (y0 + (y1 - y0) * y / y_ticks[-1]) * _FINE

    for value in y_ticks:
        canvas.line((place(0, value), place(x_ticks[-1], value)), _FAINT, _FINE)
        x, y = place(0, value)
        canvas.text((x - 8 * _FINE, y), f"{value:g}", _INK, font, anchor="rm")
    for value in x_ticks:
        x, y = place(value, 0)
        canvas.line(((x, y), (x, y + 5 * _FINE)), _INK, _FINE)
        canvas.text((x, y + 8 * _FINE), f"{value:g}", _INK, font, anchor="mt")
    canvas.line((place(0, y_ticks[-1]), place(0, 0), place(x_ticks[-1], 0)), _INK, _FINE)
    canvas.text(((x0 + x1) / 2 * _FINE, (HEIGHT - 18) * _FINE), panel.x_label, _INK, font, anchor="mm")
    canvas.text(((x0 - 8) * _FINE, (y1 - 14) * _FINE), y_label, _INK, font, anchor="lm")
    at = x1
    for name, line in panel.lines.items():
        colour = colours[name]
        placed = [place(*point) for point in line]
        canvas.line(placed, colour, 2 * _FINE, joint="curve")
        for x, y in placed:
            radius = 3 * _FINE
            canvas.ellipse((x - radius, y - radius, x + radius, y + radius), colour)
        canvas.text((at * _FINE, (y1 - 14) * _FINE), name, colour, font, anchor="rm")
        at -= 12 + canvas.textlength(name, font) / _FINE
