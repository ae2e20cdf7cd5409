"""Right panel, upper part: who drives, what the tracker sees, and how the motion is passed on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import dearpygui.dearpygui as dpg

from app.gui import layout
from app.gui.actions import Actions
from app.gui.layout import Layout
from app.gui.picture import driver_picture
from app.gui.texture import RoundedPicture
from app.gui.theme import CLEAR, FIELD, GOOD, RECORDING, TEXT, TEXT_DIM, TEXT_FAINT, WARNING, Colour, Look, with_alpha
from app.gui.widgets import LABEL_COLUMN, Slider, caption, draw_text, tooltip
from app.session_types import Controls, Preview, Status

if TYPE_CHECKING:
    from app.session import Session

_PREVIEW_SECONDS = 1.0 / 20.0  # between two pictures: the preview must not cost what the avatar needs
_LIST_SECONDS = 2.0
_VIDEO = "Video file…"
_OFF = "Off"
_SLIDERS = (
    ("Expression", "expression_gain", 2.0), ("Eyes", "eye_gain", 2.0), ("Mouth", "mouth_gain", 2.0),
    ("Head motion", "head_gain", 2.0), ("Smoothing", "smoothing", 1.0),
)  # fmt: skip
_BACKGROUNDS = {"Photo": "photo", "Blurred": "blurred"}
_COLOUR = "Colour"
_EMPTY = {"performance": "Scripted performance · no camera", "none": "Driver is off", "webcam": "Opening the camera…"}


class DriverPanel:
    """Builds itself into the current container; `resize`, `update` and `show_preview` keep it current."""

    def __init__(self, look: Look, registry: int, actions: Actions, session: Session) -> None:
        self._look, self._actions, self._session = look, actions, session
        self._width = look.px(layout.DRIVER_WIDTH - 2 * layout.PANEL_PADDING)
        self._height = look.px(96)
        self._picture = RoundedPicture(registry, look.px(9))
        self._preview: Preview | None = None
        self._drawn_at = float("-inf")
        self._listed_at = float("-inf")
        self._keys: dict[str, str] = {}
        self._overlay_key: tuple[object, ...] = ()
        controls = session.controls
        with dpg.child_window(width=look.px(layout.DRIVER_WIDTH)) as panel:
            caption(look, "Driver")
            with dpg.drawlist(self._width, self._height) as drawing:
                with dpg.draw_layer() as picture_layer:
                    pass
                with dpg.draw_layer() as badge_layer:
                    pass
            with dpg.group(horizontal=True):
                menu_width = self._width - look.px(94 + 8)
                self._choice = int(dpg.add_combo([], width=menu_width, callback=lambda _s, label: self._choose(label)))
                calibrate = int(dpg.add_button(label="Calibrate", width=look.px(94), callback=actions.calibrate))
                tooltip(look, calibrate, "Calibrate neutral (N): look at the camera with a relaxed face, then press.")
            self._sliders = {
                name: Slider(
                    look, label, getattr(controls, name), maximum, self._width,
                    lambda value, name=name: actions.control(**{name: value}),  # type: ignore[misc]
                )
                for label, name, maximum in _SLIDERS
            }  # fmt: skip
            with dpg.group(horizontal=True, horizontal_spacing=look.px(18)) as switches:
                self._mirror = int(dpg.add_checkbox(label="Mirror", callback=lambda _s, on: actions.control(mirror=on)))
                self._pause = int(dpg.add_checkbox(label="Pause", callback=lambda _s, on: actions.control(paused=on)))
                self._mesh = int(dpg.add_checkbox(label="Landmark mesh", callback=lambda _s, on: self._show_mesh(on)))
            with dpg.group(horizontal=True):
                dpg.add_text("Background", color=TEXT_DIM)
                background = dpg.add_combo(
                    [*_BACKGROUNDS, _COLOUR],
                    width=self._width - look.px(LABEL_COLUMN + 8 + 27),
                    indent=look.px(LABEL_COLUMN),
                    callback=lambda: self._set_background(),
                )
                chosen = controls.background if isinstance(controls.background, tuple) else (38, 70, 83)
                colour = dpg.add_color_edit(
                    (*chosen, 255), no_inputs=True, no_label=True, no_alpha=True, callback=lambda: self._pick_colour()
                )
                self._background, self._colour = int(background), int(colour)
                tooltip(look, self._colour, "Pick a background colour")
        dpg.bind_item_theme(switches, look.small_box)
        dpg.bind_item_theme(panel, look.panel)
        self.item, self._drawing = int(panel), int(drawing)
        self._picture_layer, self._badge_layer = int(picture_layer), int(badge_layer)

    def resize(self, plan: Layout) -> None:
        self._height = self._look.px(plan.preview_height)
        dpg.configure_item(self.item, height=self._look.px(plan.driver_height))
        dpg.configure_item(self._drawing, height=self._height)
        self._overlay_key = ()
        self._draw_preview()
        for slider in self._sliders.values():
            slider.redraw()

    def show_preview(self, preview: Preview) -> None:
        """The tracker's newest picture; drawn at a modest rate."""
        self._preview = preview
        now = time.monotonic()
        if now - self._drawn_at >= _PREVIEW_SECONDS:
            self._drawn_at = now
            self._draw_preview()

    def update(self, status: Status, controls: Controls) -> None:
        if self._preview is not None and status.driver_kind in ("performance", "none"):
            self._preview = None
            self._draw_preview()
        self._list_drivers(status)
        for name, slider in self._sliders.items():
            slider.show(getattr(controls, name))
        dpg.set_value(self._mirror, controls.mirror)
        dpg.set_value(self._pause, controls.paused)
        names = {value: label for label, value in _BACKGROUNDS.items()}
        label = _COLOUR if isinstance(controls.background, tuple) else names.get(controls.background, "Photo")
        dpg.set_value(self._background, label)
        self._draw_badges(status, paused=controls.paused)

    def _list_drivers(self, status: Status) -> None:
        now = time.monotonic()
        if now - self._listed_at > _LIST_SECONDS:
            self._listed_at = now
            keys = {choice.label: choice.key for choice in self._session.list_drivers()}
            if keys != self._keys:
                self._keys = keys
                dpg.configure_item(self._choice, items=[*keys, _VIDEO, _OFF])
        dpg.set_value(self._choice, _OFF if status.driver_kind == "none" else status.driver_name)

    def _choose(self, label: str) -> None:
        if label == _VIDEO:
            self._actions.open_video()
        elif label == _OFF:
            self._session.close_driver()
        elif label in self._keys:
            self._session.open_driver(self._keys[label])

    def _show_mesh(self, on: bool) -> None:
        self._actions.mesh_shown = on
        self._draw_preview()

    def _set_background(self) -> None:
        label = dpg.get_value(self._background)
        if label == _COLOUR:
            self._pick_colour()
        else:
            self._actions.control(background=_BACKGROUNDS[label])

    def _pick_colour(self) -> None:
        red, green, blue = (round(channel) for channel in dpg.get_value(self._colour)[:3])
        self._actions.control(background=(red, green, blue))

    def _draw_preview(self) -> None:
        look, layer, size = self._look, self._picture_layer, (self._width, self._height)
        preview = self._preview
        if preview is None:
            dpg.delete_item(layer, children_only=True)
            dpg.draw_rectangle((0, 0), size, fill=FIELD, color=CLEAR, rounding=look.px(9), parent=layer)
            return
        picture = driver_picture(preview.rgb, preview.landmarks, *size, mesh=self._actions.mesh_shown)
        texture, replaced = self._picture.show(picture)
        if replaced is not None or not self._is_drawn(texture):
            dpg.delete_item(layer, children_only=True)
            dpg.draw_image(texture, (0, 0), size, parent=layer)
        if replaced is not None:
            replaced.delete()

    def _is_drawn(self, texture: int) -> bool:
        drawn = dpg.get_item_children(self._picture_layer, 2)
        return bool(drawn) and dpg.get_item_configuration(drawn[0]).get("texture_tag") == texture

    def _draw_badges(self, status: Status, *, paused: bool) -> None:
        state, colour = _face_words(status)
        rate = f"{status.track_fps:.0f} fps" if status.track_fps and status.face == "tracking" else ""
        empty = _EMPTY.get(status.driver_kind, "Opening…") if self._preview is None else ""
        if empty and paused and status.camera_on:
            empty = "Paused"  # the camera is open, its pictures are not looked at
        key = (state, rate, empty, status.camera_on, self._height)
        if key == self._overlay_key:
            return
        self._overlay_key = key
        look, layer = self._look, self._badge_layer
        dpg.delete_item(layer, children_only=True)
        if status.camera_on:  # whatever else there is to say: a camera that is on is always seen to be on
            width = look.measure("Camera on", look.caption)[0] + look.px(26)
            self._pill(self._width - look.px(8) - width, look.px(8), "Camera on", RECORDING)
        if empty:
            middle = self._height / 2.0 - look.small.size * 0.6
            draw_text(look, layer, (self._width / 2.0, middle), empty, look.small, TEXT_FAINT, 0.5)
            return
        text = f"{state} · {rate}" if rate else state
        self._pill(look.px(8), self._height - look.px(30), text, colour)

    def _pill(self, x: float, y: float, text: str, colour: Colour) -> None:
        look, layer, height = self._look, self._badge_layer, self._look.px(22)
        width = look.measure(text, look.caption)[0] + look.px(26)
        dpg.draw_rectangle(
            (x, y), (x + width, y + height), fill=with_alpha((8, 9, 12), 0.72), color=CLEAR, rounding=height / 2.0,
            parent=layer,
        )  # fmt: skip
        dpg.draw_circle((x + look.px(11), y + height / 2.0), look.px(3), fill=colour, color=CLEAR, parent=layer)
        baseline = y + (height - look.caption.size * 1.15) / 2.0
        draw_text(look, layer, (x + look.px(19), baseline), text, look.caption, TEXT)


def _face_words(status: Status) -> tuple[str, Colour]:
    if status.face == "tracking":
        return ("Tracking", GOOD) if status.calibrated else ("Finding neutral", WARNING)
    states = {"lost": ("Face lost", RECORDING), "not needed": ("Scripted", GOOD)}
    return states.get(status.face, ("No face", TEXT_FAINT))
