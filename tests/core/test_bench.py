"""The measurement runs end to end and reports what it measured."""

from __future__ import annotations

import json

import numpy as np
import pytest

from avatar_core import bench
from avatar_core.avatar import Avatar


def test_the_report_holds_every_figure_with_its_conditions(tmp_path, capsys):
    target = tmp_path / "bench.json"
    arguments = ["--device", "cpu", "--gaussians", "5000", "--size", "64", "--frames", "3", "--no-startup"]
    assert bench.main([*arguments, "--json", str(target)]) == 0
    report = json.loads(target.read_text())
    assert report["gaussians"] == 5000
    assert 0 < report["gaussians_through_networks"] <= 5000
    assert report["size"] == 64
    assert report["precision"] in ("bf16", "fp32")
    stages = report["median_ms"]
    assert stages["total"] > max(stages["animate"], stages["rasterise"], stages["compose"]) > 0
    assert report["frames_per_second"] == pytest.approx(1e3 / stages["total"], rel=0.01)
    assert report["track_ms"] > 0
    assert report["encode_s"] > 0
    printed = capsys.readouterr().out
    assert "5000 Gaussians, 64 x 64 px" in printed
    assert list(tmp_path.iterdir()) == [target]


def test_a_missing_photo_is_named_without_a_traceback(tmp_path, capsys):
    missing = tmp_path / "nobody.jpg"
    assert bench.main(["--device", "cpu", "--no-startup", "--photo", str(missing)]) == 1
    assert "nobody.jpg" in capsys.readouterr().err


@pytest.mark.parametrize("count", [1, 1000])
def test_an_avatar_is_thinned_to_the_wanted_count(avatar: Avatar, count):
    thinned = bench.with_count(avatar, count)
    assert len(thinned) == count
    assert thinned.f.shape == thinned.m.shape == (count, 48)
    assert thinned.neck_weight.shape == thinned.part.shape == (count,)


def test_an_avatar_can_be_repeated_beyond_its_own_count(avatar: Avatar):
    repeated = bench.with_count(avatar, len(avatar) + 100)
    assert len(repeated) == len(avatar) + 100
    np.testing.assert_array_equal(repeated.rest[:, -1], avatar.rest[:, -1])
