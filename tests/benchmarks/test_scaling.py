"""Growth of cost: fits, axes, and the whole measurement on a few points."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avatar_core import bench
from avatar_core.benchmarks.plot import HEIGHT, PANEL_WIDTH, Panel, draw, ticks
from avatar_core.benchmarks.scaling import Fit


def test_a_plane_is_fitted_exactly_and_told_in_nanoseconds() -> None:
    points = [(25_000, 512**2), (1_000_000, 512**2), (200_000, 256**2), (200_000, 2048**2)]
    rows = [{"gaussians": n, "pixels": p, "ms": 0.5 + 40e-6 * n + 2e-6 * p} for n, p in points]
    fit = Fit.of(rows, ("gaussians", "pixels")).as_dict()
    assert fit["fixed_ms"] == pytest.approx(0.5)
    assert fit["nanoseconds_per_gaussian"] == pytest.approx(40)
    assert fit["nanoseconds_per_pixel"] == pytest.approx(2)
    assert fit["r2"] == pytest.approx(1)


def test_r2_tells_noise_and_too_few_points() -> None:
    random = np.random.default_rng(0)
    rows = [{"gaussians": int(n), "ms": float(random.random())} for n in np.linspace(1000, 50_000, 30)]
    assert Fit.of(rows, ("gaussians",)).r2 < 0.5
    assert np.isnan(Fit.of(rows[:2], ("gaussians",)).r2)


@pytest.mark.parametrize(("highest", "last"), [(9.7, 10), (1000, 1000), (0.031, 0.04), (2, 2), (0, 1)])
def test_ticks_are_round_and_reach_the_top(highest: float, last: float) -> None:
    marks = ticks(highest)
    assert marks[0] == 0 and marks[-1] == pytest.approx(last) and len(marks) <= 7
    assert np.allclose(np.diff(marks), marks[1])


def test_lines_are_drawn_in_their_panels() -> None:
    flat, steep = [(0.0, 1.0), (10.0, 1.0)], [(0.0, 0.0), (10.0, 10.0)]
    picture = np.asarray(draw([Panel("a", {"flat": flat, "steep": steep}), Panel("b", {"flat": flat})], "ms", "title"))
    assert picture.shape == (HEIGHT, 2 * PANEL_WIDTH, 3)
    orange = (np.abs(picture.astype(int) - (217, 119, 6)).max(-1) < 40).sum(0)
    assert orange[:PANEL_WIDTH].sum() > 200  # the steep line lies in the first panel alone
    assert orange[PANEL_WIDTH:].sum() == 0


def test_the_measurement_writes_table_figures_and_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "folder"
    arguments = [
        "--scaling",
        "--device",
        "cpu",
        "--frames",
        "2",
        "--out",
        str(out),
        "--json",
        str(tmp_path / "it.json"),
    ]
    assert bench.main([*arguments, "--counts", "1000", "2000", "4000", "--sizes", "64", "128"]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["scaling.json", "scaling.md", "scaling.png"]
    report = json.loads((out / "scaling.json").read_text())
    assert report == json.loads((tmp_path / "it.json").read_text())
    rasteriser, animator = report["times"]["rasteriser"], report["times"]["animator"]
    assert [row["gaussians"] for row in rasteriser["by_gaussians"]] == [1000, 2000, 4000]
    assert [row["gaussians"] for row in animator["by_gaussians"]] == [1000, 2000, 4000]
    assert all(0 < row["through_networks"] < row["gaussians"] for row in animator["by_gaussians"])
    assert [row["pixels"] for row in rasteriser["by_size"]] == [64**2, 128**2]
    threads = [row["threads"] for row in rasteriser["by_threads"]]
    assert threads[0] == 1 and threads[-1] == report["threads"] and threads == sorted(set(threads))
    rows = [row for part in (rasteriser, animator) for key in part if key != "fit" for row in part[key]]
    assert all(row["ms"] > 0 for row in rows)
    assert {"fixed_ms", "nanoseconds_per_gaussian", "nanoseconds_per_pixel", "r2"} == set(rasteriser["fit"])
    printed = capsys.readouterr().out
    assert "| 4 000 |" in printed and "| 128 |" in printed and "R² = " in printed
    assert (out / "scaling.md").read_text() in printed
    with Image.open(out / "scaling.png") as picture:
        assert picture.size == (3 * PANEL_WIDTH, HEIGHT)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert bench.main(["--scaling", "--device", "cpu", "--out", str(tmp_path / "file")]) == 1
    assert "file: cannot be written" in capsys.readouterr().err
