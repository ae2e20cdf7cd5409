from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avatar_core.errors import UnreadableImageError
from avatar_core.image_io import as_rgb, load_image


@pytest.fixture
def picture() -> Image.Image:
    values = np.zeros((40, 60, 3), np.uint8)
    values[:, :30] = (200, 40, 10)
    return Image.fromarray(values)


def test_exif_rotation_is_applied(tmp_path: Path, picture: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by 90 degrees
    picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
    image = load_image(tmp_path / "a.jpg")
    assert image.shape == (60, 40, 3)
    assert image[5, 20, 0] > 150 and image[55, 20, 0] < 60


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "1", "YCbCr"])
def test_other_colour_modes_become_rgb(tmp_path: Path, picture: Image.Image, mode: str) -> None:
    name = tmp_path / ("a.png" if mode in {"L", "P", "1"} else "a.tiff")
    picture.convert(mode).save(name)
    image = load_image(name)
    assert image.shape == (40, 60, 3) and image.dtype == np.uint8
    assert image[:, :30].mean() > image[:, 30:].mean() + 20


def test_sixteen_bit_grey_keeps_its_range(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(8, 0)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    image = load_image(tmp_path / "a.png")
    assert image[0, 0, 0] == 0 and image[0, -1, 0] == 255 and 120 < image[0, 128, 0] < 136


def test_transparency_is_laid_over_grey(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4, 4), np.uint8)).save(tmp_path / "a.png")
    assert (load_image(tmp_path / "a.png") == 128).all()


def test_first_frame_of_an_animation_is_taken(tmp_path: Path) -> None:
    red, blue = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    red.save(tmp_path / "a.gif", save_all=True, append_images=[blue])
    assert tuple(load_image(tmp_path / "a.gif")[0, 0]) == (255, 0, 0)


def _huge_png(path: Path, side: int) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))


def test_200_megapixels_are_refused_before_decoding(tmp_path: Path) -> None:
    _huge_png(tmp_path / "big.png", 14200)
    with pytest.raises(UnreadableImageError, match=r"big\.png: (202 megapixels|the picture is larger)"):
        load_image(tmp_path / "big.png")


def test_each_unreadable_file_says_which_and_why(tmp_path: Path, picture: Image.Image) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.png").write_text("hello, I am not a picture")
    picture.resize((400, 400)).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:700])
    expected = {
        "empty.jpg": "empty",
        "text.png": "not a picture",
        "cut.jpg": "damaged|not a picture",
        "missing.jpg": "no such file",
        ".": "folder",
    }
    for name, words in expected.items():
        with pytest.raises(UnreadableImageError, match=words) as caught:
            load_image(tmp_path / name)
        assert str(tmp_path) in str(caught.value)


def test_arrays_are_checked() -> None:
    assert as_rgb(np.zeros((4, 5), np.uint8)).shape == (4, 5, 3)
    assert (as_rgb(np.zeros((4, 5, 4), np.uint8)) == 128).all()
    with pytest.raises(UnreadableImageError, match="uint8"):
        as_rgb(np.zeros((4, 5, 3), np.float32))
    with pytest.raises(UnreadableImageError, match=r"\(4, 5, 7\)"):
        as_rgb(np.zeros((4, 5, 7), np.uint8))
