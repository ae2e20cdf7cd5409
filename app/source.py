"""What an avatar is made from: a photo, or an avatar that was saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avatar_core.avatar import Avatar
    from avatar_core.engine import AvatarEngine

AVATAR_SUFFIX = ".safetensors"


def load_source(engine: AvatarEngine, path: Path, progress: Callable[[str, float], None] | None = None) -> Avatar:
    """The avatar at ``path``, or one of the photo there.

    Args:
        progress: called with the stage's name and the share done, 0..1; what it raises ends the work.

    Raises:
        AvatarError: the file cannot be read, or shows no face.
    """
    if path.suffix.lower() == AVATAR_SUFFIX:
        return engine.load_avatar(path)
    return engine.encode(path, progress)


def face_count(avatar: Avatar) -> int:
    """How many faces its photo showed; 1 where a saved avatar's file does not say so in a number."""
    try:
        return max(1, int(avatar.provenance.get("faces", "1")))
    except ValueError:
        return 1
