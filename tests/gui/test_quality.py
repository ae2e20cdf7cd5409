"""The choice of quality in the source panel."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dearpygui.dearpygui as dpg
import pytest

from app.gui.actions import Actions
from app.gui.dialogs import FileDialogs
from app.gui.panel_source import SourcePanel
from app.gui.theme import Look
from app.session_types import Controls, Status
from avatar_core.simplify import QUALITIES


def built(look: Look, qualities: tuple[str, ...]) -> tuple[SourcePanel, int, Any]:
    """The panel, its combo, and as much of a session as it asks for."""
    session = SimpleNamespace(controls=Controls())
    session.set_controls = lambda controls: setattr(session, "controls", controls)
    with dpg.window():
        actions = Actions(session, FileDialogs(), Path())
        panel = SourcePanel(look, int(dpg.add_texture_registry()), actions, qualities)
    combos = [item for item in dpg.get_all_items() if dpg.get_item_type(item) == "mvAppItemType::mvCombo"]
    assert len(combos) == 1
    return panel, combos[0], session


@pytest.mark.parametrize("quality", QUALITIES)
def test_choosing_a_level_sets_it_and_the_level_is_shown(look: Look, quality: str) -> None:
    panel, combo, session = built(look, QUALITIES)
    label = dpg.get_item_configuration(combo)["items"][QUALITIES.index(quality)]
    dpg.get_item_callback(combo)(combo, label)
    assert session.controls.quality == quality
    panel.update(Status(), session.controls)
    assert dpg.get_value(combo) == label


def test_an_engine_with_one_level_leaves_no_choice(look: Look) -> None:
    _, combo, _ = built(look, ("full",))
    configuration = dpg.get_item_configuration(combo)
    assert configuration["items"] == ["Full"] and not configuration["enabled"]
