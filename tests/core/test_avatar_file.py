from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from avatar_core import Avatar, Camera
from avatar_core.engine import AvatarEngine
from avatar_core.errors import AvatarFileError


def test_a_saved_avatar_renders_the_same_picture(engine: AvatarEngine, avatar: Avatar, tmp_path: Path) -> None:
    avatar.save(tmp_path / "a.safetensors")
    again = engine.load_avatar(tmp_path / "a.safetensors")
    assert again.provenance == avatar.provenance
    view = Camera.orbit(yaw=12)
    assert np.array_equal(engine.render(avatar, None, view), engine.render(again, None, view))
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_unwritable_folder_is_told_and_nothing_is_left(avatar: Avatar, tmp_path: Path) -> None:
    with pytest.raises(AvatarFileError, match="cannot be written"):
        avatar.save(tmp_path / "no" / "such" / "a.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_damaged_files_are_refused_with_their_name(engine: AvatarEngine, avatar: Avatar, tmp_path: Path) -> None:
    whole = tmp_path / "whole.safetensors"
    avatar.save(whole)
    (tmp_path / "cut.safetensors").write_bytes(whole.read_bytes()[:5000])
    (tmp_path / "text.safetensors").write_text("hello")
    save_file({"rest": torch.zeros(14, 3)}, tmp_path / "other.safetensors")
    for name in ("cut", "text", "other", "missing"):
        with pytest.raises(AvatarFileError, match=name):
            engine.load_avatar(tmp_path / f"{name}.safetensors")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("landmarks", torch.zeros(5, 3), "landmarks is"),
        ("rest", torch.zeros(14, 0), "0 Gaussians"),
        ("background", torch.zeros(9000, 2, 3, dtype=torch.uint8), "background"),
    ],
)
def test_impossible_shapes_are_named(
    engine: AvatarEngine, avatar: Avatar, tmp_path: Path, name: str, value: torch.Tensor, words: str
) -> None:
    path = tmp_path / "a.safetensors"
    avatar.save(path)
    from safetensors import safe_open

    with safe_open(str(path), "pt") as reader:
        metadata = reader.metadata()
    save_file({**load_file(path), name: value}, path, metadata)
    with pytest.raises(AvatarFileError, match=words):
        engine.load_avatar(path)


def test_values_that_are_not_finite_are_refused(engine: AvatarEngine, avatar: Avatar, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    broken = Avatar(**{**vars(avatar), "rest": avatar.rest.clone()})
    broken.rest[0, 0] = float("nan")
    broken.save(path)
    with pytest.raises(AvatarFileError, match="not finite"):
        engine.load_avatar(path)
