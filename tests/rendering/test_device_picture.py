"""Pictures put together on a device: the same bytes as on the CPU, and never written over while somebody holds them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avatar_core.rendering.compose import composite
from avatar_core.rendering.device_picture import MAX_PINNED, PictureReader
from tests.triton_device import DEVICE


def premultiplied(seed: int, height: int = 20, width: int = 30) -> torch.Tensor:
    random = np.random.default_rng(seed)
    rgba = random.uniform(0, 1, (height, width, 4)).astype(np.float32)
    rgba[..., :3] *= rgba[..., 3:]
    return torch.from_numpy(rgba)


def test_agrees_with_the_cpu_over_a_colour_and_over_a_picture():
    reader, rgba = PictureReader(DEVICE), premultiplied(1)
    behind = np.random.default_rng(2).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    for background in ((10, 128, 250), behind, (0, 0, 0)):
        picture = reader.send(rgba.to(DEVICE), background).result()
        assert picture.dtype == np.uint8
        difference = picture.astype(int) - composite(rgba, background)
        assert np.abs(difference).max() <= 1  # exact halves may round either way
        assert (difference != 0).mean() < 1e-3


def test_a_background_that_is_changed_in_place_is_shown_as_it_is_now():
    reader, clear = PictureReader(DEVICE), torch.zeros(4, 5, 4, device=DEVICE)
    behind = np.full((4, 5, 3), 7, np.uint8)
    assert (reader.send(clear, behind).result() == 7).all()
    behind[:] = 9
    assert (reader.send(clear, behind).result() == 9).all()


def test_read_only_backgrounds_take_turns():
    reader, clear = PictureReader(DEVICE), torch.zeros(4, 5, 4, device=DEVICE)
    first, second = np.full((4, 5, 3), 7, np.uint8), np.full((4, 5, 3), 200, np.uint8)
    first.flags.writeable = second.flags.writeable = False
    for background, value in ((first, 7), (first, 7), (second, 200), ((1, 1, 1), 1), (first, 7)):
        assert (reader.send(clear, background).result() == value).all()


def test_two_pictures_may_be_under_way_and_all_that_are_kept_stay_as_they_are():
    reader = PictureReader(DEVICE)
    scenes = [premultiplied(seed) for seed in range(MAX_PINNED + 4)]
    under_way = [reader.send(scene.to(DEVICE), (0, 0, 0)) for scene in scenes]
    kept = [pending.result() for pending in under_way]
    del under_way
    for scene in scenes:
        reader.send(1.0 - scene.to(DEVICE), (0, 0, 0)).result()
    for scene, picture in zip(scenes, kept, strict=True):
        assert np.abs(picture.astype(int) - composite(scene, (0, 0, 0))).max() <= 1


def test_shapes_that_do_not_fit_are_refused():
    reader = PictureReader(DEVICE)
    with pytest.raises(ValueError, match="background"):
        reader.send(premultiplied(1).to(DEVICE), np.zeros((3, 3, 3), np.uint8))
    with pytest.raises(ValueError, match="rgba"):
        reader.send(torch.zeros(4, 4, 3, device=DEVICE), (0, 0, 0))
