"""Eyeballs as spheres of samples, textured by the photo where it shows them and completed round the iris."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.models.anatomy import gaze_rotation
from avatar_core.tracking.topology import LEFT_EYE_RING, LEFT_IRIS, RIGHT_EYE_RING, RIGHT_IRIS
from avatar_core.training.teacher.regions import step
from avatar_core.training.teacher.view import View, sample

SAMPLES = 2600
RIM = 0.1  # cosine of the polar angle where the samples end: the back is never seen
_RINGS, _IRISES = (RIGHT_EYE_RING, LEFT_EYE_RING), (RIGHT_IRIS, LEFT_IRIS)
_FINE = 4  # sub-pixels of the mask of the opening
_DARK_IRIS = np.array([[0.07, 0.06, 0.05]] * 3 + [[0.24, 0.17, 0.13]] * 3 + [[0.17, 0.13, 0.11]] * 2)
_SCLERA = np.array([0.72, 0.68, 0.65])


def directions() -> NDArray[np.float64]:
    """(E, 3) unit vectors over the front of the eyeball, (0, 0, 1) where it looks: a spherical Fibonacci lattice."""
    index = np.arange(SAMPLES) + 0.5
    turn = np.pi * (1 + 5**0.5) * index
    z = 1 - index / SAMPLES * (1 - RIM)
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)


def spacing(radius: float) -> float:
    """Distance between the samples of an eyeball of ``radius``."""
    return float(np.sqrt(2 * np.pi * (1 - RIM) * radius**2 / SAMPLES))


def colour_eyes(
    picture: NDArray[np.float32], landmarks: NDArray[np.floating], centres: NDArray[np.float64], radius: float,
    gaze: NDArray[np.float64], view: View, level: float,
) -> NDArray[np.float32]:  # fmt: skip
    """(2, E, 3) colours in [0, 1] of both eyeballs.

    Args:
        picture: (H, W, 3) in [0, 1]; landmarks: (478, 3) px; centres: (2, 3) cm; gaze: (2, 2) radians in the photo.
        level: brightness of the face in [0, 1], for eyes that the photo hardly shows.
    """
    front = directions()
    polar = np.arccos(np.clip(front[:, 2], -1, 1))
    exposure = float(np.clip(level / 0.67, 0.4, 1.2))
    result = np.zeros((2, SAMPLES, 3), np.float32)
    for eye in range(2):
        turned = front @ gaze_rotation(gaze[eye]).T
        position = centres[eye] + radius * turned
        pixels, _ = view.project(position)
        iris = landmarks[_IRISES[eye] + 1 : _IRISES[eye] + 5, :2] - landmarks[_IRISES[eye], :2]
        iris_cm = np.median(np.linalg.norm(iris, axis=1)) * view.centimetres_per_pixel(centres[eye])
        edge = float(np.arcsin(np.clip(iris_cm / radius, 0.2, 0.6)))
        visible = _inside_opening(landmarks[list(_RINGS[eye]), :2], picture.shape[:2], pixels)
        visible *= view.facing(position, turned) > 0.2
        shown = sample(picture, pixels)
        profile = _iris_profile(shown, polar, visible, edge, exposure)
        white = (polar > 1.15 * edge) & (visible > 0.6)
        sclera = np.quantile(shown[white], 0.6, axis=0) if white.sum() > 12 else _SCLERA * exposure
        outer = sclera * (1 - 0.25 * step(polar, 0.6, 1.2))[:, None]
        limbus = step(polar, 0.97 * edge, 1.12 * edge)[:, None]
        hidden = profile * (1 - limbus) + outer * limbus
        result[eye] = np.clip(visible[:, None] * shown + (1 - visible[:, None]) * hidden, 0, 1)
    return result


def _inside_opening(
    ring: NDArray[np.floating], shape: tuple[int, ...], pixels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N,) 0..1, how far inside the opening of the lids ``pixels`` (N, 2) lie."""
    low = np.floor(ring.min(0) - 4)
    size = np.ceil(np.ptp(ring, axis=0) + 8).astype(int) * _FINE
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(mask, [np.round((ring - low) * _FINE).astype(np.int32)], (255,))
    depth = cv2.distanceTransform(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3) / _FINE
    place = (pixels - low) * _FINE + 1
    inside = ((place >= 0) & (place < size + 2)).all(1)
    return step(np.where(inside, sample(depth, place), 0), 0.6, 1.8)


def _iris_profile(
    shown: NDArray[np.float32], polar: NDArray[np.float64], visible: NDArray[np.float64], edge: float, exposure: float
) -> NDArray[np.float64]:
    """(E, 3) the iris as rings: the median of what is seen of each."""
    borders = np.linspace(0, 1.08 * edge, 9)
    middles, rings = [], []
    for first, last in pairwise(borders):
        inside = (polar >= first) & (polar < last) & (visible > 0.5)
        if inside.sum() > 3:
            middles.append(0.5 * (first + last))
            rings.append(np.median(shown[inside], axis=0))
    if len(rings) < 2:
        middles, rings = list(0.5 * (borders[:-1] + borders[1:])), list(_DARK_IRIS * exposure)
    colours = np.array(rings)
    return np.stack([np.interp(polar, middles, colours[:, c]) for c in range(3)], axis=1)
