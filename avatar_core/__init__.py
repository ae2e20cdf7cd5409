"""One portrait photo to an animatable 3D Gaussian head avatar: encode once, drive and render every frame."""

import avatar_core.patient_threads  # noqa: F401 (for its effect, before anything loads OpenMP)
from avatar_core.avatar import Avatar
from avatar_core.camera import Camera
from avatar_core.errors import AvatarError, NoFaceError, UnreadableImageError, WeightsError
from avatar_core.gaussians import Gaussians
from avatar_core.motion import ACTIVATION_NAMES, Gains, HeadPose, Motion

__all__ = [
    "ACTIVATION_NAMES",
    "Avatar",
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
