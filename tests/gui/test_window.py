"""The real window under Xvfb, started and used as a user would: video drives, mouse orbits, files drop, clean exit."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import imageio.v2 as imageio
import numpy as np
import pytest
from numpy.typing import NDArray

from app.gui import layout
from app.gui.bars import TITLE
from app.gui.theme import BACKGROUND
from tests.gui import x11
from tests.gui.conftest import SCREEN
from tests.gui.program import START_SECONDS, RunningApp, start

pytestmark = pytest.mark.gui

_ENCODE_SECONDS = 60.0
_STILL = 2.0  # mean difference of two looks at the viewport, in grey levels, below which nothing moved
_MOVED = 4.0


def swaying_video(path: Path, portrait: NDArray[np.uint8]) -> Path:
    """Two seconds of a swaying head, looped by the program; a real face, so it is really tracked."""
    height, width = portrait.shape[:2]
    with imageio.get_writer(path, fps=25, macro_block_size=1) as writer:
        for index in range(50):
            phase = 2 * np.pi * index / 50
            turn = cv2.getRotationMatrix2D((width * 0.44, height * 0.3), 9 * np.sin(phase), 1.0 + 0.05 * np.cos(phase))
            turn[0, 2] += 18 * np.sin(phase)
            writer.append_data(cv2.warpAffine(portrait, turn, (width, height), borderMode=cv2.BORDER_REPLICATE))
    return path


@pytest.fixture(scope="module")
def app(display: str, portrait: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """One running program for all tests of this file, with an avatar on screen."""
    folder = tmp_path_factory.mktemp("window")
    source, driver = folder / "first portrait.png", swaying_video(folder / "driver.mp4", portrait)
    imageio.imwrite(source, portrait)
    running = start(folder, display, "--source", str(source), "--driver", str(driver))
    try:
        appeared = x11.eventually(lambda: running.process.poll() is not None or running.shows_avatar(), START_SECONDS)
        assert appeared and running.process.poll() is None, running.log.read_text()
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait()
        running.user.close()


def test_video_drives_the_avatar(app: RunningApp) -> None:
    assert app.is_moving()


def test_panels_and_viewport_lie_where_the_layout_says(app: RunningApp) -> None:
    plan = layout.plan(*SCREEN)
    left = 2 * layout.MARGIN + layout.SOURCE_WIDTH
    right = left + round(plan.centre_width)
    row = app.user.screenshot()[round(layout.HEADER + plan.body_height * 0.97)].astype(int)
    is_gap = np.abs(row - np.array(BACKGROUND)).max(axis=-1) < 3
    for first, last in ((0, layout.MARGIN), (left - layout.MARGIN, left), (right, right + layout.MARGIN)):
        assert is_gap[first + 2 : last - 2].all(), f"something lies between x = {first} and {last}"
    assert not is_gap[left:right].any()


def test_dragging_orbits_and_r_returns(app: RunningApp) -> None:
    app.user.move(*app.centre)
    app.user.key("space")
    front = app.settled_face()
    app.user.drag(*app.centre, 120, 0)
    assert x11.eventually(lambda: app.differs(front) > _MOVED, 15.0), "dragging does not turn the view"
    app.user.key("r")
    assert x11.eventually(lambda: app.differs(front) < _STILL, 15.0), "R does not bring the front view back"
    app.user.drag(layout.MARGIN + 60, SCREEN[1] - 60, 300, -100)
    time.sleep(1.5)
    assert app.differs(front) < _STILL, "a drag that began in a panel moved the view"
    app.user.key("space")
    assert app.is_moving()


def test_calibrate_key_is_answered(app: RunningApp) -> None:
    assert x11.eventually(lambda: not app.toasts(), 20.0)
    app.user.move(*app.centre)
    app.user.key("n")
    assert x11.eventually(lambda: app.toasts() == {"info"}, 5.0)


def test_recording_and_picture_are_written(app: RunningApp) -> None:
    app.user.move(*app.centre)
    app.user.key("F9")
    time.sleep(3.0)  # what is recorded
    app.user.click(SCREEN[0] - layout.MARGIN - 50, 24)  # the button, which says "Stop" now
    app.user.key("s")
    assert x11.eventually(lambda: len(list(app.output.glob("*.mp4"))) == 1, 20.0), app.log.read_text()
    assert x11.eventually(lambda: len(list(app.output.glob("*.png"))) == 1, 10.0)
    frames = imageio.mimread(next(app.output.glob("*.mp4")), memtest=False)
    assert len(frames) > 20 and frames[0].shape == (512, 512, 3)
    assert frames[0].std() > 12
    picture = imageio.imread(next(app.output.glob("*.png")))
    assert picture.shape[:2] == (512, 512) and picture.std() > 12


def test_dropped_portrait_becomes_the_avatar(app: RunningApp, portrait: NDArray[np.uint8], tmp_path: Path) -> None:
    dropped = tmp_path / "zweites Porträt.png"
    imageio.imwrite(dropped, np.ascontiguousarray(portrait[:360, 40:400][:, ::-1, ::-1]))  # mirrored, in other colours
    before = app.thumbnail()
    app.user.drop(TITLE, *app.centre, [dropped])
    assert x11.eventually(lambda: np.abs(app.thumbnail() - before).mean() > 15, _ENCODE_SECONDS), app.log.read_text()
    assert x11.eventually(app.shows_avatar, 10.0)
    assert app.is_moving()


def test_bad_file_dropped_is_told_and_the_avatar_lives_on(app: RunningApp, tmp_path: Path) -> None:
    bad = tmp_path / "notes.png"
    bad.write_text("these are words, not a picture")
    assert not app.toasts() & {"error"}
    before = app.thumbnail()
    app.user.drop(TITLE, *app.centre, [bad])
    assert x11.eventually(lambda: "error" in app.toasts(), 15.0), app.log.read_text()
    assert np.abs(app.thumbnail() - before).mean() < _STILL
    assert app.is_moving()


def test_a_name_that_cannot_be_looked_at_is_told_and_the_avatar_lives_on(app: RunningApp) -> None:
    assert x11.eventually(lambda: "error" not in app.toasts(), 20.0)
    app.user.drop(TITLE, *app.centre, [Path("/") / ("x" * 300 + ".png")])
    assert x11.eventually(lambda: "error" in app.toasts(), 15.0), app.log.read_text()
    assert app.is_moving()


def test_sigterm_ends_the_program_cleanly(app: RunningApp) -> None:
    app.process.send_signal(signal.SIGTERM)
    assert app.finish() == 0
    assert "Traceback" not in app.log.read_text()
