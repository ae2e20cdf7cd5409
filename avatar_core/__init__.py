"""One portrait photo to an animatable 3D Gaussian head avatar: encode once, drive and render every frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import avatar_core.calm_collector
import avatar_core.patient_threads  # noqa: F401 (both for their effect, before anything else loads what they prepare)
from avatar_core.avatar import Avatar
from avatar_core.camera import Camera
from avatar_core.errors import AvatarError, NoFaceError, UnreadableImageError, WeightsError
from avatar_core.gaussians import Gaussians
from avatar_core.motion import ACTIVATION_NAMES, Gains, HeadPose, Motion

if TYPE_CHECKING:
    from avatar_core.engine import AvatarEngine

__all__ = [
    "ACTIVATION_NAMES",
    "Avatar",
    "AvatarEngine",
    "AvatarError",
    "Camera",
    "Gains",
    "Gaussians",
    "HeadPose",
    "Motion",
    "NoFaceError",
    "UnreadableImageError",
    "WeightsError",
]


def __getattr__(name: str) -> Any:
    """`AvatarEngine` on first use: the detectors and kernels behind it take seconds to import."""
    if name == "AvatarEngine":
        from avatar_core.engine import AvatarEngine

        return AvatarEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
