"""Choosing a rasteriser, and the cache of compiled kernels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from avatar_core.errors import DeviceError
from avatar_core.rendering import create

REPOSITORY = Path(__file__).resolve().parents[2]


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"} | environment
    return subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=settings, capture_output=True, text=True, check=True
    )


def test_the_cpu_gets_the_numba_rasteriser():
    assert create("cpu").name.startswith("Numba CPU rasteriser")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_cuda_without_a_gpu_says_so_and_names_the_way_out():
    with pytest.raises(DeviceError, match="--device cpu"):
        create("cuda")


def test_a_device_without_rasteriser_is_refused_by_name():
    with pytest.raises(DeviceError, match="'meta'"):
        create("meta")


def test_kernels_are_cached_below_the_users_cache_directory(tmp_path):
    code = "from avatar_core.rendering.jit import CACHE_DIRECTORY; print(CACHE_DIRECTORY)"
    result = run_python(code, XDG_CACHE_HOME=str(tmp_path), LOCALAPPDATA=str(tmp_path), HOME=str(tmp_path))
    chosen = Path(result.stdout.strip())
    assert chosen.is_dir()
    assert tmp_path in chosen.parents


def test_without_a_writable_cache_directory_kernels_still_compile_and_run(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("a file where the cache directory should go")
    code = (
        "from avatar_core.rendering.compose import composite; import numpy as np;"
        "print(composite(np.ones((1, 1, 4), np.float32), (0, 0, 0)).tolist())"
    )
    result = run_python(code, XDG_CACHE_HOME=str(blocked), LOCALAPPDATA=str(blocked), HOME=str(blocked))
    assert result.stdout.strip() == "[[[255, 255, 255]]]"
    assert "kernels are compiled again at each start" in result.stderr


def test_a_cache_directory_set_by_the_user_is_kept(tmp_path):
    code = "import avatar_core.rendering.jit, numba; print(numba.config.CACHE_DIR)"
    assert run_python(code, NUMBA_CACHE_DIR=str(tmp_path)).stdout.strip() == str(tmp_path)
