"""How far the CPU's animation, where most Gaussians follow a few anchors, is from sending all through the networks.

In: an engine, an avatar and motions. Out: PSNR of the pictures against those of an engine with ``exact_animation``,
over the pixels that the avatar covers. See `avatar_core.models.animator_anchors`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avatar_core.avatar import Avatar
from avatar_core.camera import Camera
from avatar_core.engine import AvatarEngine
from avatar_core.errors import NoFaceError
from avatar_core.evaluation.metrics import psnr
from avatar_core.evaluation.reenactment import read_frames
from avatar_core.motion import Motion

EVERY = 15  # frames of a clip between those that are compared


@dataclass(frozen=True)
class Likeness:
    """PSNR in dB over the pictures of one clip or performance."""

    pictures: int
    mean: float
    worst: float
    worst_at: int

    @classmethod
    def of(cls, values: list[float]) -> Likeness:
        """The figures of one value per picture."""
        return cls(len(values), float(np.mean(values)), min(values), int(np.argmin(values)))


def exact_twin(engine: AvatarEngine) -> AvatarEngine:
    """An engine of the same networks and quality that sends every Gaussian that moves through them."""
    return AvatarEngine(engine.networks, engine.face_model, "cpu", quality=engine.quality, exact_animation=True)


def likeness(
    engine: AvatarEngine, exact: AvatarEngine, avatar: Avatar, motions: Iterable[Motion | None], size: int = 512
) -> Likeness:
    """Compare ``engine`` with ``exact``, see `exact_twin`, in square pictures of ``size`` pixels."""
    values = []
    for motion in motions:
        shown, expected, bright = (
            one.render(avatar, motion, Camera.orbit(), size, ground)
            for one, ground in ((engine, (0, 0, 0)), (exact, (0, 0, 0)), (exact, (255, 255, 255)))
        )
        covered = (bright.astype(int) - expected).mean(axis=-1) < 127.5
        values.append(psnr(shown, expected, covered))
    return Likeness.of(values)


def clip_likeness(
    engine: AvatarEngine, exact: AvatarEngine, path: Path, limit: int, avatar: Avatar | None = None
) -> Likeness:
    """`likeness` at every `EVERY`-th frame of a clip's first ``limit``.

    Args:
        avatar: who is driven; by default the person of the clip's first frame.

    Raises:
        NoFaceError: no frame can be read, or no face is found where one is needed.
    """
    motions: list[Motion] = []
    engine.track.reset()
    for index, frame in enumerate(read_frames(path, limit)):
        if avatar is None:
            avatar = engine.encode(frame)
        motion = engine.track(frame)
        if motion is not None and index % EVERY == 0:
            motions.append(motion)
    if avatar is None or not motions:
        raise NoFaceError(f"{path}: no frame of it can be read, or none shows a face")
    return likeness(engine, exact, avatar, motions)
