"""Pasted and dropped paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.gui.paths import output_path, parse_paths, use_of


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


def test_files_are_used_for_what_they_are(tmp_path: Path) -> None:
    assert use_of(Path("me.JPG")) == "photo"
    assert use_of(Path("me.safetensors")) == "avatar"
    assert use_of(Path("talk.MP4")) == "driver"
    assert use_of(tmp_path) == "driver"
    assert use_of(Path("no_suffix")) == "photo"


def test_output_names_are_safe_and_never_taken(tmp_path: Path) -> None:
    first = output_path(tmp_path, "my photo: best?.jpg", ".png")
    assert first.parent == tmp_path and first.name.startswith("my-photo-best-") and first.suffix == ".png"
    first.touch()
    second = output_path(tmp_path, "my photo: best?.jpg", ".png")
    assert second != first and not second.exists()
    assert output_path(tmp_path, "", ".mp4").name.startswith("avatar-")
