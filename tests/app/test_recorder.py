import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import imageio
import numpy as np
import pytest
from numpy.typing import NDArray

from app.config import RecordingConfig
from app.notices import NoticeBoard
from app.recorder import LiveRecorder, Mp4Writer
from tests.app.conftest import grey_frames, index_of, wait_until

SETTINGS = RecordingConfig(fps=30.0)


def read_video(path: Path) -> list[NDArray[np.uint8]]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        ok, frame = capture.read()
        if not ok:
            return frames
        frames.append(np.asarray(frame, np.uint8))


def test_a_finished_video_holds_every_frame_in_order(tmp_path: Path) -> None:
    writer = Mp4Writer(tmp_path / "out.mp4", 25.0, SETTINGS)
    for frame in grey_frames(12):
        writer.write(frame, mark=False)
    writer.finish()
    assert [index_of(frame) for frame in read_video(tmp_path / "out.mp4")] == list(range(12))


def test_an_unfinished_video_never_bears_the_final_name(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    writer = Mp4Writer(target, 25.0, SETTINGS)
    for frame in grey_frames(12):
        writer.write(frame, mark=False)
        assert not target.exists()
    writer.abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_video_without_frames_leaves_nothing(tmp_path: Path) -> None:
    writer = Mp4Writer(tmp_path / "out.mp4", 25.0, SETTINGS)
    writer.finish()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on file size to fill a disk with")
@pytest.mark.parametrize("frames", [4, 200])
def test_a_disk_that_fills_up_is_told_and_leaves_nothing(tmp_path: Path, frames: int) -> None:
    """A limit on file size stands for the full disk: the encoder's writes fail in the same way. With few frames it
    fails only when it completes the file."""
    code = (
        "import resource, numpy as np\n"
        "from app.config import RecordingConfig\n"
        "from app.errors import OutputError\n"
        "from app.recorder import Mp4Writer\n"
        f"writer = Mp4Writer({str(tmp_path / 'out.mp4')!r}, 25.0, RecordingConfig())\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "noise = np.random.default_rng(0)\n"
        "try:\n"
        f"    for _ in range({frames}):\n"
        "        writer.write(noise.integers(0, 256, (256, 256, 3), dtype=np.uint8), mark=False)\n"
        "    writer.finish()\n"
        "except OutputError as error:\n"
        "    print(error)\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "the disk full?" in finished.stdout, finished.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("side", [64, 65, 511])
def test_odd_sizes_and_a_change_of_size_are_scaled(tmp_path: Path, side: int) -> None:
    writer = Mp4Writer(tmp_path / "out.mp4", 25.0, SETTINGS)
    writer.write(np.zeros((side, side, 3), np.uint8), mark=False)
    writer.write(np.zeros((2 * side, 2 * side, 3), np.uint8), mark=False)
    writer.finish()
    assert [frame.shape[0] for frame in read_video(tmp_path / "out.mp4")] == [side - side % 2] * 2


def test_the_mark_is_burnt_in_unless_switched_off(tmp_path: Path) -> None:
    brightest = []
    for mark in (True, False):
        writer = Mp4Writer(tmp_path / f"{mark}.mp4", 25.0, SETTINGS)
        writer.write(np.zeros((256, 256, 3), np.uint8), mark=mark)
        writer.finish()
        brightest.append(int(read_video(tmp_path / f"{mark}.mp4")[0].max()))
    assert brightest[0] > 150
    assert brightest[1] < 30


def test_the_file_says_that_it_is_synthetic(tmp_path: Path) -> None:
    writer = Mp4Writer(tmp_path / "out.mp4", 25.0, SETTINGS)
    writer.write(np.zeros((64, 64, 3), np.uint8), mark=False)
    writer.finish()
    assert b"Synthetic: a computed 3D avatar" in (tmp_path / "out.mp4").read_bytes()


def test_a_live_recording_lasts_as_long_as_it_was_shown(tmp_path: Path) -> None:
    """Twelve pictures 0.1 s apart by their time stamps become 3 frames of 1/30 s each, whenever they are written."""
    notices = NoticeBoard()
    recorder = LiveRecorder(str(tmp_path / "out.mp4"), SETTINGS, notices, mark=lambda: False)
    start = time.monotonic() - 60.0
    for index, frame in enumerate(grey_frames(12)):
        before = recorder.status().dropped
        while True:
            recorder.submit(frame, start + 0.1 * index)
            if recorder.status().dropped == before:
                break
            before = recorder.status().dropped
            time.sleep(0.02)
        if index == 11:
            recorder.stop()
    assert recorder.join(60)
    indices = [index_of(frame) for frame in read_video(tmp_path / "out.mp4")]
    shown = [indices.count(index) for index in range(11)]
    assert all(count in (2, 3, 4) for count in shown)
    assert sum(shown) == 33
    assert any("Recorded" in notice.text for notice in notices.take())


def test_the_mark_follows_its_switch_while_a_recording_runs(tmp_path: Path) -> None:
    marked = True
    recorder = LiveRecorder(str(tmp_path / "out.mp4"), SETTINGS, NoticeBoard(), mark=lambda: marked)
    recorder.submit(np.zeros((256, 256, 3), np.uint8), time.monotonic())
    assert wait_until(lambda: recorder.status().frames > 5)
    marked = False
    switched = recorder.status().frames
    assert wait_until(lambda: recorder.status().frames > switched + 5)
    recorder.stop()
    assert recorder.join(60)
    brightest = [int(frame.max()) for frame in read_video(tmp_path / "out.mp4")]
    assert min(brightest[:5]) > 150
    assert max(brightest[-3:]) < 30


def test_a_lagging_encoder_drops_and_counts_instead_of_delaying(tmp_path: Path) -> None:
    notices = NoticeBoard()
    recorder = LiveRecorder(str(tmp_path / "out.mp4"), SETTINGS, notices, mark=lambda: False)
    frame = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    for _ in range(200):
        recorder.submit(frame, time.monotonic())
    assert recorder.status().dropped > 100
    recorder.stop()
    assert recorder.join(60)
    assert (tmp_path / "out.mp4").exists()


def test_a_recording_that_cannot_start_is_told_once(tmp_path: Path) -> None:
    notices = NoticeBoard()
    recorder = LiveRecorder(str(tmp_path / "missing" / "out.mp4"), SETTINGS, notices, mark=lambda: False)
    assert recorder.join(60)
    recorder.submit(np.zeros((64, 64, 3), np.uint8), time.monotonic())
    assert [notice.level for notice in notices.take()] == ["error"]
    assert not recorder.active


def test_no_thread_is_left_after_a_recording(tmp_path: Path) -> None:
    recorder = LiveRecorder(str(tmp_path / "out.mp4"), SETTINGS, NoticeBoard(), mark=lambda: True)
    recorder.submit(np.zeros((64, 64, 3), np.uint8), time.monotonic())
    assert wait_until(lambda: recorder.status().frames > 3)
    recorder.stop()
    assert recorder.join(60)
    assert "recorder" not in [thread.name for thread in threading.enumerate()]
    assert len(imageio.mimread(tmp_path / "out.mp4")) == recorder.status().frames
