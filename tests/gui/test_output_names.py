"""Names of files that are saved without asking."""

from __future__ import annotations

from pathlib import Path

from app.gui.output_names import OutputNames


def test_names_are_safe_and_dated(tmp_path: Path) -> None:
    path = OutputNames(tmp_path).new("my photo: best?.jpg", ".png")
    assert path.parent == tmp_path and path.name.startswith("my-photo-best-") and path.suffix == ".png"
    assert OutputNames(tmp_path).new("", ".mp4").name.startswith("avatar-")


def test_no_name_is_given_twice_even_before_its_file_is_written(tmp_path: Path) -> None:
    names = OutputNames(tmp_path)
    assert len({names.new("anna", ".png") for _ in range(20)}) == 20


def test_a_file_that_is_there_keeps_its_name(tmp_path: Path) -> None:
    for _ in range(20):  # another run of the program, within the same second
        OutputNames(tmp_path).new("anna", ".png").touch(exist_ok=False)


def test_the_longest_name_of_an_avatar_still_gives_a_file(tmp_path: Path) -> None:
    OutputNames(tmp_path).new("x" * 250, ".png").touch()
