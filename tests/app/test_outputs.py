import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import OutputError
from app.outputs import check_output, write_atomically, write_png
from tests.app.unprivileged import run_unprivileged


def test_a_good_name_passes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    assert check_output(tmp_path / "out.MP4", {".mp4"}) == tmp_path / "out.MP4"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "trouble"),
    [("out.avi", "must end in .mp4"), ("out", "must end in .mp4"), ("missing/out.mp4", "no folder"),
     ("file.txt/out.mp4", "no folder"), ("folder.mp4", "is a folder"), ("nul\0byte.mp4", "null byte")],
)  # fmt: skip
def test_a_bad_name_is_told_with_its_reason(tmp_path: Path, name: str, trouble: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file.txt").touch()
    with pytest.raises(OutputError, match=trouble):
        check_output(tmp_path / name, {".mp4"})


def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    message = run_unprivileged(
        "from app.outputs import check_output; from avatar_core.errors import AvatarError\n"
        "try:\n"
        f"    check_output({str(tmp_path / 'out.mp4')!r}, {{'.mp4'}})\n"
        "except AvatarError as error:\n"
        "    print(error)\n"
    )
    assert "cannot be written (Permission denied)" in message


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="MB are free"):
        check_output(tmp_path / "out.mp4", {".mp4"}, free_bytes=1 << 60)


def test_a_failed_write_leaves_neither_the_file_nor_a_temporary(tmp_path: Path) -> None:
    def write(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        write_atomically(tmp_path / "out.txt", write)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_file_that_was_there(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")

    def write(temporary: Path) -> None:
        raise OSError(5, "Input/output error")

    with pytest.raises(OutputError):
        write_atomically(target, write)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_png_keeps_every_pixel_and_its_comment(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    write_png(tmp_path / "out.png", picture, "Synthetic")
    with Image.open(tmp_path / "out.png") as image:
        assert image.info["Comment"] == "Synthetic"
        assert np.array_equal(np.asarray(image), picture)
