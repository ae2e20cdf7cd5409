"""What an avatar is made from: a photo, or an avatar that was saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avatar_core.tracking.measures import mouth_opening
from avatar_core.tracking.open_mouth import WIDE_OPEN

if TYPE_CHECKING:
    from avatar_core.avatar import Avatar
    from avatar_core.engine import AvatarEngine

AVATAR_SUFFIX = ".safetensors"
TURNED = 25.0  # degrees of the photo's yaw from which the far cheek shows a seam


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


def advice(avatar: Avatar) -> list[str]:
    """Sentences about the photo of ``avatar``: which face was taken, and what another photo would do better."""
    lines = []
    faces = face_count(avatar)
    if faces > 1:
        lines.append(f"{faces} faces were found, the largest was taken.")
    axes = avatar.canonical_to_head[:3, :3]
    yaw = abs(float(np.degrees(np.arctan2(axes[0, 2], axes[2, 2]))))
    if yaw > TURNED:
        lines.append(f"The face is turned by {yaw:.0f} degrees; a photo that looks at the camera shows both cheeks.")
    if mouth_opening(avatar.canonical_landmarks()) > WIDE_OPEN[0]:
        lines.append("The mouth is wide open; a photo with the lips together, or a smile, moves better.")
    return lines
