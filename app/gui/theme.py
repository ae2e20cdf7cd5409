"""How the window looks: colours, fonts and Dear PyGui themes, every size scaled by the monitor's content scale.

`Look` is built once, after the Dear PyGui context exists, and handed to every panel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import dearpygui.dearpygui as dpg

Colour = tuple[int, int, int] | tuple[int, int, int, int]

ASSETS = Path(__file__).resolve().parents[2] / "assets"

BACKGROUND: Colour = (0, 0, 0)
PANEL: Colour = (21, 23, 29)
FIELD: Colour = (31, 35, 43)
FIELD_HOVERED: Colour = (39, 44, 54)
FIELD_ACTIVE: Colour = (46, 52, 64)
BUTTON: Colour = (40, 45, 56)
BUTTON_HOVERED: Colour = (51, 58, 72)
BUTTON_ACTIVE: Colour = (61, 69, 86)
LINE: Colour = (40, 45, 55)
TEXT: Colour = (232, 235, 241)
TEXT_DIM: Colour = (147, 155, 169)
TEXT_FAINT: Colour = (104, 112, 126)
ACCENT: Colour = (96, 158, 255)
PRIMARY: Colour = (47, 107, 214)
PRIMARY_HOVERED: Colour = (63, 125, 233)
PRIMARY_ACTIVE: Colour = (39, 92, 187)
GOOD: Colour = (77, 208, 140)
WARNING: Colour = (245, 183, 84)
ERROR: Colour = (255, 96, 96)
RECORDING: Colour = (255, 77, 77)
CLEAR: Colour = (0, 0, 0, 0)


def with_alpha(colour: Colour, alpha: float) -> tuple[int, int, int, int]:
    """``colour`` with its opacity multiplied by ``alpha`` in [0, 1] (clipped)."""
    own = colour[3] if len(colour) == 4 else 255
    return colour[0], colour[1], colour[2], round(own * min(1.0, max(0.0, alpha)))


@dataclass(frozen=True)
class Font:
    """A loaded font: Dear PyGui's id and its size in pixels."""

    item: int
    size: int


class Look:
    """Fonts and themes at one content scale.

    Args:
        scale: pixels per design unit (1 on an ordinary monitor, 2 on a high-density one).
    """

    def __init__(self, scale: float) -> None:
        self.scale = scale
        fonts = ASSETS / "fonts"
        with dpg.font_registry():
            self.small = self._font(fonts / "Inter-Regular.otf", 13)
            self.strong = self._font(fonts / "Inter-SemiBold.otf", 14)
            self.caption = self._font(fonts / "Inter-SemiBold.otf", 12)
            self.title = self._font(fonts / "InterDisplay-SemiBold.otf", 20)
            self.figure = self._font(fonts / "InterDisplay-SemiBold.otf", 32)
            self.hairline = self._font(fonts / "Inter-Regular.otf", 6)  # makes a slider as slim as its drawn track
        dpg.bind_font(self.small.item)
        dpg.bind_theme(self._base_theme())
        self.primary_button = self._button_theme(PRIMARY, PRIMARY_HOVERED, PRIMARY_ACTIVE, (255, 255, 255))
        self.record_button = self._button_theme((96, 32, 38), (124, 38, 45), (140, 44, 50), (255, 214, 214))
        self.stage = self._theme({"ChildBg": CLEAR}, {"WindowPadding": (0, 0), "ChildBorderSize": (0,)})
        self.panel = self._theme({}, {"WindowPadding": (12, 12)})
        # The main window and the stage leave the cleared, black screen as it is: a fill of that size costs 5 ms a
        # frame where the CPU draws.
        self.framed = self._theme({"WindowBg": CLEAR}, {"WindowPadding": (12, 9)})
        self.bare = self._theme({"WindowBg": CLEAR}, {"WindowPadding": (0, 0), "ItemSpacing": (0, 0)})
        self.small_box = self._theme({}, {"FramePadding": (3, 3), "FrameRounding": (5,)})
        self.flush = self._theme({}, {"ItemSpacing": (0, 0)})
        self.ghost_slider = self._theme(
            dict.fromkeys(("FrameBg", "FrameBgHovered", "FrameBgActive", "SliderGrab", "SliderGrabActive"), CLEAR),
            {"FramePadding": (0, 6)},
        )
        self.overlapping = self._theme({}, {"ItemSpacing": (0, -18)})  # a ghost slider's height: hairline and padding

    def px(self, units: float) -> int:
        """Design units to whole pixels."""
        return round(units * self.scale)

    def measure(self, text: str, font: Font) -> tuple[float, float]:
        """Width and height of ``text`` in pixels; an estimate before the first frame has been drawn."""
        size = dpg.get_text_size(text, font=font.item)
        return (size[0], size[1]) if size else (0.55 * font.size * len(text), float(font.size))

    def _font(self, path: Path, units: int) -> Font:
        size = self.px(units)
        return Font(int(dpg.add_font(str(path), size)), size)

    def _theme(self, colours: Mapping[str, Colour], styles: Mapping[str, tuple[float, ...]]) -> int:
        with dpg.theme() as theme, dpg.theme_component(dpg.mvAll):
            self._fill_theme(colours, styles)
        return int(theme)

    def _fill_theme(self, colours: Mapping[str, Colour], styles: Mapping[str, tuple[float, ...]]) -> None:
        for name, colour in colours.items():
            dpg.add_theme_color(getattr(dpg, f"mvThemeCol_{name}"), colour)
        for name, values in styles.items():
            scaled = [value if name.endswith("BorderSize") else self.px(value) for value in values]
            dpg.add_theme_style(getattr(dpg, f"mvStyleVar_{name}"), *scaled)

    def _button_theme(self, rest: Colour, hovered: Colour, active: Colour, text: Colour) -> int:
        return self._theme({"Button": rest, "ButtonHovered": hovered, "ButtonActive": active, "Text": text}, {})

    def _base_theme(self) -> int:
        colours = {
            "WindowBg": PANEL, "ChildBg": PANEL, "PopupBg": (27, 30, 38), "Border": LINE, "Text": TEXT,
            "TextDisabled": TEXT_FAINT, "FrameBg": FIELD, "FrameBgHovered": FIELD_HOVERED,
            "FrameBgActive": FIELD_ACTIVE, "Button": BUTTON, "ButtonHovered": BUTTON_HOVERED,
            "ButtonActive": BUTTON_ACTIVE, "CheckMark": ACCENT, "Header": BUTTON, "HeaderHovered": BUTTON_HOVERED,
            "HeaderActive": BUTTON_ACTIVE, "ScrollbarBg": CLEAR, "ScrollbarGrab": (52, 58, 70), "Separator": LINE,
            "TitleBg": PANEL, "TitleBgActive": PANEL, "TextSelectedBg": (47, 107, 214, 120),
        }  # fmt: skip
        styles: dict[str, tuple[float, ...]] = {
            "WindowPadding": (12, 12), "FramePadding": (10, 7), "ItemSpacing": (8, 8), "ItemInnerSpacing": (7, 6),
            "FrameRounding": (7,), "ChildRounding": (11,), "WindowRounding": (0,), "PopupRounding": (8,),
            "GrabRounding": (6,), "ScrollbarRounding": (6,), "ScrollbarSize": (9,), "WindowBorderSize": (0,),
            "ChildBorderSize": (1,), "FrameBorderSize": (0,), "PopupBorderSize": (1,),
        }  # fmt: skip
        with dpg.theme() as theme:
            with dpg.theme_component(dpg.mvAll):
                self._fill_theme(colours, styles)
            with dpg.theme_component(dpg.mvCombo):  # the arrow belongs to the field
                self._fill_theme({"Button": FIELD, "ButtonHovered": FIELD_HOVERED}, {})
        return int(theme)
