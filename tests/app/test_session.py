"""The live session on the real engine: what a user sees and does in the window, without the window."""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import imageio
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.config import AppConfig, config_from_mapping
from app.session import STAGES, Session
from app.session_types import Controls, ViewState
from avatar_core.engine import AvatarEngine
from tests.app.conftest import write_video
from tests.app.window_double import WindowDouble

SESSION_THREADS = {"capture", "tracking", "encoding", "rendering", "recorder"}
Open = Callable[..., WindowDouble]


def living_session_threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name in SESSION_THREADS or name.startswith("files")]


@pytest.fixture
def open_session(engine: AvatarEngine) -> Iterator[Open]:
    """Starts sessions of 256 px pictures and closes them."""
    windows: list[WindowDouble] = []

    def start(driver: str = "performance", photo: Path | None = None, **settings: object) -> WindowDouble:
        config: AppConfig = config_from_mapping({"driver": driver, "size": 256, **settings}, "test")
        window = WindowDouble(Session(engine, config))
        windows.append(window)
        window.session.start()
        if photo is not None:
            window.session.open_photo(str(photo))
            assert window.until(lambda: window.frame is not None), window.notices
        return window

    yield start
    for window in windows:
        window.session.close()
    assert living_session_threads() == []


def test_a_photo_becomes_a_moving_avatar(open_session: Open, photo: Path) -> None:
    window = open_session("performance", photo)
    first = window.next_frame()
    window.for_seconds(1.0)
    later = window.next_frame()
    assert first.rgb.shape == (256, 256, 3)
    assert first.rgb.dtype == np.uint8
    assert np.abs(first.rgb.astype(int) - later.rgb).max() > 20
    assert later.sequence > first.sequence
    assert later.activations.shape == (53,)
    assert later.captured_at <= later.rendered_at
    status = window.status
    assert (status.avatar_name, status.driver_kind, status.face) == ("portrait", "performance", "not needed")
    assert status.gaussian_count > 100_000
    assert status.source_thumbnail is not None and status.source_thumbnail.ndim == 3
    assert status.encoding is None and status.encode_seconds > 0
    assert not status.camera_on
    assert status.device_report
    assert status.render_fps > 0 and status.memory_mb > 100
    assert 0 < status.frame_age_ms <= status.frame_age_p95_ms
    assert set(status.stage_ms) == set(STAGES)
    assert status.stage_ms["animate"] > 0 and status.stage_ms["rasterise"] > 0 and status.stage_ms["upload"] > 0
    assert len(status.history["render_fps"]) >= 2


def test_a_video_drives_and_shows_its_landmarks(open_session: Open, photo: Path, face_video: Path) -> None:
    window = open_session(str(face_video), photo)
    assert window.until(lambda: window.status.face == "tracking")
    assert window.until(lambda: window.preview is not None and window.preview.landmarks is not None)
    assert window.preview is not None and window.preview.landmarks is not None
    assert window.preview.rgb.shape == (360, 480, 3)
    assert window.preview.landmarks.shape == (478, 2)
    middle = window.preview.landmarks.mean(axis=0)
    assert np.abs(middle - (240, 180)).max() < 80  # on the face, which is in the middle
    assert window.until(lambda: window.status.track_fps > 0)


def test_mirroring_flips_what_is_tracked(open_session: Open, face_video: Path) -> None:
    means = []
    for mirror in (False, True):
        window = open_session(str(face_video), controls={"mirror": mirror})
        assert window.until(lambda window=window: window.preview is not None)  # type: ignore[misc]
        assert window.preview is not None
        picture = window.preview.rgb.astype(float)
        means.append(picture[:, :240].mean() - picture[:, 240:].mean())
        window.session.close()
    assert means[0] * means[1] < 0


def test_a_lost_face_eases_to_the_photo_and_comes_back_by_itself(
    open_session: Open, photo: Path, tmp_path: Path, face_frames: list[NDArray[np.uint8]], engine: AvatarEngine
) -> None:
    empty = [np.full_like(face_frames[0], 90)] * 75
    window = open_session(str(write_video(tmp_path / "leaves.mp4", [*face_frames, *empty])), photo)
    assert window.until(lambda: window.faces_seen[-3:] == ["tracking", "lost", "tracking"]), window.faces_seen
    assert window.until(lambda: window.status.face == "lost")
    window.for_seconds(1.5)  # lost for 0.5 s and eased out in 0.6 s, with 0.9 s of the empty part left
    if window.status.face == "lost":
        loaded = window.session._rendering.loaded
        assert loaded is not None and window.frame is not None
        neutral = engine.render(loaded.avatar, None, size=256, background="photo")
        assert np.abs(window.frame.rgb.astype(int) - neutral).max() <= 1
    assert not any(notice.level == "error" for notice in window.notices)


def test_a_bad_photo_is_told_and_the_avatar_lives_on(open_session: Open, photo: Path, tmp_path: Path) -> None:
    window = open_session("performance", photo)
    (tmp_path / "text.png").write_text("no picture")
    window.session.open_photo(str(tmp_path / "text.png"))
    assert window.until(lambda: window.told("text.png", "error"))
    window.session.open_photo(str(tmp_path / "missing.safetensors"))
    assert window.until(lambda: window.told("missing.safetensors", "error"))
    window.next_frame()
    assert window.status.avatar_name == "portrait"
    assert window.status.encoding is None


def test_a_second_photo_supersedes_the_first(open_session: Open, photo: Path, tmp_path: Path) -> None:
    window = open_session("performance", photo)
    for name in ("first", "second", "third"):
        Image.open(photo).save(tmp_path / f"{name}.png")
        window.session.open_photo(str(tmp_path / f"{name}.png"))
    names = {window.status.avatar_name}

    def third_is_live() -> bool:
        names.add(window.status.avatar_name)
        return window.status.avatar_name == "third"

    assert window.until(third_is_live)
    assert names == {"portrait", "third"}


def test_the_old_avatar_stays_live_while_a_photo_is_encoded(open_session: Open, photo: Path, tmp_path: Path) -> None:
    window = open_session("performance", photo)
    Image.open(photo).save(tmp_path / "next.png")
    window.session.open_photo(str(tmp_path / "next.png"))
    assert window.until(lambda: window.status.encoding is not None)
    before, stages, fractions = window.frames_seen, set(), []
    while (encoding := window.status.encoding) is not None:
        stages.add(encoding[0])
        fractions.append(encoding[1])
        window.turn()
    assert window.frames_seen > before
    assert len(stages) > 1
    assert fractions == sorted(fractions) and 0 <= fractions[0] <= fractions[-1] <= 1
    assert window.until(lambda: window.status.avatar_name == "next")


def test_closing_while_encoding_joins_every_thread(open_session: Open, photo: Path) -> None:
    window = open_session("performance")
    window.session.open_photo(str(photo))
    assert window.until(lambda: window.status.encoding is not None)
    window.session.close()
    assert living_session_threads() == []
    window.session.close()


def test_pause_holds_the_avatar_and_the_view_still_turns(open_session: Open, photo: Path, face_video: Path) -> None:
    window = open_session(str(face_video), photo)
    assert window.until(lambda: window.status.face == "tracking")
    window.session.set_controls(dataclasses.replace(window.session.controls, paused=True))
    window.for_seconds(1.0)
    seen, held = window.frames_seen, window.frame
    window.for_seconds(1.0)
    assert window.frames_seen == seen
    assert window.status.face == "tracking"
    window.session.set_view(ViewState(yaw=25.0))
    turned = window.next_frame()
    assert held is not None and np.abs(turned.rgb.astype(int) - held.rgb).mean() > 1
    window.session.set_controls(dataclasses.replace(window.session.controls, paused=False))
    assert window.until(lambda: window.frames_seen > seen + 5)


def test_gains_of_zero_hold_the_avatar_still(open_session: Open, photo: Path) -> None:
    window = open_session("performance", photo)
    window.session.set_controls(Controls(expression_gain=0, eye_gain=0, mouth_gain=0, head_gain=0, size=256))
    window.for_seconds(1.0)
    still = window.next_frame()
    for _ in range(5):
        assert np.abs(window.next_frame().rgb.astype(int) - still.rgb).max() <= 2
    window.session.set_controls(Controls(size=256))
    window.for_seconds(1.0)
    assert np.abs(window.next_frame().rgb.astype(int) - still.rgb).max() > 20


def test_size_and_background_follow_the_controls(open_session: Open, photo: Path) -> None:
    window = open_session("performance", photo)
    window.session.set_controls(dataclasses.replace(window.session.controls, size=128, background=(255, 0, 0)))
    assert window.until(lambda: window.frame is not None and window.frame.rgb.shape == (128, 128, 3))
    assert window.frame is not None
    assert np.abs(window.frame.rgb[2, 2].astype(int) - (255, 0, 0)).max() <= 2


def test_quality_lightens_what_is_shown(open_session: Open, photo: Path) -> None:
    window = open_session("performance", photo)
    assert window.until(lambda: window.status.gaussian_count > 100_000)
    assert window.session.qualities == ("full", "balanced", "fast")
    window.session.set_controls(dataclasses.replace(window.session.controls, quality="fast"))
    assert window.until(lambda: 0 < window.status.gaussian_count < 100_000)
    window.next_frame()


def test_an_avatar_is_saved_and_opened_again(open_session: Open, photo: Path, tmp_path: Path) -> None:
    window = open_session("performance", photo)
    path = tmp_path / "me.safetensors"
    window.session.save_avatar(str(path))
    assert window.until(lambda: window.told("Avatar saved"))
    window.session.open_photo(str(path))
    assert window.until(lambda: window.status.avatar_name == "me")
    window.next_frame()


def test_the_picture_and_the_gaussians_on_screen_are_saved(open_session: Open, photo: Path, tmp_path: Path) -> None:
    window = open_session("performance", photo)
    window.session.save_png(str(tmp_path / "shot.png"))
    window.session.export_ply(str(tmp_path / "head.ply"))
    assert window.until(lambda: window.told("shot.png") and window.told("head.ply"))
    with Image.open(tmp_path / "shot.png") as picture:
        assert picture.size == (256, 256)
        assert "Synthetic" in picture.info["Comment"]
    count = window.status.gaussian_count
    header = (tmp_path / "head.ply").read_bytes()[:200]
    assert f"element vertex {count}\n".encode() in header


def test_a_recording_is_as_long_as_it_took_and_marked(open_session: Open, photo: Path, tmp_path: Path) -> None:
    window = open_session("performance", photo)
    path = tmp_path / "take.mp4"
    window.session.start_recording(str(path))
    assert window.until(lambda: window.status.recording is not None and window.status.recording.frames > 20)
    assert not path.exists()
    window.session.start_recording(str(tmp_path / "other.mp4"))
    assert window.until(lambda: window.told("running already", "warning"))
    window.session.stop_recording()
    assert window.until(lambda: window.told("Recorded"))
    assert window.status.recording is None
    frames = imageio.mimread(path)
    assert len(frames) > 20
    assert np.asarray(frames[0]).shape == (256, 256, 3)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["take.mp4"]


def test_closing_finishes_a_recording(open_session: Open, photo: Path, tmp_path: Path) -> None:
    window = open_session("performance", photo)
    window.session.start_recording(str(tmp_path / "take.mp4"))
    assert window.until(lambda: window.status.recording is not None and window.status.recording.frames > 5)
    window.session.close()
    assert cv2.VideoCapture(str(tmp_path / "take.mp4")).isOpened()


@pytest.mark.parametrize("act", ["save_avatar", "export_ply", "save_png", "start_recording"])
def test_output_that_cannot_be_written_is_told(open_session: Open, photo: Path, tmp_path: Path, act: str) -> None:
    window = open_session("performance", photo)
    ending = {"save_avatar": "safetensors", "export_ply": "ply", "save_png": "png", "start_recording": "mp4"}[act]
    getattr(window.session, act)(str(tmp_path / "missing" / f"file.{ending}"))
    assert window.until(lambda: window.told("there is no folder", "error"))
    getattr(window.session, act)(str(tmp_path / "file.xyz"))
    assert window.until(lambda: window.told(f"must end in .{ending}", "error"))
    assert list(tmp_path.iterdir()) == []
    window.next_frame()


@pytest.mark.parametrize("act", ["save_avatar", "export_ply", "save_png"])
def test_saving_before_there_is_an_avatar_is_told(open_session: Open, tmp_path: Path, act: str) -> None:
    window = open_session("performance")
    getattr(window.session, act)(str(tmp_path / "file"))
    assert window.until(lambda: window.told("yet. Open a photo first", "warning"))


def test_calibration_is_done_by_key(open_session: Open, photo: Path, face_video: Path) -> None:
    window = open_session(str(face_video), photo)
    assert window.until(lambda: window.status.face == "tracking")
    window.session.calibrate()
    assert window.until(lambda: window.told("Neutral taken", "info"))
    assert window.until(lambda: window.status.calibrated)


def test_a_driver_that_is_not_there_is_told_and_another_can_be_opened(open_session: Open, photo: Path) -> None:
    window = open_session("97", photo)
    assert window.until(lambda: window.told("no camera 97", "error"))
    assert window.status.driver_kind == "none"
    window.session.open_driver("/missing/clip.mp4")
    assert window.until(lambda: window.told("/missing/clip.mp4", "error"))
    window.session.open_driver("performance")
    assert window.until(lambda: window.status.driver_kind == "performance")
    before = window.frames_seen
    assert window.until(lambda: window.frames_seen > before + 5)


def test_closing_the_driver_shows_the_photo_itself(open_session: Open, photo: Path, engine: AvatarEngine) -> None:
    window = open_session("performance", photo)
    window.for_seconds(1.0)
    window.session.close_driver()
    assert window.until(lambda: window.status.driver_kind == "none")
    window.for_seconds(2.5)
    loaded = window.session._rendering.loaded
    assert loaded is not None and window.frame is not None
    neutral = engine.render(loaded.avatar, None, size=256, background="photo")
    assert np.abs(window.frame.rgb.astype(int) - neutral).max() <= 1


def test_a_video_without_faces_leaves_the_photo(open_session: Open, photo: Path, faceless_video: Path) -> None:
    window = open_session(str(faceless_video), photo)
    assert window.until(lambda: window.preview is not None)
    window.for_seconds(1.0)
    assert window.status.face == "none"
    assert window.preview is not None and window.preview.landmarks is None


def test_the_driver_menu_ends_with_the_performance(open_session: Open) -> None:
    window = open_session("auto")
    assert window.session.list_drivers()[-1].key == "performance"
    assert window.until(lambda: window.status.driver_kind in ("performance", "webcam"))


def test_a_slow_window_sees_the_newest_frame_and_not_a_queue(open_session: Open, photo: Path) -> None:
    window = open_session("performance", photo)
    time.sleep(1.5)
    first, second = window.session.take_frame(), window.session.take_frame()
    assert first is not None
    assert second is None or second.sequence > first.sequence
    later = window.next_frame()
    assert later.rendered_at - first.rendered_at < 1.0 or later.sequence > first.sequence


def test_encoding_again_and_again_while_rendering_keeps_the_process_alive(
    open_session: Open, photo: Path, tmp_path: Path
) -> None:
    """Numba's parallel kernels abort the process when two threads run them at once."""
    window = open_session("performance", photo)
    for index in range(3):
        Image.open(photo).save(tmp_path / f"photo{index}.png")
        window.session.open_photo(str(tmp_path / f"photo{index}.png"))
        assert window.until(lambda index=index: window.status.avatar_name == f"photo{index}")  # type: ignore[misc]
    window.next_frame()
