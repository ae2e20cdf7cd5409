from pathlib import Path

import imageio
import numpy as np
import pytest

from app.capture.clips import clip_frames, open_clip
from app.capture.driver import MAX_SIDE
from app.errors import DriverError
from tests.app.conftest import grey_frames, index_of, write_video


def test_a_video_gives_every_frame_in_order_and_its_rate(tmp_path: Path) -> None:
    clip = open_clip(write_video(tmp_path / "clip.mp4", grey_frames(20), fps=12))
    assert [index_of(frame) for frame in clip_frames(clip)] == list(range(20))
    clip.rewind()
    assert (clip.kind, clip.name, clip.fps, clip.frame_count) == ("video", "clip.mp4", 12.0, 20)
    clip.close()


def test_a_folder_plays_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    for index in (10, 2, 1, 0):
        imageio.imwrite(tmp_path / f"frame{index}.png", np.full((8, 8, 3), index, np.uint8))
    (tmp_path / "notes.txt").write_text("not a frame")
    clip = open_clip(tmp_path, image_fps=10)
    assert [int(frame.mean()) for frame in clip_frames(clip)] == [0, 1, 2, 10]
    assert (clip.kind, clip.fps, clip.frame_count) == ("images", 10, 4)


def test_a_damaged_image_in_a_folder_is_left_out(tmp_path: Path) -> None:
    for index in range(3):
        imageio.imwrite(tmp_path / f"{index}.png", np.full((8, 8, 3), index, np.uint8))
    (tmp_path / "1.png").write_bytes(b"no picture")
    assert [int(frame.mean()) for frame in clip_frames(open_clip(tmp_path))] == [0, 2]


def test_one_image_is_a_clip_of_one_frame(photo: Path) -> None:
    assert [frame.shape for frame in clip_frames(open_clip(photo))] == [(512, 512, 3)]


def test_large_frames_are_reduced(tmp_path: Path) -> None:
    imageio.imwrite(tmp_path / "large.png", np.zeros((1000, 4000, 3), np.uint8))
    (frame,) = clip_frames(open_clip(tmp_path / "large.png"))
    assert frame.shape == (320, MAX_SIDE, 3)


@pytest.mark.parametrize(
    ("name", "content", "trouble"),
    [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"this is no video\n" * 50, "cannot be read as a video"),
        ("head.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(500), "cannot be read as a video"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n", "cannot be read as a video"),
    ],
)
def test_a_file_that_is_no_video_is_told(tmp_path: Path, name: str, content: bytes, trouble: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DriverError, match=trouble) as caught:
        list(clip_frames(open_clip(path)))
    assert str(path) in str(caught.value)


def test_a_video_cut_in_half_is_told_or_gives_its_first_frames(tmp_path: Path, face_video: Path) -> None:
    """mp4 keeps its index at the end: cut off, it cannot be opened; Matroska plays up to the cut."""
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(face_video.read_bytes()[: face_video.stat().st_size // 2])
    with pytest.raises(DriverError, match="damaged or no video"):
        list(clip_frames(open_clip(cut)))
    whole = write_video(tmp_path / "whole.mkv", grey_frames(24, side=256))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.7)])
    assert 0 < len(list(clip_frames(open_clip(cut)))) < 24


@pytest.mark.parametrize("name", ["missing.mp4", "http://example.invalid/a.mp4", "nul\0byte"])
def test_a_missing_file_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(DriverError, match=r"There is no driver file|cannot be read"):
        open_clip(tmp_path / name)


def test_a_folder_without_images_is_told(tmp_path: Path) -> None:
    with pytest.raises(DriverError, match="holds no images"):
        list(clip_frames(open_clip(tmp_path)))
