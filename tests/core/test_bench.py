"""The measurement runs end to end and reports what it measured."""

from __future__ import annotations

import json

import numpy as np
import pytest

from avatar_core import bench
from avatar_core.benchmarks.startup import measure_startup
from avatar_core.errors import AvatarError


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
    assert [one["encoder"] for one in report["encoders"]] == ["lift", "learned"]
    assert all(one["median_s"] > 0 for one in report["encoders"])
    assert report["threads"] >= 1 and report["torch_threads"] >= 1
    full, balanced, fast = report["qualities"]
    assert (full["median_ms"], full["gaussians"]) == (report["median_ms"], 5000)
    assert fast["gaussians"] <= balanced["gaussians"] <= 5000
    for row in (balanced, fast):
        assert row["psnr"]["worst"] <= row["psnr"]["mean"]
    assert all(value > 0 for value in report["floor"].values())
    printed = capsys.readouterr().out
    assert "5000 Gaussians, 64 x 64 px" in printed
    assert "balanced" in printed and "Threads: " in printed
    assert list(tmp_path.iterdir()) == [target]


def test_a_missing_photo_is_named_without_a_traceback(tmp_path, capsys):
    missing = tmp_path / "nobody.jpg"
    assert bench.main(["--device", "cpu", "--no-startup", "--photo", str(missing)]) == 1
    assert "nobody.jpg" in capsys.readouterr().err


def test_the_start_is_measured_up_to_the_first_animated_frame(tmp_path, capsys):
    target = tmp_path / "bench.json"
    arguments = ["--device", "cpu", "--gaussians", "5000", "--size", "64", "--frames", "3", "--json", str(target)]
    assert bench.main(arguments) == 0
    report = json.loads(target.read_text())
    assert 0 < report["startup_s"] < report["first_frame_s"]
    printed = capsys.readouterr().out
    assert f"Start-up: {report['startup_s']:.2f} s" in printed
    assert f"First animated frame: after {report['first_frame_s']:.2f} s from the start of the process" in printed


def test_a_process_that_cannot_start_is_told_without_its_traceback(tmp_path):
    photo = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(AvatarError, match="no such weights folder") as told:
        measure_startup(str(tmp_path / "nowhere"), "cpu", photo, 64)
    assert "\n" not in str(told.value)
