import subprocess
import sys

from app.bundled import bundled_portrait
from avatar_core.image_io import load_image


def test_the_bundled_portrait_is_a_picture() -> None:
    assert load_image(bundled_portrait()).shape == (512, 512, 3)


def test_it_needs_no_download() -> None:
    """With every socket refused it is still found and read."""
    code = (
        "import socket\n"
        "def refuse(*arguments): raise OSError('no network')\n"
        "socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse\n"
        "from app.bundled import bundled_portrait\n"
        "from avatar_core.image_io import load_image\n"
        "print(load_image(bundled_portrait()).shape)\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "(512, 512, 3)" in finished.stdout, finished.stderr
