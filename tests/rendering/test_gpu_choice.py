"""Which rasteriser draws on a GPU, and the reason that its name gives.

On a machine without a GPU the choice is made for the CPU: gsplat cannot work there, and Triton's kernels run in its
interpreter.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from avatar_core.camera import Camera
from avatar_core.errors import DeviceError
from avatar_core.rendering.cuda import GsplatRasterizer
from avatar_core.rendering.rasterizer import _proven, gpu_rasterizer
from avatar_core.triton_support import triton_obstacle
from tests.rendering.scenes import single
from tests.triton_device import DEVICE, requires_triton

without_gsplat = pytest.mark.skipif(find_spec("gsplat") is not None, reason="gsplat is installed")


@pytest.fixture
def broken_gsplat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gsplat that imports but, as without a CUDA toolkit, has no kernels."""
    (tmp_path / "gsplat.py").write_text(
        "def rasterization(**arguments):\n    raise RuntimeError('no CUDA toolkit found\\nand more lines')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "gsplat", raising=False)


@without_gsplat
def test_a_missing_gsplat_is_named():
    with pytest.raises(DeviceError, match=r"^gsplat is not installed$"):
        GsplatRasterizer(DEVICE)


def test_a_gsplat_that_cannot_compile_is_found_out_at_once(broken_gsplat):
    assert GsplatRasterizer(DEVICE).name == "gsplat"
    with pytest.raises(DeviceError, match=r"^gsplat does not draw: no CUDA toolkit found$"):
        _proven(GsplatRasterizer(DEVICE), DEVICE)


@requires_triton
def test_triton_draws_where_gsplat_cannot_and_its_name_says_why(broken_gsplat):
    rasterizer = gpu_rasterizer(DEVICE)
    assert rasterizer.name.startswith("Triton 3.")
    assert rasterizer.name.endswith("(gsplat does not draw: no CUDA toolkit found)")
    assert rasterizer.render(single(), Camera.orbit(), 16, 16)[..., 3].max() > 0.1


def test_where_neither_works_both_reasons_are_given(broken_gsplat, monkeypatch):
    triton_obstacle.cache_clear()
    monkeypatch.setitem(sys.modules, "avatar_core.triton_probe", None)  # importing it fails, as a broken Triton would
    with pytest.raises(DeviceError, match=r"no CUDA toolkit found; Triton.*--device cpu"):
        gpu_rasterizer(DEVICE)
    triton_obstacle.cache_clear()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_engine_says_what_draws_and_animates_on_the_gpu():
    from avatar_core.engine import AvatarEngine

    engine = AvatarEngine.from_pretrained(device="cuda")
    assert engine.device_report.startswith("CUDA, ")
    assert f"; drawn by {engine.rasterizer.name}; animated by " in engine.device_report
