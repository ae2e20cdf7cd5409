"""Everything a user may name as a photo by mistake: one line that names the file and the trouble, and exit code 2."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.cli import main
from tests.app.unprivileged import run_unprivileged


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, photo: Path) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    sky = np.linspace(255, 80, 480)[:, None, None] * np.array([0.6, 0.8, 1.0])
    Image.fromarray(np.broadcast_to(sky, (480, 640, 3)).astype(np.uint8)).save(folder / "landscape.jpg")
    (folder / "text.png").write_text("this is a text file\n" * 100)
    (folder / "program.jpg").write_bytes(b"\x7fELF" + bytes(4096))
    (folder / "empty.jpg").touch()
    (folder / "folder.png").mkdir()
    Image.open(photo).save(folder / "whole.jpg")
    jpeg = (folder / "whole.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(jpeg[: len(jpeg) // 3])
    Image.new("1", (20_000, 10_000)).save(folder / "huge.png")
    small = Image.open(photo).convert("RGB").resize((96, 96))
    small.save(folder / "tiny.png")
    return folder


@pytest.mark.parametrize(
    ("name", "trouble"),
    [
        ("noise.png", "face"),
        ("landscape.jpg", "face"),
        ("tiny.png", "face"),
        ("text.png", "not a picture"),
        ("program.jpg", "not a picture"),
        ("empty.jpg", "0 bytes"),
        ("folder.png", "folder"),
        ("truncated.jpg", "damaged or incomplete"),
        ("huge.png", "megapixels"),
        ("missing.png", "no such file"),
        ("missing.safetensors", "missing.safetensors"),
    ],
)
def test_a_bad_photo_ends_with_one_line_and_code_2(
    sources: Path, tmp_path: Path, name: str, trouble: str, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    assert main(["--headless", "--source", str(sources / name), "--frames", "2", "--out", str(out)]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert name in lines[0]
    assert trouble in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_a_photo_without_permission_ends_with_one_line_and_code_2(tmp_path: Path, photo: Path) -> None:
    tmp_path.chmod(0o755)
    secret = tmp_path / "secret.png"
    secret.write_bytes(photo.read_bytes())
    secret.chmod(0o000)
    for folder in tmp_path.parents:  # an unprivileged user must get as far as the file itself
        if os.stat(folder).st_uid == os.getuid():
            folder.chmod(folder.stat().st_mode | 0o011)
    message = run_unprivileged(
        "from avatar_core.errors import AvatarError; from avatar_core.image_io import load_image\n"
        "try:\n"
        f"    load_image({str(secret)!r})\n"
        "except AvatarError as error:\n"
        "    print(error)\n"
    )
    assert "secret.png" in message
    assert "no permission" in message


def test_an_animated_gif_gives_its_first_frame(tmp_path: Path, portrait: NDArray[np.uint8]) -> None:
    first, second = Image.fromarray(portrait), Image.fromarray(np.zeros_like(portrait))
    first.save(tmp_path / "moving.gif", save_all=True, append_images=[second], duration=100)
    out = tmp_path / "out.mp4"
    assert main(["--headless", "--source", str(tmp_path / "moving.gif"), "--frames", "2", "--out", str(out)]) == 0
    assert out.exists()
