"""A camera that is on is seen to be on: in the driver panel, or over the picture where panels are hidden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dearpygui.dearpygui as dpg
import numpy as np
import pytest

from app.gui import layout
from app.gui.actions import Actions
from app.gui.dialogs import FileDialogs
from app.gui.overlay import Overlay, OverlayState
from app.gui.panel_driver import DriverPanel
from app.gui.theme import Look
from app.gui.viewport import Viewport
from app.session_types import Controls, Preview, Status, ViewState

ON = Status(driver_name="Built-in", driver_kind="webcam", camera_on=True, face="none")
BADGE = "Camera on"


def texts(item: int) -> list[str]:
    """Every text drawn inside ``item``."""
    found = []
    for child in (child for slot in dpg.get_item_children(item).values() for child in slot):
        if dpg.get_item_type(child) == "mvAppItemType::mvDrawText":
            found.append(dpg.get_item_configuration(child)["text"])
        found += texts(child)
    return found


@pytest.fixture
def session() -> Any:
    """As much of a session as the parts ask for while they are built."""
    return SimpleNamespace(controls=Controls(), view=ViewState(), list_drivers=lambda: [])


@pytest.fixture
def panel(look: Look, session: Any) -> DriverPanel:
    with dpg.window():
        made = DriverPanel(look, int(dpg.add_texture_registry()), Actions(session, FileDialogs(), Path()), session)
    made.resize(layout.plan(1440, 900))
    return made


@pytest.mark.parametrize("paused", [False, True])
def test_the_panel_tells_before_the_first_picture(panel: DriverPanel, paused: bool) -> None:
    panel.update(ON, Controls(paused=paused))
    assert BADGE in texts(panel.item)
    assert ("Paused" in texts(panel.item)) is paused


def test_the_panel_tells_with_a_picture_and_only_while_the_camera_is_on(panel: DriverPanel) -> None:
    panel.show_preview(Preview(np.zeros((48, 64, 3), np.uint8), None, 1))
    panel.update(ON, Controls())
    assert BADGE in texts(panel.item)
    panel.update(replace(ON, camera_on=False), Controls())
    assert BADGE not in texts(panel.item)


@pytest.mark.parametrize(
    ("camera_on", "panels_shown", "told"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_without_panels_the_viewport_tells(
    look: Look, session: Any, camera_on: bool, panels_shown: bool, told: bool
) -> None:
    with dpg.window():
        viewport = Viewport(look, int(dpg.add_texture_registry()), session, lambda: False)
    viewport.resize(800, 600, rounded=panels_shown)
    viewport.update(replace(ON, camera_on=camera_on), [], panels_shown=panels_shown)
    assert (BADGE in texts(viewport.item)) is told


def test_the_badge_lies_beside_live_and_not_over_it(look: Look) -> None:
    with dpg.window(), dpg.drawlist(800, 600), dpg.draw_layer() as layer:
        pass
    state = OverlayState(
        width=800, height=600, has_avatar=True, render_fps=25, paused=False, face_lost=False, camera_on=True,
        encoding=None, recording=None, toasts=(), hint_shown=False,
    )  # fmt: skip
    Overlay(look, int(layer)).show(state)
    boxes = [
        dpg.get_item_configuration(child)
        for child in dpg.get_item_children(layer, 2)
        if dpg.get_item_type(child) == "mvAppItemType::mvDrawRect"
    ]
    assert len(boxes) == 2
    assert boxes[1]["pmin"][1] >= boxes[0]["pmax"][1]
