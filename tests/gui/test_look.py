"""Colours, shipped files, keys, pacing and the renderer's name."""

from __future__ import annotations

import pytest

from app.gui import theme
from app.gui.desktop import is_software_renderer
from app.gui.pacing import Pacer
from app.gui.shortcuts import SHORTCUTS


def test_opacity_is_multiplied_and_clipped() -> None:
    assert theme.with_alpha((1, 2, 3), 0.5) == (1, 2, 3, 128)
    assert theme.with_alpha((1, 2, 3, 100), 0.5) == (1, 2, 3, 50)
    assert theme.with_alpha((1, 2, 3), 7.0)[3] == 255 and theme.with_alpha((1, 2, 3), -1.0)[3] == 0


@pytest.mark.parametrize("name", ["Inter-Regular.otf", "Inter-SemiBold.otf", "InterDisplay-SemiBold.otf", "OFL.txt"])
def test_fonts_are_shipped_with_their_licence(name: str) -> None:
    assert (theme.ASSETS / "fonts" / name).stat().st_size > 3000


def test_text_is_readable_on_panels() -> None:
    def luminance(colour: theme.Colour) -> float:
        channels = [
            (value / 255) / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4 for value in colour
        ]
        return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]

    def contrast(text: theme.Colour) -> float:
        return (luminance(text) + 0.05) / (luminance(theme.PANEL) + 0.05)

    assert contrast(theme.TEXT) > 10
    assert contrast(theme.TEXT_DIM) > 4.5  # WCAG AA for small text


def test_no_key_means_two_things() -> None:
    keys = [(entry.key, entry.control) for entry in SHORTCUTS]
    assert len(keys) == len(set(keys))


def test_hints_name_the_keys_as_keyboards_do() -> None:
    labels = {entry.action: entry.label for entry in SHORTCUTS if entry.hint}
    assert (labels["pause"], labels["open"], labels["record"]) == ("Space", "Ctrl+O", "F9")


@pytest.mark.parametrize(
    ("renderer", "software"),
    [("llvmpipe (LLVM 15.0.6, 256 bits)", True), ("SwiftShader Device", True), ("NVIDIA GeForce RTX 4090", False),
     ("Mesa Intel(R) UHD Graphics", False), ("", False)],
)  # fmt: skip
def test_software_renderers_are_known_by_name(renderer: str, software: bool) -> None:
    assert is_software_renderer(renderer) is software


def drawn_in_a_second(pacer: Pacer, *, new_picture: bool) -> int:
    """Draws in one simulated second of a loop that draws in no time and sleeps as told."""
    now, draws = 0.0, 0
    while now < 1.0:
        if pacer.due(now, new_picture=new_picture):
            pacer.drawn(now)
            draws += 1
        now += pacer.pause(now)
    return draws


def test_a_window_without_gpu_is_capped_and_slower_when_idle() -> None:
    assert drawn_in_a_second(Pacer(software=True, software_rate=30.0), new_picture=True) in range(27, 32)
    assert drawn_in_a_second(Pacer(software=True, software_rate=30.0), new_picture=False) in range(13, 17)


def test_a_window_with_gpu_draws_at_the_monitors_usual_rate() -> None:
    assert drawn_in_a_second(Pacer(software=False, software_rate=30.0), new_picture=True) in range(50, 62)
