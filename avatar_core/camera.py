"""Pinhole cameras in head space.

Head space is x right as seen in the photo, y up, z towards the viewer, origin at the head's centre. A camera is an
OpenCV ``cam2world`` (x right, y down, z forward) and normalised ``intrinsics`` (divided by the image size), as in
EG3D and the reference model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DEFAULT_RADIUS = 2.7  # distance from the camera to the head's centre, head-space units
DEFAULT_FOV = 18.837  # degrees; the paper's crop

_FOV_CONVENTION = 1.414  # the reference model's focal length is 1 / (1.414 tan(fov / 2)), with 1.414 and not sqrt(2)


def focal_from_fov(fov: float) -> float:
    """Normalised focal length (1 = image width) of a field of view in degrees, by the reference model's formula."""
    if not 0.0 < fov < 180.0:
        raise ValueError(f"fov must lie between 0 and 180 degrees, got {fov}")
    return 1.0 / (_FOV_CONVENTION * float(np.tan(np.radians(fov) / 2.0)))


@dataclass(frozen=True)
class Camera:
    """A camera: ``cam2world`` (4, 4) in OpenCV axes and normalised ``intrinsics`` (3, 3).

    Raises:
        ValueError: a matrix has another shape or holds a value that is not finite.
    """

    cam2world: NDArray[np.float64]
    intrinsics: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name, shape in (("cam2world", (4, 4)), ("intrinsics", (3, 3))):
            value = np.asarray(getattr(self, name), dtype=np.float64)
            if value.shape != shape:
                raise ValueError(f"{name} must be {shape}, got {value.shape}")
            if not np.isfinite(value).all():
                raise ValueError(f"{name} holds a value that is not finite")
            object.__setattr__(self, name, value)

    @classmethod
    def orbit(
        cls,
        yaw: float = 0.0,
        pitch: float = 0.0,
        radius: float = DEFAULT_RADIUS,
        fov: float = DEFAULT_FOV,
        *,
        target: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> Camera:
        """A camera on a sphere round ``target`` that looks at it.

        Args:
            yaw: degrees; positive moves the camera to the right of the photo (+x).
            pitch: degrees in (-90, 90); positive moves the camera up (+y).
            radius: distance to ``target``, head-space units, above 0.
            fov: field of view in degrees, see `focal_from_fov`.
            target: the point looked at, head space; moving it pans the view.
        """
        if not radius > 0:
            raise ValueError(f"radius must be positive, got {radius}")
        if not -90.0 < pitch < 90.0:
            raise ValueError(f"pitch must lie between -90 and 90 degrees, got {pitch}")
        yaw_rad, pitch_rad = np.radians(yaw), np.radians(pitch)
        outward = np.array(
            [np.sin(yaw_rad) * np.cos(pitch_rad), np.sin(pitch_rad), np.cos(yaw_rad) * np.cos(pitch_rad)]
        )
        forward = -outward
        right = np.array([np.cos(yaw_rad), 0.0, -np.sin(yaw_rad)])
        down = np.cross(forward, right)
        cam2world = np.eye(4)
        cam2world[:3, :3] = np.stack([right, down, forward], axis=1)
        cam2world[:3, 3] = np.asarray(target, dtype=np.float64) + radius * outward
        focal = focal_from_fov(fov)
        intrinsics = np.array([[focal, 0.0, 0.5], [0.0, focal, 0.5], [0.0, 0.0, 1.0]])
        return cls(cam2world, intrinsics)

    @property
    def world2cam(self) -> NDArray[np.float64]:
        """(4, 4) inverse of ``cam2world``, which is a rigid motion."""
        rotation, centre = self.cam2world[:3, :3], self.cam2world[:3, 3]
        inverse = np.eye(4)
        inverse[:3, :3] = rotation.T
        inverse[:3, 3] = -rotation.T @ centre
        return inverse

    def pixel_intrinsics(self, width: int, height: int) -> NDArray[np.float64]:
        """(3, 3) intrinsics in pixels; a non-square image keeps the focal length of its shorter side."""
        side = min(width, height)
        scaled = self.intrinsics.copy()
        scaled[:2] *= side
        scaled[0, 2] = self.intrinsics[0, 2] * width
        scaled[1, 2] = self.intrinsics[1, 2] * height
        return scaled

    def project(self, points: NDArray[np.floating], width: int, height: int) -> NDArray[np.float64]:
        """Pixels (N, 2) of head-space ``points`` (N, 3); pixel centres lie at half-integers."""
        in_camera = points @ self.world2cam[:3, :3].T + self.world2cam[:3, 3]
        homogeneous = in_camera @ self.pixel_intrinsics(width, height).T
        return homogeneous[:, :2] / homogeneous[:, 2:3]
