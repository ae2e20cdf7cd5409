"""Pasted and dropped paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.gui.paths import drives, parse_paths


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("/home/anna/me.jpg", ["/home/anna/me.jpg"]),
        ("  '/home/anna/my photo.jpg'\n", ["/home/anna/my photo.jpg"]),
        ('"C:\\photos\\me.png"', ["C:\\photos\\me.png"]),
        ("file:///home/anna/my%20ph%C3%B6to.jpg\r\n", ["/home/anna/my phöto.jpg"]),
        ("/a.png\n\n/b.png\n", ["/a.png", "/b.png"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_pasted_text_becomes_paths(text: str, paths: list[str]) -> None:
    assert parse_paths(text) == paths


def test_videos_and_folders_drive_and_anything_else_is_a_portrait(tmp_path: Path) -> None:
    assert drives(Path("talk.MP4")) and drives(tmp_path)
    assert not any(drives(Path(name)) for name in ("me.JPG", "me.safetensors", "no_suffix"))


@pytest.mark.parametrize("name", ["x" * 300, "nul\0byte.png"])
def test_a_name_that_cannot_be_looked_at_is_left_to_the_loader(name: str) -> None:
    assert not drives(Path("/") / name)
