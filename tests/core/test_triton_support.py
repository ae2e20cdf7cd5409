"""Triton's kernels compile for GPUs that are not here, and what is said where Triton does not work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from avatar_core.triton_support import triton_obstacle
from tests.triton_device import DEVICE, requires_triton

REPOSITORY = Path(__file__).resolve().parents[2]
KERNELS = {"modulate", "animate", "pose_still", "project", "fill", "blend", "count_up"}


def run_python(*arguments: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """A process in which Triton does not interpret; ``changes`` to its environment, None removes."""
    environment = {**os.environ, **{"TRITON_INTERPRET": None}, **changes}
    kept = {name: value for name, value in environment.items() if value is not None}
    return subprocess.run([sys.executable, *arguments], cwd=REPOSITORY, env=kept, capture_output=True, text=True)


@requires_triton
def test_every_kernel_compiles_to_machine_code_without_spilling_registers(tmp_path):
    done = run_python("-m", "tests.triton_compilation", "80", "90", TRITON_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    for architecture in (80, 90):
        assert {report["kernel"] for report in reports if report["architecture"] == architecture} == KERNELS
    for report in reports:
        assert report["registers"] <= 192, report
        assert report["stack"] <= 32, report  # what sine and cosine keep for huge angles
        assert report["shared"] <= 48 * 1024, report
        assert (report["matrix_instructions"] > 0) == (report["kernel"] == "animate"), report


@requires_triton
def test_where_kernels_run_there_is_no_obstacle():
    assert triton_obstacle(DEVICE) is None


@requires_triton
@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_without_a_gpu_the_obstacle_is_one_line_of_words():
    code = "import torch; from avatar_core.triton_support import triton_obstacle as o; print(o(torch.device('cpu')))"
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Triton's kernels do not run: ")
    assert done.stdout.count("\n") == 1


def test_a_missing_triton_is_named():
    code = (
        "import sys, importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'triton' else find(name, *rest)\n"
        "import torch; from avatar_core.triton_support import triton_obstacle as o; print(o(torch.device('cuda')))"
    )
    assert run_python("-c", code).stdout == "Triton is not installed\n"
