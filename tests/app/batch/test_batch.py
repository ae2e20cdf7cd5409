"""The batch command as a user starts it."""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from app.batch.command import REPORT_NAME
from app.batch.plan import Pair
from app.batch.processes import ProcessPool
from app.cli import main
from app.config import AppConfig
from app.errors import WorkerError
from app.headless_render import Take
from tests.app.conftest import read_video, start, wait_until

SIZE = ("--size", "64")


def read_report(folder: Path) -> dict:
    return json.loads((folder / REPORT_NAME).read_text())


def test_photos_times_clips_with_a_broken_photo_and_resumed(photos: Path, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("--batch", "--sources", str(photos), "--drivers", str(clips), "--out", str(out), *SIZE)
    process = start(*arguments, "--workers", "2", "--quality", "fast")
    output, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert "failed: 'broken__talk.mp4'" in output and "not a picture" in output
    assert sorted(path.name for path in out.iterdir()) == [REPORT_NAME, "eileen__talk.mp4"]
    frames, fps = read_video(out / "eileen__talk.mp4")
    assert (len(frames), fps, frames[0].shape) == (8, 25, (64, 64, 3))
    assert frames[0].std() > 20
    report = read_report(out)
    assert report["videos"] == {"done": 1, "skipped": 0, "failed": 1, "not begun": 0}
    assert report["workers"].startswith("2 processes of ")
    broken, whole = report["pairs"]
    assert (broken["status"], whole["status"]) == ("failed", "done")
    assert "broken.jpg" in broken["reason"]
    assert (whole["frames"], whole["frames_without_face"], whole["warnings"]) == (8, 0, [])
    assert report["frames"] == 8 and report["frames_per_second"] > 0

    written = (out / "eileen__talk.mp4").stat()
    assert main([*arguments, "--workers", "1"]) == 0
    assert (out / "eileen__talk.mp4").stat().st_mtime_ns == written.st_mtime_ns
    assert read_report(out)["videos"] == {"done": 0, "skipped": 1, "failed": 1, "not begun": 0}


def test_the_performance_drives_and_a_finished_batch_needs_no_worker(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--batch", "--sources", str(photo), "--out", str(tmp_path), *SIZE, "--frames", "3", "--turntable"]
    assert main(arguments) == 0
    frames, _ = read_video(tmp_path / "portrait__performance.mp4")
    assert len(frames) == 3
    began = multiprocessing.active_children()
    capsys.readouterr()
    assert main(arguments) == 0
    assert multiprocessing.active_children() == began == []
    assert "0 videos written, 1 were there already, 0 failed" in capsys.readouterr().out
    assert read_report(tmp_path)["videos"]["skipped"] == 1


def test_when_nothing_succeeds_the_code_is_1(photos: Path, tmp_path: Path) -> None:
    broken = photos / "broken.jpg"
    assert main(["--batch", "--sources", str(broken), "--out", str(tmp_path), *SIZE, "--frames", "2"]) == 1
    assert read_report(tmp_path)["videos"]["failed"] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups of this kind")
def test_ctrl_c_leaves_finished_videos_and_a_report(photo: Path, tmp_path: Path) -> None:
    finished = tmp_path / "eileen__performance.mp4"
    finished.write_bytes(b"from an earlier run")
    left = tmp_path / ".broken__performance.1.partial.mp4"
    left.write_bytes(b"from a run that was killed")
    more = tmp_path / "more photos"
    more.mkdir()
    for name in ("eileen.png", "broken.png"):
        (more / name).write_bytes(photo.read_bytes())
    process = start("--batch", "--sources", str(more), "--out", str(tmp_path), *SIZE, "--seconds", "1000")

    def rendering() -> bool:
        return not left.exists() and bool(list(tmp_path.glob(".broken*.partial.mp4")))

    assert wait_until(lambda: rendering() or process.poll() is not None, 300)
    time.sleep(2.0)  # some frames go by
    assert process.poll() is None, process.communicate()[1]
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors and "Stopped." in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == [REPORT_NAME, finished.name, "more photos"]
    assert read_report(tmp_path)["videos"] == {"done": 0, "skipped": 1, "failed": 0, "not begun": 1}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_worker_that_dies_fails_its_pair_and_is_replaced(photo: Path, tmp_path: Path) -> None:
    config = AppConfig(size=64)
    long, short = (Pair(photo, "performance", tmp_path / f"{name}.mp4") for name in ("long", "short"))
    pool = ProcessPool(config, Take(seconds=1000), 1, None)
    try:
        pool.submit(0, long)
        assert wait_until(lambda: bool(list(tmp_path.glob(".long.*"))), 300)
        (child,) = multiprocessing.active_children()
        os.kill(child.pid or 0, signal.SIGKILL)
        worker, outcome = pool.next_outcome()
        assert (worker, outcome.pair) == (0, long)
        assert "ended unexpectedly" in outcome.reason and not outcome.at_source
        assert list(tmp_path.iterdir()) == []
        pool.submit(0, short)
        assert wait_until(lambda: bool(list(tmp_path.glob(".short.*"))), 300)
    finally:
        pool.close()
    assert multiprocessing.active_children() == []
    assert list(tmp_path.iterdir()) == []


def test_settings_that_no_worker_can_use_are_told_before_anything_begins(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="no such weights folder"):
        ProcessPool(AppConfig(weights=str(tmp_path / "nowhere")), Take(), 1, None)


@pytest.mark.parametrize(
    ("arguments", "trouble"),
    [
        (["--batch"], "--batch needs --sources and --out"),
        (["--batch", "--sources", "missing", "--out", "."], "'missing'"),
        (["--batch", "--sources", ".", "--out", "."], "holds no portrait"),
        (["--batch", "--sources", "me.jpg", "--out", "missing/out"], "missing"),
        (["--batch", "--sources", "me.jpg", "--out", ".", "--drivers", "missing"], "'missing'"),
        (["--batch", "--sources", "me.jpg", "--out", ".", "--workers", "0"], "--workers"),
        (["--batch", "--sources", "me.jpg", "--out", ".", "--report", "x.json"], "--report cannot be used"),
        (["--batch", "--sources", "me.jpg", "--out", ".", "--headless"], "--headless cannot be used"),
        (["--batch", "--sources", "me.jpg", "--out", ".", "--driver", "0"], "--driver cannot be used"),
        (["--batch", "--sources", "me.jpg", "--out", ".", "--background", "plaid"], "'plaid'"),
        (["--sources", "."], "--sources can be used together with --batch only"),
        (["--headless", "--ray"], "--ray can be used together with --batch only"),
    ],
)
def test_wrong_arguments_end_with_one_line_and_code_2(
    arguments: list[str], trouble: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    if "me.jpg" in arguments:
        (tmp_path / "me.jpg").touch()
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ") and trouble in line


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_a_local_ray_cluster_of_two_workers_does_the_same(photos: Path, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("--batch", "--ray", "--sources", str(photos), "--drivers", str(clips), "--out", str(out), *SIZE)
    process = start(*arguments, "--workers", "2")
    output, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors
    assert "Ray, 2 workers" in output and "Traceback" not in errors
    assert sorted(path.name for path in out.iterdir()) == [REPORT_NAME, "eileen__talk.mp4"]
    frames, _ = read_video(out / "eileen__talk.mp4")
    assert len(frames) == 8 and np.std(frames[0]) > 20
    report = read_report(out)
    assert report["videos"] == {"done": 1, "skipped": 0, "failed": 1, "not begun": 0}
    assert "broken.jpg" in report["pairs"][0]["reason"]


def test_without_ray_its_absence_is_told(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "ray" else find(name, *rest))
    assert main(["--batch", "--ray", "--sources", str(photo), "--out", str(tmp_path)]) == 2
    assert "Ray is not installed" in capsys.readouterr().err
