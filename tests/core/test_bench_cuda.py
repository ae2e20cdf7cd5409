"""The CUDA measurement: its arithmetic and its table anywhere, the measurement itself where there is a GPU."""

from __future__ import annotations

import pytest
import torch

from avatar_core import bench
from avatar_core.avatar import Avatar
from avatar_core.benchmarks.cuda import COUNTS, SIZES, STAGES, cuda_figures, describe_cuda, floor_ms
from avatar_core.engine import AvatarEngine

LIMITS = {"copy_gb_per_s": 1000.0, "half_tflop_per_s": 100.0, "to_host_gb_per_s": 20.0}


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_without_a_gpu_one_sentence_says_so_with_an_exit_status_of_its_own(capsys):
    assert bench.main(["--device", "cuda"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("CUDA cannot be used (")
    assert said.err.count("\n") == 1


def test_the_floor_is_the_longer_of_moving_and_multiplying():
    assert floor_ms(10**9, 0, LIMITS) == pytest.approx(1.0)
    assert floor_ms(0, 10**11, LIMITS) == pytest.approx(1.0)
    assert floor_ms(10**9, 2 * 10**11, LIMITS) == pytest.approx(2.0)


def test_the_table_has_each_stage_its_floor_and_the_conditions():
    stages = {stage: 0.1 * (index + 1) for index, stage in enumerate(STAGES)}
    whole = {"gaussians": 196_608, "size": 512, "frames_per_second": 321.0, "gpu_memory_mb": 456}
    detail = {"stage_ms": stages, "floor_ms": dict.fromkeys(STAGES, 0.05), "moving": 150_000, "tile_pairs": 900_000}
    report = {"gpu": "GPU", **LIMITS, "obstacle": None, "rows": [{**whole, **detail}]}
    lines = describe_cuda(report)
    row = next(index for index, line in enumerate(lines) if line.startswith("196608 Gaussians, 512 px"))
    values = [float(value) for value in lines[row].split()[4:]]
    assert values == pytest.approx([*stages.values(), sum(stages.values()), 321.0, 456], abs=1e-3)
    assert lines[row + 1].startswith("  150000 moving, 900000 tile pairs")
    assert float(lines[row + 1].split()[-1]) == pytest.approx(0.05 * len(STAGES), abs=1e-3)
    assert "1000 GB/s" in lines[0]
    assert "100 TFLOP/s" in lines[0]


def test_the_table_says_why_it_lacks_the_stages():
    row = {"gaussians": 196_608, "size": 512, "frames_per_second": 321.0, "gpu_memory_mb": 456}
    lines = describe_cuda({"gpu": "GPU", **LIMITS, "obstacle": "Triton is not installed", "rows": [row]})
    assert any("Triton is not installed" in line for line in lines)
    assert any(line.startswith("196608 Gaussians, 512 px") and "321.0" in line for line in lines)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_every_stage_is_measured_and_none_is_faster_than_its_floor(avatar: Avatar):
    engine = AvatarEngine.from_pretrained(device="cuda")
    report = cuda_figures(engine, avatar, frames=5)
    assert [(row["gaussians"], row["size"]) for row in report["rows"]] == [(n, size) for n in COUNTS for size in SIZES]
    for row in report["rows"]:
        for stage in STAGES:
            assert row["stage_ms"][stage] > 0.5 * row["floor_ms"][stage] > 0  # caches may hold what a floor counts
