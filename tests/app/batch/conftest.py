"""A folder of photos and a folder of clips."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.app.conftest import write_video


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory, photo: Path) -> Path:
    """The portrait, a file that is no picture, and one that is none of our business."""
    folder = tmp_path_factory.mktemp("photos")
    shutil.copy(photo, folder / "eileen.png")
    (folder / "broken.jpg").write_text("this is a text file\n" * 100)
    (folder / "notes.txt").write_text("left out")
    return folder


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory, face_frames: list[NDArray[np.uint8]]) -> Path:
    """One clip of eight frames."""
    folder = tmp_path_factory.mktemp("clips")
    write_video(folder / "talk.mp4", face_frames[:8])
    return folder
