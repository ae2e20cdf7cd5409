"""What avatars need in the frame loop, made once and kept for those used last."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.avatar import Avatar
from avatar_core.gaussians import Gaussians
from avatar_core.models.retarget import Retargeter
from avatar_core.motion import HeadPose

MAX_STAGES = 2  # avatars kept ready: the one on screen and the one that follows it
MAX_BACKGROUNDS = 8  # sizes kept per avatar
_BLUR_SHARE = 0.035  # of the background's side


class FrameAnimator(Protocol):
    """Moves one avatar."""

    def animate(self, control: NDArray[np.float32], pose: HeadPose, /) -> Gaussians:
        """The avatar under what its networks are driven by and a head pose; the buffer may be reused."""


@dataclass
class Stage:
    """One avatar at one quality, ready for the frame loop."""

    avatar: Avatar
    quality: str
    animator: FrameAnimator
    retargeter: Retargeter
    _backgrounds: dict[tuple[str, int], NDArray[np.uint8]] = field(default_factory=dict)

    def background(self, kind: str, size: int, *, writeable: bool) -> NDArray[np.uint8]:
        """The picture (size, size, 3) behind the person, kept for the next frame.

        Args:
            kind: "photo" or "blurred".
            writeable: False marks it read-only: it may be kept on the device.

        Raises:
            ValueError: ``kind`` is another.
        """
        if kind not in ("photo", "blurred"):
            raise ValueError(f'background must be "photo", "blurred", RGB or a picture, got {kind!r}')
        key = (kind, size)
        if key not in self._backgrounds:
            picture = self.avatar.background
            if kind == "blurred":
                picture = cv2.GaussianBlur(picture, (0, 0), _BLUR_SHARE * picture.shape[0]).astype(np.uint8)
            if len(self._backgrounds) >= MAX_BACKGROUNDS:
                self._backgrounds.clear()
            resized = cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR).astype(np.uint8)
            resized.flags.writeable = writeable
            self._backgrounds[key] = resized
        return self._backgrounds[key]


class Staging:
    """Makes stages and keeps the `MAX_STAGES` used last. Safe to call from several threads.

    Args:
        make_animator: the animator of an avatar at a quality.
        make_retargeter: the retargeter of an avatar.
        lock: held while the stages kept are looked at or changed, not while one is made.
    """

    def __init__(
        self,
        make_animator: Callable[[Avatar, str], FrameAnimator],
        make_retargeter: Callable[[Avatar], Retargeter],
        lock: threading.RLock,
    ) -> None:
        self._make_animator = make_animator
        self._make_retargeter = make_retargeter
        self._lock = lock
        self._stages: list[Stage] = []

    def stage(self, avatar: Avatar, quality: str, retargeter: Retargeter | None = None) -> Stage:
        """The stage of ``avatar`` at ``quality``, made when it is not among those used last.

        Making one takes some tenths of a second; the avatar on screen moves on meanwhile, where the caller does not
        hold the lock.

        Args:
            retargeter: of ``avatar``, where there is one already.
        """
        with self._lock:
            stage = next((old for old in self._stages if old.avatar is avatar and old.quality == quality), None)
        if stage is None:
            retargeter = retargeter or self._make_retargeter(avatar)
            stage = Stage(avatar, quality, self._make_animator(avatar, quality), retargeter)
        with self._lock:
            others = [other for other in self._stages if other is not stage]
            self._stages = [stage, *others][:MAX_STAGES]
        return stage
