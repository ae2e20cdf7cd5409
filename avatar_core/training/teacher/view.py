"""The camera that took the photo, and small operations on its picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.camera import Camera
from avatar_core.lift.fill import push_pull
from avatar_core.training.teacher.fit import project
from avatar_core.training.teacher.zbuffer import draw_depth

CORE = 0.97  # coverage from which a pixel's colour is the person's own
OWN_FROM, OWN_FULLY = 0.5, 0.88
_FINE = 2  # sub-pixels of the depth picture


@dataclass(frozen=True)
class View:
    """rotation (3, 3), translation (3,) cm: model axes to OpenCV camera axes; intrinsics (3, 3) px; picture size."""

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    intrinsics: NDArray[np.float64]
    height: int
    width: int

    def project(self, points: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pixels (N, 2), centres at .5, and depths (N,) of points (N, 3)."""
        return project(points, self.rotation, self.translation, self.intrinsics)

    def unproject(self, pixels: NDArray[np.floating], depth: NDArray[np.floating]) -> NDArray[np.float64]:
        """Model points (N, 3) seen at ``pixels`` (N, 2) with ``depth`` (N,)."""
        rays = (pixels - self.intrinsics[:2, 2]) / np.diag(self.intrinsics)[:2]
        seen = np.column_stack([rays * depth[:, None], depth])
        return (seen - self.translation) @ self.rotation

    def facing(self, points: NDArray[np.floating], normals: NDArray[np.floating]) -> NDArray[np.float64]:
        """Cosine (N,) between ``normals`` (N, 3) and the direction to the camera."""
        seen = points @ self.rotation.T + self.translation
        seen /= np.linalg.norm(seen, axis=1, keepdims=True)
        return -((normals @ self.rotation.T) * seen).sum(1)

    def centimetres_per_pixel(self, point: NDArray[np.floating]) -> float:
        return float((self.rotation @ point + self.translation)[2] / self.intrinsics[0, 0])

    def camera(self) -> Camera:
        """The same as a `Camera` in the model's axes."""
        cam2world = np.eye(4)
        cam2world[:3, :3] = self.rotation.T
        cam2world[:3, 3] = -self.rotation.T @ self.translation
        normalised = self.intrinsics / np.array([[self.width], [self.height], [1.0]])
        return Camera(cam2world, normalised)


def nearest_depth(
    view: View, vertices: NDArray[np.floating], triangles: NDArray[np.integer], pixels: NDArray[np.floating]
) -> NDArray[np.float32]:
    """(N,) depth of the nearest triangle of ``vertices`` (V, 3) within half a pixel of ``pixels`` (N, 2)."""
    vertex_pixels, depth = view.project(vertices)
    drawn = draw_depth(_FINE * vertex_pixels, depth, triangles, _FINE * view.height, _FINE * view.width)
    nearest = np.asarray(cv2.erode(drawn, np.ones((3, 3), np.uint8)), np.float32)
    held = np.clip((_FINE * pixels).astype(int), 0, np.array([_FINE * view.width, _FINE * view.height]) - 1)
    return nearest[held[:, 1], held[:, 0]]


def sample(picture: NDArray[np.floating] | NDArray[np.integer], pixels: NDArray[np.floating]) -> NDArray[np.float32]:
    """Bilinear values (N, ...) of ``picture`` (H, W, ...) at ``pixels`` (N, 2), centres at .5."""
    row = 4096  # cv2.remap holds at most 32767 columns
    count = len(pixels)
    padded = np.zeros((-(-count // row) * row, 2), np.float32)
    padded[:count] = pixels - 0.5
    result = cv2.remap(
        np.asarray(picture, np.float32), padded[:, 0].reshape(-1, row), padded[:, 1].reshape(-1, row),
        cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(result.reshape(len(padded), *picture.shape[2:])[:count], np.float32)


def continued_colours(image: NDArray[np.uint8], matte: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 3) in [0, 1]: the person's colours, continued outwards past the rim, with no background in them."""
    picture = image.astype(np.float32) / np.float32(255)
    core = cv2.erode((matte > CORE).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if not core.any():
        return picture
    own = np.clip((matte - OWN_FROM) / (OWN_FULLY - OWN_FROM), 0, 1)[..., None]
    inward = push_pull(picture, core.astype(np.float32))
    return np.asarray(np.clip(picture * own + inward * (1 - own), 0, 1), np.float32)
