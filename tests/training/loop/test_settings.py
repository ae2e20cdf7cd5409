"""Settings from YAML and the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

pytest.importorskip("lightning_fabric", reason="needs the 'train' extra")

from avatar_core.errors import AvatarError
from avatar_core.training.loop.settings import load_settings, run_command


@dataclass(frozen=True)
class Inner:
    rate: float = 1.0
    sizes: tuple[int, ...] = (1, 2)

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"rate must be above 0, got {self.rate}")


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    steps: int = 10
    folder: Path = Path("runs")
    start: str | None = None
    kind: Literal["a", "b"] = "a"
    on: bool = False
    pair: tuple[float, float] = (0.0, 1.0)


def test_the_command_line_goes_over_the_file_and_the_file_over_the_defaults(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("steps: 20\nfolder: out\ninner:\n  rate: 1e-4\n  sizes: [3, 4, 5]\npair: [1, 2.5]\n")
    settings = load_settings(Outer, path, ["steps=30", "inner.rate=2e-3", "kind=b", "on=true", "start=x.safetensors"])
    assert settings == Outer(Inner(2e-3, (3, 4, 5)), 30, Path("out"), "x.safetensors", "b", True, (1.0, 2.5))
    assert load_settings(Outer) == Outer()
    assert load_settings(Outer, None, ["start=null"]).start is None


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("stepz=1", r"unknown setting 'stepz'. Known here: inner, steps, folder"),
        ("inner.rat=1", r"unknown setting 'inner.rat'. Known here: rate, sizes"),
        ("steps=many", r"'steps' must be a whole number, got 'many'"),
        ("steps=1.5", r"'steps' must be a whole number"),
        ("steps=true", r"'steps' must be a whole number"),
        ("on=1", r"'on' must be true or false"),
        ("kind=c", r"'kind' must be one of 'a', 'b', got 'c'"),
        ("inner=3", r"'inner' is a section"),
        ("inner.rate=fast", r"'inner.rate' must be a number"),
        ("inner.rate=-1", r"inner\.rate must be above 0, got -1"),
        ("pair=[1]", r"'pair' must be a list of float, float"),
        ("folder=[1]", r"'folder' must be a path"),
        ("steps", r"settings are given as key=value"),
        ("steps.x=1", r"'steps' must be a whole number"),
        ("on={", r"the value cannot be read"),
    ],
)
def test_wrong_settings_are_named_together_with_what_is_allowed(word, told):
    with pytest.raises(AvatarError, match=told):
        load_settings(Outer, None, [word])


@pytest.mark.parametrize(
    ("text", "told"),
    [("- a\n", "must hold 'key: value' lines"), ("a: [", "no valid YAML"), ("x: 1", "unknown setting")],
)
def test_wrong_files_are_named(tmp_path, text, told):
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(AvatarError, match=rf"settings\.yaml: .*{told}"):
        load_settings(Outer, path)
    with pytest.raises(AvatarError, match=r"nowhere\.yaml: cannot be read"):
        load_settings(Outer, tmp_path / "nowhere.yaml")


def test_an_empty_file_gives_the_defaults(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("# nothing\n")
    assert load_settings(Outer, path) == Outer()


def test_the_command_hands_settings_on_and_tells_errors_without_a_traceback(capsys):
    seen: list[Outer] = []
    assert run_command(Outer, seen.append, "prog", ["steps=3"]) == 0
    assert seen == [Outer(steps=3)]
    assert run_command(Outer, seen.append, "prog", ["stepz=3"]) == 2
    assert capsys.readouterr().err.startswith("error: unknown setting 'stepz'")
