"""The command that times the differentiable rasteriser."""

from __future__ import annotations

import re

import pytest
import torch

from avatar_core.camera import Camera
from avatar_core.training.splatting import bench, render


def test_it_prints_both_times_of_every_case(monkeypatch, capsys):
    monkeypatch.setattr(bench, "CASES", ((32, 200), (48, 300)))
    threads = torch.get_num_threads()
    try:
        assert bench.main(["--threads", "1"]) == 0
    finally:
        torch.set_num_threads(threads)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(re.search(r"forward \d+\.\d ms, backward \d+\.\d ms", line) for line in lines[1:])


def test_its_scene_is_a_closed_head():
    picture = render(bench.head_like(4000), Camera.orbit(), 64, 64)
    covered = picture[..., 3] > 0.5
    assert 0.1 < float(covered.float().mean()) < 0.8
    assert float(picture[28:36, 28:36, 3].min()) > 0.9


def test_more_threads_than_there_are_is_refused(capsys):
    with pytest.raises(SystemExit):
        bench.main(["--threads", "100000"])
    assert "--threads must lie in" in capsys.readouterr().err
