"""The headless command as a user starts it, and what it leaves behind."""

import json
import signal
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.cli import main
from tests.app.conftest import grey_frames, read_video, start, wait_until, write_video


def test_a_video_drives_the_photo_from_the_command_line(tmp_path: Path, photo: Path, face_video: Path) -> None:
    out, report = tmp_path / "out.mp4", tmp_path / "report.json"
    process = start(
        "--headless", "--source", str(photo), "--driver", str(face_video), "--out", str(out),
        "--size", "256", "--background", "#204060", "--yaw", "10", "--quality", "fast", "--report", str(report),
    )  # fmt: skip
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    frames, fps = read_video(out)
    assert len(frames) == 50
    assert fps == 25
    assert frames[0].shape == (256, 256, 3)
    assert np.abs(frames[0][:16, :16].mean(axis=(0, 1)) - (0x60, 0x40, 0x20)).max() < 8  # BGR of the background
    assert frames[0].std() > 20  # a head stands before it
    assert np.abs(frames[12].astype(int) - frames[0]).mean() > 0.5  # and it moves
    figures = json.loads(report.read_text())
    assert figures["frames"] == 50
    assert figures["frames_without_face"] == 0
    assert figures["gaussians"] > 100_000
    assert figures["gaussians_drawn"] < 0.6 * figures["gaussians"]
    assert (figures["size"], figures["quality"]) == (256, "fast")
    for stage in ("read", "track", "animate", "rasterise", "compose", "write"):
        assert 0 <= figures["milliseconds"][stage]["median"] <= figures["milliseconds"][stage]["p95"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "report.json"]


def test_without_a_display_the_demo_is_rendered_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = tmp_path / "short.yaml"
    settings.write_text("size: 64\nrecording: {fps: 5}\n")
    process = start("--config", str(settings))
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "No display was found" in errors
    assert "avatar_demo.mp4" in output
    assert len(read_video(tmp_path / "avatar_demo.mp4")[0]) == 50


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_rendering_leaves_no_file(tmp_path: Path, number: signal.Signals, code: int) -> None:
    process = start("--headless", "--out", str(tmp_path / "out.mp4"), "--seconds", "1000")
    assert wait_until(lambda: any(tmp_path.iterdir()) or process.poll() is not None, 300)
    time.sleep(1.0)  # some frames go by
    assert process.poll() is None, process.communicate()[1]
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_a_video_without_faces_is_told_and_rendered(
    tmp_path: Path, faceless_video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "out.mp4", tmp_path / "report.json"
    arguments = ["--headless", "--driver", str(faceless_video), "--size", "64", "--report", str(report)]
    assert main([*arguments, "--out", str(out)]) == 0
    assert "shows no face" in capsys.readouterr().err
    assert json.loads(report.read_text())["frames_without_face"] == 25
    assert len(read_video(out)[0]) == 25


def test_a_video_that_breaks_off_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = write_video(tmp_path / "whole.avi", grey_frames(24, side=256))
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: int(0.6 * whole.stat().st_size)])
    out = tmp_path / "out.mp4"
    code = main(["--headless", "--driver", str(cut), "--size", "64", "--out", str(out)])
    errors = capsys.readouterr().err
    assert (code == 0 and "may be damaged" in errors) or (code == 2 and "damaged" in errors)


def test_the_turntable_swings_the_view(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    config = tmp_path / "still.yaml"
    config.write_text(
        "controls: {expression_gain: 0, eye_gain: 0, mouth_gain: 0, head_gain: 0}\nrecording: {fps: 10}\n"
    )
    arguments = ["--headless", "--turntable", "--config", str(config), "--size", "128", "--background", "black"]
    assert main([*arguments, "--no-mark", "--seconds", "6", "--out", str(out)]) == 0
    frames, _ = read_video(out)
    front, right, front_again = frames[0].astype(int), frames[15].astype(int), frames[30].astype(int)
    assert np.abs(front - front_again).mean() < 0.2 * np.abs(front - right).mean()


def test_folder_and_length(tmp_path: Path, face_frames: list[NDArray[np.uint8]]) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for index, frame in enumerate(face_frames[:12]):
        cv2.imwrite(str(folder / f"{index}.jpg"), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    out = tmp_path / "out.mp4"
    assert main(["--headless", "--driver", str(folder), "--size", "64", "--frames", "7", "--out", str(out)]) == 0
    assert len(read_video(out)[0]) == 7
