"""Centre: the avatar's picture, orbited with the mouse, with the overlay on top and its own colours glowing around."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import dearpygui.dearpygui as dpg

from app.gui import orbit
from app.gui.overlay import Overlay, OverlayState
from app.gui.picture import GLOW_SIDE, glow
from app.gui.texture import RingTexture, corner_mask
from app.gui.theme import BACKGROUND, CLEAR, LINE, Look
from app.gui.toasts import Toast
from app.session_types import ShownFrame, Status, ViewState

if TYPE_CHECKING:
    from app.session import Session

_GLOW_SECONDS = 0.4
_HINT_SECONDS = 12.0
_CORNER = 11  # design units, the rounding of all panels


class Viewport:
    """Builds itself into the current container. Mouse handlers are global; what was hit is decided at press.

    Args:
        blocked: tells whether a dialog lies over the window, so that the mouse means something else.
    """

    def __init__(self, look: Look, registry: int, session: Session, blocked: Callable[[], bool]) -> None:
        self._look, self._registry, self._session, self._blocked = look, registry, session, blocked
        self._texture: RingTexture | None = None
        self._glow = RingTexture(registry, GLOW_SIDE, GLOW_SIDE)
        self._glow_at = float("-inf")
        self._size = (1, 1)
        self._square = (0.0, 0.0, 1.0)
        self._dragging: int | None = None
        self._mouse = (0.0, 0.0)
        self._first_frame_at: float | None = None
        self._moved = False
        with dpg.child_window(no_scrollbar=True, no_scroll_with_mouse=True) as panel, dpg.drawlist(1, 1) as drawing:
            layers = [int(dpg.add_draw_layer()) for _ in range(4)]
        dpg.bind_item_theme(panel, look.stage)
        self.item, self._drawing = int(panel), int(drawing)
        self._glow_layer, self._picture_layer, overlay_layer, self._frame_layer = layers
        radius = look.px(_CORNER)
        mask = corner_mask(radius, BACKGROUND[:3])
        self._corners = int(dpg.add_static_texture(2 * radius, 2 * radius, mask.ravel(), parent=registry))
        self._overlay = Overlay(look, overlay_layer)
        with dpg.handler_registry():
            for button in (dpg.mvMouseButton_Left, dpg.mvMouseButton_Right, dpg.mvMouseButton_Middle):
                dpg.add_mouse_click_handler(button, callback=lambda _s, pressed: self._press(pressed))
                dpg.add_mouse_release_handler(button, callback=lambda _s, released: self._release(released))
            dpg.add_mouse_move_handler(callback=lambda _s, position: self._move(position))
            dpg.add_mouse_wheel_handler(callback=lambda _s, notches: self._wheel(notches))
            dpg.add_mouse_double_click_handler(dpg.mvMouseButton_Left, callback=lambda: self._double_click())

    def resize(self, width: int, height: int, *, rounded: bool) -> None:
        """Fill ``width`` x ``height`` pixels, as a panel with ``rounded`` corners or up to the window's edge."""
        self._size = (width, height)
        dpg.configure_item(self.item, width=width, height=height)
        dpg.configure_item(self._drawing, width=width, height=height)
        self._square = orbit.fitted_square(width, height)
        self._place_pictures()
        self._draw_frame(rounded=rounded)

    def show_frame(self, frame: ShownFrame) -> None:
        """Upload a rendered picture and report how long that took."""
        started = time.perf_counter()
        height, width = frame.rgb.shape[:2]
        replaced = None
        if self._texture is None or (self._texture.width, self._texture.height) != (width, height):
            replaced = self._texture
            self._texture = RingTexture(self._registry, width, height)
        self._texture.upload(frame.rgb)
        self._session.report_upload(frame, time.perf_counter() - started)
        if self._first_frame_at is None:
            self._first_frame_at = time.monotonic()
            self._place_pictures()
        elif replaced is not None:
            self._place_pictures()
        if replaced is not None:
            replaced.delete()
        if started - self._glow_at > _GLOW_SECONDS:
            self._glow_at = started
            self._glow.upload(glow(frame.rgb))

    def update(self, status: Status, toasts: Sequence[Toast], *, panels_shown: bool) -> None:
        """Redraw the overlay where it changed. Without panels it is the only place that tells of the camera."""
        has_picture = self._first_frame_at is not None
        hint = self._first_frame_at is not None and time.monotonic() - self._first_frame_at < _HINT_SECONDS
        recording = status.recording
        self._overlay.show(
            OverlayState(
                width=self._size[0],
                height=self._size[1],
                has_avatar=has_picture,
                render_fps=round(status.render_fps),
                paused=self._session.controls.paused,
                face_lost=status.face == "lost",
                camera_on=status.camera_on and not panels_shown,
                encoding=status.encoding,
                recording=(int(recording.seconds), recording.frames, recording.dropped) if recording else None,
                toasts=tuple(toasts),
                hint_shown=hint and not self._moved,
            )
        )

    def _place_pictures(self) -> None:
        for layer in (self._glow_layer, self._picture_layer):
            dpg.delete_item(layer, children_only=True)
        if self._texture is None or self._first_frame_at is None:
            return
        width, height = self._size
        left, top, side = self._square
        strips = (
            ((0, 0), (left, height)), ((left + side, 0), (width, height)),
            ((0, 0), (width, top)), ((0, top + side), (width, height)),
        )  # fmt: skip
        for start, end in strips:
            if end[0] - start[0] > 1 and end[1] - start[1] > 1:
                dpg.draw_image(
                    self._glow.item, start, end, uv_min=(start[0] / width, start[1] / height),
                    uv_max=(end[0] / width, end[1] / height), parent=self._glow_layer,
                )  # fmt: skip
        dpg.draw_image(self._texture.item, (left, top), (left + side, top + side), parent=self._picture_layer)

    def _draw_frame(self, *, rounded: bool) -> None:
        """Round the picture's corners with the background's colour, and draw the panel's line."""
        layer, (width, height) = self._frame_layer, self._size
        dpg.delete_item(layer, children_only=True)
        if not rounded:
            return
        radius = self._look.px(_CORNER)
        for u, x in ((0.0, 0), (0.5, width - radius)):
            for v, y in ((0.0, 0), (0.5, height - radius)):
                dpg.draw_image(
                    self._corners, (x, y), (x + radius, y + radius), uv_min=(u, v), uv_max=(u + 0.5, v + 0.5),
                    parent=layer,
                )  # fmt: skip
        dpg.draw_rectangle((0, 0), (width, height), color=LINE, fill=CLEAR, rounding=radius, parent=layer)

    # --- mouse ------------------------------------------------------------------------------------------------------

    def _hit(self) -> bool:
        return bool(dpg.is_item_hovered(self.item)) and not self._blocked()

    def _press(self, button: int) -> None:
        if self._dragging is None and self._hit():
            self._dragging = button
            x, y = dpg.get_mouse_pos(local=False)
            self._mouse = (x, y)

    def _release(self, button: int) -> None:
        if button == self._dragging:
            self._dragging = None

    def _move(self, position: Sequence[float]) -> None:
        if self._dragging is None:
            return
        right, down = position[0] - self._mouse[0], position[1] - self._mouse[1]
        if not right and not down:
            return
        self._mouse = (position[0], position[1])
        self._moved = True
        view = self._session.view
        if self._dragging == dpg.mvMouseButton_Left:
            self._session.set_view(orbit.orbit(view, right / self._look.scale, down / self._look.scale))
        else:
            self._session.set_view(orbit.pan(view, right, down, self._square[2]))

    def _wheel(self, notches: float) -> None:
        if self._hit():
            self._moved = True
            self._session.set_view(orbit.zoom(self._session.view, notches))

    def _double_click(self) -> None:
        if self._hit():
            self._dragging = None
            self._session.set_view(ViewState())
