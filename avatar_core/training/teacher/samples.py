"""Points spread evenly over the teacher's surfaces, on the neutral face: every avatar's Gaussians stand on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from avatar_core.rendering.jit import kernel
from avatar_core.training.teacher.regions import Regions, step
from avatar_core.training.teacher_geometry import GUMS_AND_TONGUE, LOWER_TEETH, MOUTH_SOCKET, SKIN, UPPER_TEETH

FACE_DENSITY, BACK_DENSITY, NECK_DENSITY = 130.0, 30.0, 70.0
"""Samples per square centimetre; a pixel of the crop spans about .07 cm."""
LID_FACTOR, LIP_FACTOR, FOLDED_FACTOR = 2.0, 1.5, 4.5
SOCKET_DENSITY, GUM_DENSITY, TOOTH_DENSITY = 15.0, 30.0, 60.0
_FIRST, _SECOND = 0.7548776662, 0.5698402910  # R2 sequence: low discrepancy in the plane


@dataclass(frozen=True)
class SkinSamples:
    """Samples of the outer skin.

    Args:
        triangle: (n,) row of `TeacherModel.skin_triangles`; corners: (n, 3) its vertices; weights: (n, 3) barycentric.
        density: (n,) samples per square centimetre there.
        position: (n, 3) on the neutral face.
        mirrored: (n,) the sample nearest to the mirror image; mirror_distance: (n,) cm.
    """

    triangle: NDArray[np.int64]
    corners: NDArray[np.int64]
    weights: NDArray[np.float32]
    density: NDArray[np.float32]
    position: NDArray[np.float32]
    mirrored: NDArray[np.int64]
    mirror_distance: NDArray[np.float64]

    def at(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Vertex values (V,) or (V, C) -> (n,) or (n, C)."""
        return interpolated(values, self.corners, self.weights)


@dataclass(frozen=True)
class MouthSamples:
    """Samples of socket, gums, tongue and teeth.

    Args:
        corners, weights: as in `SkinSamples`; density: (n,).
        position, normal: (n, 3) on the neutral face.
        tooth, gum, tongue: (n,) bool and shares 0..1 of the tissue; lower: (n,) bool, moves with the jaw.
    """

    corners: NDArray[np.int64]
    weights: NDArray[np.float32]
    density: NDArray[np.float32]
    position: NDArray[np.float32]
    normal: NDArray[np.float32]
    tooth: NDArray[np.bool_]
    gum: NDArray[np.bool_]
    tongue: NDArray[np.float64]
    lower: NDArray[np.bool_]

    def at(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Vertex values (V,) or (V, C) -> (n,) or (n, C)."""
        return interpolated(values, self.corners, self.weights)


@kernel()
def _interpolate(values, corners, weights):
    count, channels = corners.shape[0], values.shape[1]
    result = np.empty((count, channels), np.float32)
    for n in range(count):
        a, b, c = corners[n, 0], corners[n, 1], corners[n, 2]
        for k in range(channels):
            result[n, k] = weights[n, 0] * values[a, k] + weights[n, 1] * values[b, k] + weights[n, 2] * values[c, k]
    return result


def interpolated(
    values: NDArray[np.floating], corners: NDArray[np.int64], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Vertex values (V,) or (V, C) at barycentric ``weights`` (n, 3) of ``corners`` (n, 3)."""
    rows = np.ascontiguousarray(values, np.float32).reshape(len(values), -1)
    return _interpolate(rows, corners, weights).reshape(len(corners), *values.shape[1:])


def areas(vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> NDArray[np.floating]:
    """(T,) triangle areas."""
    corners = vertices[triangles]
    return 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)


def spread(
    vertices: NDArray[np.floating], triangles: NDArray[np.integer], density: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Row of ``triangles`` and barycentric weights of samples with ``density`` (T,) per unit of area."""
    total = np.cumsum(areas(vertices, triangles) * density)
    count = np.floor(total + 0.5).astype(int) - np.floor(np.r_[0, total[:-1]] + 0.5).astype(int)
    row = np.repeat(np.arange(len(triangles)), count)
    index = np.arange(len(row))
    u, v = np.mod(0.5 + index * _FIRST, 1), np.mod(0.5 + index * _SECOND, 1)
    outside = u + v > 1
    u, v = np.where(outside, 1 - u, u), np.where(outside, 1 - v, v)
    return row, np.stack([u, v, 1 - u - v], axis=1).astype(np.float32)


def sample_skin(neutral: NDArray[np.float32], triangles: NDArray[np.int64], regions: Regions) -> SkinSamples:
    """Dense on the face, denser on lids, folded when open, and lips, sparse on the back of the head."""
    vertices = neutral[SKIN]
    centre = vertices[triangles].mean(1)
    front = step(centre[:, 2], -2.0, 2.0)
    density = BACK_DENSITY + (FACE_DENSITY - BACK_DENSITY) * front
    density = np.where(centre[:, 1] < -9, np.minimum(density, NECK_DENSITY), density)
    density = np.where(regions.to_lips[triangles[:, 0]] < 1.0, FACE_DENSITY * LIP_FACTOR, density)
    density = np.where(regions.to_lids[triangles[:, 0]] < 1.0, FACE_DENSITY * LID_FACTOR, density)
    density = np.where(regions.lid[triangles].min(1) > 0.6, FACE_DENSITY * FOLDED_FACTOR, density)
    density = density * regions.bust[triangles].all(1)
    row, weights = spread(vertices, triangles, density)
    position = np.einsum("njc,nj->nc", vertices[triangles[row]], weights)
    distance, mirrored = cKDTree(position).query(position * np.array([-1, 1, 1], np.float32))
    return SkinSamples(
        triangle=row,
        corners=triangles[row],
        weights=weights,
        density=density[row].astype(np.float32),
        position=position.astype(np.float32),
        mirrored=np.asarray(mirrored, np.int64),
        mirror_distance=np.asarray(distance),
    )


def sample_mouth(
    neutral: NDArray[np.float32], triangles: NDArray[np.int64], jaw_open: NDArray[np.float32]
) -> MouthSamples:
    """What an open mouth shows; ``jaw_open`` (V, 3) tells upper from lower."""
    last = triangles.max(1)
    socket = (triangles.min(1) >= MOUTH_SOCKET.start) & (last < MOUTH_SOCKET.stop)
    gums = (triangles.min(1) >= GUMS_AND_TONGUE.start) & (last < GUMS_AND_TONGUE.stop)
    teeth = (triangles.min(1) >= UPPER_TEETH.start) & (last < LOWER_TEETH.stop)
    chosen = triangles[socket | gums | teeth]
    density = np.select([socket, gums], [SOCKET_DENSITY, GUM_DENSITY], TOOTH_DENSITY)[socket | gums | teeth]
    row, weights = spread(neutral, chosen, density)
    corners = chosen[row]
    position = np.einsum("njc,nj->nc", neutral[corners], weights)
    sides = neutral[corners]
    normal = np.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    to_teeth = cKDTree(neutral[UPPER_TEETH.start : LOWER_TEETH.stop]).query(position)[0]
    tongue = step(to_teeth, 0.25, 0.7) * step(-position[:, 1], 2.3, 3.0) * (np.abs(position[:, 0]) < 2.2)
    kind = corners[:, 0]
    gum = (kind >= GUMS_AND_TONGUE.start) & (kind < GUMS_AND_TONGUE.stop)
    return MouthSamples(
        corners=corners,
        weights=weights,
        density=density[row].astype(np.float32),
        position=position.astype(np.float32),
        normal=normal.astype(np.float32),
        tooth=kind >= UPPER_TEETH.start,
        gum=gum,
        tongue=tongue * gum,
        lower=-jaw_open[corners[:, 0], 1] > 0.5,
    )
