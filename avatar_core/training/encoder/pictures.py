"""Training pictures of a teacher avatar: a view, an expression and a background, and the surface that it shows.

In: `TeacherAvatar` and a `View`. Out: RGB (H, W, 3) and `TeacherSurface`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.camera import Camera
from avatar_core.rendering.compose import composite
from avatar_core.rendering.rasterizer import Rasterizer
from avatar_core.training.encoder.targets import TeacherSurface
from avatar_core.training.teacher.avatar import TeacherAvatar

PICTURE_SIZE = 640
WIDER = 1.0  # the picture shows this multiple of what the teacher was made from
MIDDLE = np.array([0.0, 0.0, -1.0])
"""cm: the point that the training cameras turn about."""
GREY = 0.92


@dataclass(frozen=True)
class Shot:
    """How a teacher is pictured.

    Args:
        activations: (53,); gaze: (2, 2) radians.
        yaw, pitch: degrees by which the camera goes round the head, away from the photo's own place.
        distance: multiple of the photo's camera distance; the focal length follows, so that the head keeps its size.
    """

    activations: NDArray[np.floating]
    gaze: NDArray[np.floating]
    yaw: float = 0.0
    pitch: float = 0.0
    distance: float = 1.0


def shot_camera(camera: Camera, shot: Shot, wider: float = 1.0) -> Camera:
    """The camera of ``shot`` about a teacher whose photo was taken by ``camera``."""
    pose = camera.cam2world
    right, up = pose[:3, 0], -pose[:3, 1]
    turn = _about(up, np.radians(shot.yaw)) @ _about(right, -np.radians(shot.pitch))
    turned = np.eye(4)
    turned[:3, :3] = turn @ pose[:3, :3]
    turned[:3, 3] = MIDDLE + shot.distance * turn @ (pose[:3, 3] - MIDDLE)
    intrinsics = camera.intrinsics.copy()
    intrinsics[[0, 1], [0, 1]] *= shot.distance / wider
    return Camera(turned, intrinsics)


def _about(axis: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    return np.asarray(cv2.Rodrigues(axis / np.linalg.norm(axis) * angle)[0], np.float64)


def picture(
    avatar: TeacherAvatar, shot: Shot, rasterizer: Rasterizer, background: NDArray[np.uint8] | None = None
) -> tuple[NDArray[np.uint8], TeacherSurface]:
    """The picture (640, 640, 3) and the surface it shows; a light grey ground without ``background``."""
    camera = shot_camera(avatar.camera, shot, WIDER)
    rgba = rasterizer.render(avatar.gaussians(shot.activations, shot.gaze), camera, PICTURE_SIZE, PICTURE_SIZE)
    ground = np.full((PICTURE_SIZE, PICTURE_SIZE, 3), round(255 * GREY), np.uint8)
    if background is not None:
        size = (PICTURE_SIZE, PICTURE_SIZE)
        ground = np.asarray(cv2.resize(background, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    return composite(rgba, ground).copy(), surface_of(avatar, shot.activations, camera, PICTURE_SIZE)


def surface_of(avatar: TeacherAvatar, activations: NDArray[np.floating], camera: Camera, size: int) -> TeacherSurface:
    """The teacher's surface at ``activations`` as ``camera`` sees it in a picture of ``size`` pixels."""
    points, colour, trust = avatar.skin_points(activations)
    return TeacherSurface(
        vertices=avatar.vertices(activations),
        triangles=avatar.skin_triangles,
        landmarks=avatar.landmarks(activations),
        points=points,
        colour=colour,
        trust=trust,
        cover=avatar.relief.position,
        camera=camera,
        size=size,
    )
