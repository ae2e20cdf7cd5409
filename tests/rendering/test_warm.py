"""Compiling before the first picture, in several processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from avatar_core.rendering import warm

NOTHING = "import sys\nfor line in sys.stdin: print(line.strip(), flush=True)"
FAILS = "raise SystemExit(1)"
HANGS = "import sys, time\nprint(sys.stdin.readline().strip(), flush=True)\ntime.sleep(60)"
REAL = """
from avatar_core.rendering import warm
every = warm.stages()
warm.stages = lambda: {name: every[name] for name in ("rasteriser", "preparation")}
warm._cores = lambda: 2
warm.warm_up()
from avatar_core.rendering.blend import blend
print(sum(blend.stats.cache_hits.values()), sum(blend.stats.cache_misses.values()))
"""


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The stages that this process compiled, on a machine of two cores that has compiled nothing yet."""
    here: list[str] = []

    def stage(name: str) -> Callable[[], None]:
        return lambda: here.append(name)

    monkeypatch.setattr(warm, "stages", lambda: {name: stage(name) for name in ("one", "two", "three")})
    monkeypatch.setattr(warm, "_marker", lambda: tmp_path / "complete")
    monkeypatch.setattr(warm, "_cores", lambda: 2)
    return here


def test_what_other_processes_compiled_is_told_and_then_loaded(
    compiled: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(warm, "HELPER", NOTHING)
    said: list[tuple[str, float]] = []
    warm.warm_up(lambda text, share: said.append((text, share)))
    assert said[0] == ("Compiling (first start only)", 0.0)
    assert said[-1] == ("Compiling (first start only): 3 of 3 parts", 1.0)
    assert [share for _, share in said] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert compiled == ["one", "two", "three"]
    monkeypatch.setattr(warm, "_helper", lambda: pytest.fail("later starts load what is there"))
    warm.warm_up()


def test_processes_that_fail_leave_their_stages_to_this_one(
    compiled: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(warm, "HELPER", FAILS)
    shares: list[float] = []
    warm.warm_up(lambda text, share: shares.append(share))
    assert compiled == ["one", "two", "three"] and shares[-1] == 1
    assert "could not be compiled in a process of its own" in caplog.text


def test_without_a_way_to_start_processes_this_one_compiles(
    compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", None)
    warm.warm_up()
    assert compiled == ["one", "two", "three"]


def test_who_gives_up_does_not_wait_for_the_other_processes(
    compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    helpers: list[subprocess.Popen[str]] = []
    start = warm._helper

    def started() -> subprocess.Popen[str]:
        helpers.append(start())
        return helpers[-1]

    def superseded(text: str, share: float) -> None:
        if share > 0:
            raise RuntimeError("another photo")

    monkeypatch.setattr(warm, "HELPER", HANGS)
    monkeypatch.setattr(warm, "_helper", started)
    with pytest.raises(RuntimeError, match="another photo"):
        warm.warm_up(superseded)
    assert not compiled
    assert len(helpers) == 2 and all(helper.poll() is not None for helper in helpers)


def test_kernels_compiled_beside_are_loaded_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    done = subprocess.run([sys.executable, "-c", REAL], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["1", "0"], done.stderr
