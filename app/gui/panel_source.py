"""Left panel: the photo behind the avatar, every way to bring another one in, and what the avatar is made of."""

from __future__ import annotations

import re
from collections.abc import Sequence

import dearpygui.dearpygui as dpg
import numpy as np
from numpy.typing import NDArray

from app.gui import layout
from app.gui.actions import Actions
from app.gui.layout import Layout
from app.gui.paths import parse_paths
from app.gui.picture import framed
from app.gui.texture import add_still
from app.gui.theme import ACCENT, CLEAR, FIELD, TEXT, TEXT_DIM, TEXT_FAINT, Look, with_alpha
from app.gui.widgets import LABEL_COLUMN, Fact, caption, draw_dashed_rectangle, draw_text, tooltip
from app.session_types import Controls, Status

_QUALITIES = {"full": "Full", "balanced": "Balanced", "fast": "Fast"}


class SourcePanel:
    """Builds itself into the current container; `resize` and `update` keep it current."""

    def __init__(self, look: Look, registry: int, actions: Actions, qualities: Sequence[str]) -> None:
        self._qualities = qualities
        self._look, self._registry, self._actions = look, registry, actions
        self._width = look.px(layout.SOURCE_WIDTH - 2 * layout.PANEL_PADDING)
        self._texture: int | None = None
        self._thumbnail: NDArray[np.uint8] | None = None
        self._thumbnail_height = self._drop_height = look.px(96)
        self._shown_sequence = -1
        self._drop_hovered = False
        with dpg.child_window(width=look.px(layout.SOURCE_WIDTH)) as panel:
            caption(look, "Source")
            with dpg.drawlist(self._width, self._thumbnail_height) as thumbnail:
                pass
            with dpg.drawlist(self._width, self._drop_height) as drop_zone:
                pass
            open_photo = dpg.add_button(label="Open photo…", width=-1, callback=lambda: actions.open_photo())
            dpg.bind_item_theme(open_photo, look.primary_button)
            dpg.bind_item_font(open_photo, look.strong.item)
            self.path_field = int(
                dpg.add_input_text(hint="or paste a path, then Enter", width=-1, on_enter=True, callback=self._entered)
            )
            dpg.add_spacer(height=look.px(2))
            caption(look, "Avatar")
            self._facts = {name: Fact(look, name, self._width) for name in ("Name", "Gaussians", "Built in", "Device")}
            self._quality = self._add_quality()
            dpg.add_spacer(height=look.px(2))
            third = (self._width - 2 * look.px(8)) // 3
            with dpg.group(horizontal=True):
                buttons = (
                    ("Save", actions.save_avatar, "Save this avatar to a .safetensors file"),
                    ("Load", actions.open_avatar, "Load a saved avatar"),
                    (".ply", actions.export_ply, "Export the Gaussians of this moment for 3D viewers"),
                )
                for label, call, text in buttons:
                    button = int(dpg.add_button(label=label, width=third, callback=call))
                    tooltip(look, button, text)
        dpg.bind_item_theme(panel, look.panel)
        self.item, self._thumbnail_drawing, self._drop_zone = int(panel), int(thumbnail), int(drop_zone)
        with dpg.item_handler_registry() as handlers:
            dpg.add_item_clicked_handler(dpg.mvMouseButton_Left, callback=lambda: actions.open_photo())
        dpg.bind_item_handler_registry(self._drop_zone, handlers)

    def resize(self, plan: Layout) -> None:
        self._thumbnail_height = self._look.px(plan.thumbnail_height)
        self._drop_height = self._look.px(plan.drop_zone_height)
        dpg.configure_item(self.item, height=self._look.px(plan.body_height))
        dpg.configure_item(self._thumbnail_drawing, height=self._thumbnail_height)
        dpg.configure_item(self._drop_zone, height=self._drop_height)
        self._draw_thumbnail()
        self._draw_drop_zone()

    def update(self, status: Status, controls: Controls) -> None:
        dpg.set_value(self._quality, _QUALITIES[controls.quality])
        if status.thumbnail_sequence != self._shown_sequence:
            self._shown_sequence = status.thumbnail_sequence
            self._thumbnail = status.source_thumbnail
            self._draw_thumbnail()
        self._facts["Name"].show(status.avatar_name or "–")
        self._facts["Gaussians"].show(f"{status.gaussian_count:,}".replace(",", " ") if status.gaussian_count else "–")
        self._facts["Built in"].show(f"{status.encode_seconds:.2f} s" if status.encode_seconds else "–")
        self._facts["Device"].show(re.split(r"\s*[:;(]", status.device_report)[0] or "–")
        hovered = bool(dpg.is_item_hovered(self._drop_zone))
        if hovered != self._drop_hovered:
            self._drop_hovered = hovered
            self._draw_drop_zone()

    def _add_quality(self) -> int:
        look = self._look
        with dpg.group(horizontal=True) as row:
            dpg.add_text("Quality", color=TEXT_DIM)
            choice = int(
                dpg.add_combo(
                    [_QUALITIES[name] for name in self._qualities],
                    width=self._width - look.px(LABEL_COLUMN),
                    indent=look.px(LABEL_COLUMN),
                    enabled=len(self._qualities) > 1,
                    callback=lambda _s, label: self._choose_quality(label),
                )
            )
        tooltip(look, int(row), "How many Gaussians move and are drawn: fewer is faster. Saved avatars stay full.")
        return choice

    def _choose_quality(self, label: str) -> None:
        self._actions.control(quality=next(name for name, text in _QUALITIES.items() if text == label))

    def _entered(self, _sender: int, text: str) -> None:
        paths = parse_paths(text)
        if paths:
            self._actions.open_paths(paths)
            dpg.set_value(self.path_field, "")

    def _draw_thumbnail(self) -> None:
        look, drawing, width, height = self._look, self._thumbnail_drawing, self._width, self._thumbnail_height
        dpg.delete_item(drawing, children_only=True)
        if self._texture is not None:
            dpg.delete_item(self._texture)
            self._texture = None
        if self._thumbnail is None:
            dpg.draw_rectangle((0, 0), (width, height), fill=FIELD, color=CLEAR, rounding=look.px(9), parent=drawing)
            middle = height / 2.0 - look.small.size * 0.6
            draw_text(look, drawing, (width / 2.0, middle), "No portrait yet", look.small, TEXT_FAINT, 0.5)
            return
        picture, _ = framed(self._thumbnail, width, height)
        self._texture = add_still(self._registry, picture, look.px(9))
        dpg.draw_image(self._texture, (0, 0), (width, height), parent=drawing)

    def _draw_drop_zone(self) -> None:
        look, drawing, width, height = self._look, self._drop_zone, self._width, self._drop_height
        strength = 1.0 if self._drop_hovered else 0.7
        dpg.delete_item(drawing, children_only=True)
        dpg.draw_rectangle(
            (1, 1), (width - 1, height - 1), fill=with_alpha(ACCENT, 0.12 if self._drop_hovered else 0.06), color=CLEAR,
            rounding=look.px(10), parent=drawing,
        )  # fmt: skip
        draw_dashed_rectangle(look, drawing, width, height, with_alpha(ACCENT, strength))
        lines = look.px(38)
        arrow = look.px(30) if height >= look.px(84) else 0
        top = (height - lines - arrow) / 2.0
        if arrow:
            x, wing = width / 2.0, look.px(5)
            head, foot = top + look.px(20), top + look.px(2)
            for start in ((x, foot), (x - wing, head - wing), (x + wing, head - wing)):
                dpg.draw_line(start, (x, head), color=ACCENT, thickness=1.8 * look.scale, parent=drawing)
        draw_text(look, drawing, (width / 2.0, top + arrow), "Drop a portrait here", look.strong, TEXT, 0.5)
        hint = "or click to browse · Ctrl+O"
        draw_text(look, drawing, (width / 2.0, top + arrow + look.px(21)), hint, look.small, TEXT_DIM, 0.5)
