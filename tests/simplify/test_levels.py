"""Quality levels on a real avatar."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avatar_core.avatar import PART_NAMES, Avatar
from avatar_core.benchmarks.qualities import compare_qualities
from avatar_core.engine import AvatarEngine
from avatar_core.simplify import QUALITIES, simplify

EYES_AND_TEETH = [PART_NAMES.index(name) for name in ("left_eyeball", "right_eyeball", "upper_teeth", "lower_teeth")]


def moving(avatar: Avatar) -> int:
    return int((avatar.expression_weight > 0).sum())


def test_levels_are_as_light_and_as_close_as_promised(engine: AvatarEngine, avatar: Avatar) -> None:
    full, balanced, fast = compare_qualities(engine, avatar, 512, 1)
    assert [row["quality"] for row in (full, balanced, fast)] == list(QUALITIES)
    assert full["gaussians"] == len(avatar)
    assert full["gaussians_moving"] >= 1.5 * balanced["gaussians_moving"]
    assert full["gaussians_moving"] >= 2.5 * fast["gaussians_moving"]
    assert balanced["psnr"]["own_view"] >= balanced["psnr"]["worst"] >= 40
    assert fast["psnr"]["own_view"] >= fast["psnr"]["worst"] >= 36
    assert fast["psnr"]["mean"] < balanced["psnr"]["mean"]
    assert engine.quality == "full"


def test_the_avatar_itself_stays_and_what_comes_out_is_sound(avatar: Avatar) -> None:
    before = avatar.rest.clone(), avatar.f.clone()
    for quality in ("balanced", "fast"):
        lighter = simplify(avatar, quality)
        count = len(lighter)
        assert count < len(avatar)
        assert lighter.f.shape == lighter.m.shape == (count, 48)
        assert lighter.neck_weight.shape == lighter.expression_weight.shape == lighter.part.shape == (count,)
        assert bool(torch.isfinite(lighter.rest).all())
        assert torch.equal(lighter.rest[11:], lighter.rest[11:].clamp(0, 1))
        assert set(lighter.part.tolist()) == set(avatar.part.tolist())
        assert lighter.landmarks is avatar.landmarks
    assert torch.equal(before[0], avatar.rest) and torch.equal(before[1], avatar.f)


def test_eyes_and_teeth_are_kept_in_balanced(avatar: Avatar) -> None:
    lighter = simplify(avatar, "balanced")
    fine, kept = (np.isin(one.part.numpy(), EYES_AND_TEETH) for one in (avatar, lighter))
    assert kept.sum() == fine.sum()
    assert np.isin(avatar.rest.numpy()[0, fine], lighter.rest.numpy()[0, kept]).all()


def test_full_is_the_avatar_and_other_names_are_refused(avatar: Avatar) -> None:
    assert simplify(avatar, "full") is avatar
    with pytest.raises(ValueError, match="full, balanced, fast"):
        simplify(avatar, "best")
