"""Pictures and videos the tests make themselves; the one face is scikit-image's public-domain astronaut."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import imageio
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import REPOSITORY

FPS = 25


def _heed_ctrl_c() -> None:
    """A shell that runs the tests in the background has its children ignore Ctrl-C; a user's shell has not."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The program without a display, at the head of a process group of its own."""
    settings = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.Popen(
        [sys.executable, str(REPOSITORY / "run_demo.py"), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=settings | environment,
        preexec_fn=_heed_ctrl_c if os.name == "posix" else None, start_new_session=True,
    )  # fmt: skip


def read_video(path: Path) -> tuple[list[NDArray[np.uint8]], float]:
    """Frames (BGR) and frames per second."""
    capture = cv2.VideoCapture(str(path))
    fps = capture.get(cv2.CAP_PROP_FPS)
    frames = []
    while True:
        ok, frame = capture.read()
        if not ok:
            return frames, fps
        frames.append(np.asarray(frame, np.uint8))


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Poll ``condition`` until it holds; the limit is only there so that a broken program ends the test."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def write_video(path: Path, frames: list[NDArray[np.uint8]], fps: float = FPS) -> Path:
    """An H.264 video of ``frames``."""
    with imageio.get_writer(path, fps=fps, codec="libx264", macro_block_size=2, ffmpeg_log_level="error") as writer:
        for frame in frames:
            writer.append_data(frame)
    return path


def grey_frames(count: int, side: int = 64) -> list[NDArray[np.uint8]]:
    """Frames that tell their own index: frame k is grey of brightness 10 k."""
    return [np.full((side, side, 3), 10 * index, np.uint8) for index in range(count)]


def index_of(frame: NDArray[np.uint8]) -> int:
    """The index of a frame of `grey_frames` after compression."""
    return round(float(frame.mean()) / 10)


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory, portrait: NDArray[np.uint8]) -> Path:
    """The portrait as a file."""
    path = tmp_path_factory.mktemp("photo") / "portrait.png"
    imageio.imwrite(path, portrait)
    return path


@pytest.fixture(scope="session")
def face_frames(portrait: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Two seconds of a face that sways, nods and stretches, (360, 480, 3) each."""
    frames = []
    for index in range(2 * FPS):
        phase = 2 * np.pi * index / (2 * FPS)
        matrix = cv2.getRotationMatrix2D((225, 130), 6 * np.sin(phase), 1.9 + 0.1 * np.sin(2 * phase))
        matrix[:, 2] += (240 - 225 + 15 * np.sin(phase), 180 - 130)
        frames.append(np.asarray(cv2.warpAffine(portrait, matrix, (480, 360)), np.uint8))
    return frames


@pytest.fixture(scope="session")
def face_video(tmp_path_factory: pytest.TempPathFactory, face_frames: list[NDArray[np.uint8]]) -> Path:
    """`face_frames` as a video."""
    return write_video(tmp_path_factory.mktemp("driver") / "face.mp4", face_frames)


@pytest.fixture(scope="session")
def faceless_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of a moving gradient."""
    ramp = np.tile(np.linspace(0, 255, 480, dtype=np.uint8)[None, :, None], (360, 1, 3))
    frames = [np.roll(ramp, 10 * index, axis=1) for index in range(FPS)]
    return write_video(tmp_path_factory.mktemp("driver") / "faceless.mp4", frames)
