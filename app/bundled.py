"""The public-domain portrait that scikit-image carries, for a start without any photo."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from app.errors import ConfigError


def bundled_portrait() -> Path:
    """Path of NASA's portrait of Eileen Collins inside the installed scikit-image; nothing is downloaded.

    Raises:
        ConfigError: this scikit-image comes without it.
    """
    package = importlib.util.find_spec("skimage")
    if package is not None and package.origin is not None:
        path = Path(package.origin).parent / "data" / "astronaut.png"
        if path.is_file():
            return path
    raise ConfigError("The bundled portrait is missing (pip install scikit-image). Give a photo with --source PHOTO.")
