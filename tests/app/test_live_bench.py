"""The live session's own measurement."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app import live_bench


def test_a_short_session_is_measured_from_capture_to_picture(capsys: pytest.CaptureFixture[str]) -> None:
    assert live_bench.main(["--seconds", "2", "--size", "128", "--quality", "fast"]) == 0
    text = capsys.readouterr().out
    rate, tracked = (float(value) for value in re.findall(r"([\d.]+) per second", text))
    assert rate > 1 and 1 < tracked < 31
    half, most, all_ = (float(value) for value in re.findall(r"(\d+) / (\d+) / (\d+) ms", text)[0])
    assert 0 < half <= most <= all_
    stages = dict(re.findall(r"(\w+) ([\d.]+)", text.split("median ms:")[1].splitlines()[0]))
    assert set(stages) == {"capture", "track", "animate", "rasterise", "compose", "upload"}
    assert all(float(value) > 0 for value in stages.values())


def test_a_source_that_is_missing_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "nobody.png"
    assert live_bench.main(["--seconds", "1", "--size", "64", "--source", str(missing)]) == 2
    assert "nobody.png" in capsys.readouterr().err
