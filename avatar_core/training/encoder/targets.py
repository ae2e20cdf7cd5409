"""What the encoder should have said about one picture, from the teacher surface that the picture shows.

In: the lift's `Relief` of the picture and a `TeacherSurface`. Out: `Targets` on the encoder's grids.

The teacher's points are carried into the lift's head space along the picture's own rays, so that its outline stays on
the pixels it covers, whatever the focal length the picture was made with.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from avatar_core.camera import DEFAULT_RADIUS, Camera
from avatar_core.lift.canvas import CANVAS_SIZE, FOCAL, MARGIN_LEFT, MARGIN_TOP, UNITS_PER_PIXEL, project, unproject
from avatar_core.lift.maps import smoothstep
from avatar_core.lift.mesh import nearest_triangles
from avatar_core.lift.relief import Relief
from avatar_core.models.encoder.guide import GUIDE_SIZE
from avatar_core.models.encoder.layout import locate, rays, usable
from avatar_core.tracking.topology import MESH_COUNT

LARGEST_CORRECTION = 0.6  # inter-ocular distances; more is a wrong fit, not a shape
HIDDEN_BEHIND = 0.06  # inter-ocular distances behind the nearest surface from which a point counts as covered
COVER_DEPTH = 0.03  # inter-ocular distances
COVER_FARTHEST = 2.2  # canonical units from the axis: shoulders farther out hide nothing of the head
COVER_REACH = 9  # pixels
SEEN_LOW, SEEN_HIGH = 0.12, 0.38  # cosine to the view from which a point counts as seen, and fully


@dataclass(frozen=True)
class TeacherSurface:
    """The teacher as one picture shows it.

    Args:
        vertices: (V, 3); triangles: (T, 3) the outer skin, hair included; landmarks: (468, 3) MediaPipe's points on it.
        points: (n, 3) samples of the skin with colour (n, 3) in [0, 1] and trust (n,): 1 seen in the teacher's own
            photo, less where mirrored or made up.
        cover: (m, 3) samples of clothes and hanging hair: what they hide is not the encoder's to build.
        camera: in the same space as all of these; size: the picture's side in pixels.
    """

    vertices: NDArray[np.floating]
    triangles: NDArray[np.integer]
    landmarks: NDArray[np.floating]
    points: NDArray[np.floating]
    colour: NDArray[np.floating]
    trust: NDArray[np.floating]
    cover: NDArray[np.floating]
    camera: Camera
    size: int


@dataclass(frozen=True)
class Targets:
    """Args:
    correction, correction_weight: (160, 160) inter-ocular distances to add to the head's height, and where known.
    radius, radius_weight: (80, 120) canonical units along the layout's rays.
    presence: (80, 120) 1 where the picture does not show the surface.
    colour, colour_weight: (80, 120, 3) and (80, 120).
    """

    correction: NDArray[np.float32]
    correction_weight: NDArray[np.float32]
    radius: NDArray[np.float32]
    radius_weight: NDArray[np.float32]
    presence: NDArray[np.float32]
    colour: NDArray[np.float32]
    colour_weight: NDArray[np.float32]


def on_canvas(
    points: NDArray[np.floating], surface: TeacherSurface, picture_to_crop: NDArray[np.float64], level: float
) -> NDArray[np.float64]:
    """Canvas position and height (N, 3), pixels, of teacher points (N, 3).

    Args:
        picture_to_crop: (2, 3) the picture's pixels to the crop's.
        level: head-space z of the face: one face, one depth, from which the size of all depths follows.
    """
    camera = surface.camera
    placed = camera.project(points, surface.size, surface.size)
    depth = points @ camera.world2cam[2, :3] + camera.world2cam[2, 3]
    middle = float(np.median(surface.landmarks @ camera.world2cam[2, :3] + camera.world2cam[2, 3]))
    canvas = placed @ picture_to_crop[:, :2].T + picture_to_crop[:, 2] + np.array([MARGIN_LEFT, MARGIN_TOP])
    pixels = camera.pixel_intrinsics(surface.size, surface.size)[0, 0] / middle * picture_to_crop[0, 0]
    z = level + (middle - depth) * pixels * (DEFAULT_RADIUS - level) / FOCAL
    return np.column_stack([canvas, z / UNITS_PER_PIXEL])


def make_targets(
    relief: Relief, surface: TeacherSurface, picture_to_crop: NDArray[np.float64] | None = None
) -> Targets:
    """All targets of one picture; ``picture_to_crop`` (2, 3) unless the surface's pixels are those of the
    relief's photo."""
    affine = relief.canvas.image_to_crop if picture_to_crop is None else picture_to_crop
    level = float(np.median(relief.face.head[:MESH_COUNT, 2]))
    vertices = on_canvas(surface.vertices, surface, affine, level)
    points = on_canvas(surface.points, surface, affine, level)
    near = _front_height(vertices, surface.triangles)
    cover = on_canvas(surface.cover, surface, affine, level)
    correction, weight = _correction(near, _covered_pixels(cover, near, relief), relief)
    to_head = relief.face.to_head
    canonical = to_head.invert(unproject(vertices[:, 0], vertices[:, 1], vertices[:, 2]))
    samples = to_head.invert(unproject(points[:, 0], points[:, 1], points[:, 2]))
    origin, direction = rays()
    triangles = np.ascontiguousarray(surface.triangles, np.int64)
    radius, normal = _outermost(canonical, triangles, locate(canonical), origin, direction)
    shape = origin.shape[:2]
    hit = radius > 0
    radius = np.where(hit, radius, 1.0)
    reached = origin + radius[..., None] * direction
    seen = _seen(reached, normal, near, relief) * hit
    away, nearest = cKDTree(samples).query(reached.reshape(-1, 3), k=4)
    colour = surface.colour[nearest].mean(1).reshape(*shape, 3)
    trust = (surface.trust[nearest].mean(1) * (away[:, 0] < 0.1)).reshape(shape)
    beneath = _covered_cells(to_head.invert(unproject(cover[:, 0], cover[:, 1], cover[:, 2])), radius)
    hidden = cv2.blur(np.where(usable() & hit & ~beneath, 1 - seen, 0).astype(np.float32), (3, 3))
    return Targets(
        correction=correction,
        correction_weight=weight,
        radius=radius.astype(np.float32),
        radius_weight=hit.astype(np.float32),
        presence=(np.clip(2 * hidden, 0, 1) * (usable() & ~beneath)).astype(np.float32),
        colour=colour.astype(np.float32),
        colour_weight=(trust * hit).astype(np.float32),
    )


def _front_height(vertices: NDArray[np.float64], triangles: NDArray[np.integer]) -> NDArray[np.float32]:
    """(S, S) height of the nearest surface, NaN where there is none."""
    placed = vertices * np.array([1.0, 1.0, -1.0])
    index, weights = nearest_triangles(placed, np.ascontiguousarray(triangles, np.int32), CANVAS_SIZE)
    heights = (vertices[:, 2][triangles[index]] * weights).sum(-1)
    return np.where(index >= 0, heights, np.nan).astype(np.float32)


def _covered_pixels(cover: NDArray[np.float64], near: NDArray[np.float32], relief: Relief) -> NDArray[np.bool_]:
    """(S, S) where clothes or hanging hair lie in front of the head's surface, or close behind its edge."""
    x, y = cover[:, 0].astype(int), cover[:, 1].astype(int)
    inside = (x >= 0) & (x < CANVAS_SIZE) & (y >= 0) & (y < CANVAS_SIZE)
    x, y = x[inside], y[inside]
    behind = np.nan_to_num(near[y, x], nan=-1e9)
    ahead = cover[inside, 2] > behind - COVER_DEPTH * relief.face.eye_distance
    mask = np.zeros((CANVAS_SIZE, CANVAS_SIZE), np.uint8)
    mask[y[ahead], x[ahead]] = 1
    return cv2.dilate(mask, np.ones((COVER_REACH, COVER_REACH), np.uint8)) > 0


def _covered_cells(cover: NDArray[np.float64], radius: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(80, 120) cells beneath clothes or hanging hair, given in canonical space (m, 3)."""
    rows, columns = radius.shape
    place = locate(cover)
    within = (place[:, 0] < rows) & (place[:, 2] < COVER_FARTHEST)
    row, column = np.minimum(place[within, 0].astype(int), rows - 1), place[within, 1].astype(int) % columns
    above = place[within, 2] > radius[row, column] - COVER_DEPTH
    mask = np.zeros((rows, columns), np.uint8)
    mask[row[above], column[above]] = 1
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return closed > 0


def _correction(
    near: NDArray[np.float32], covered: NDArray[np.bool_], relief: Relief
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    # The face counts, although it is not corrected: what the network says beside it has to join it.
    known = np.isfinite(near) & (relief.matte.alpha > 0.5) & ~covered
    difference = np.where(known, near - relief.surfaces.head, 0) / relief.face.eye_distance
    known &= np.abs(difference) < LARGEST_CORRECTION
    known &= ~(relief.face.body | relief.face.mouth | relief.face.eyes.any(0))
    weight = known.astype(np.float32)
    size = (GUIDE_SIZE, GUIDE_SIZE)
    small = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    moved = cv2.resize((difference * weight).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(moved / np.maximum(small, 1e-3), np.float32), np.asarray(small, np.float32)


def _seen(
    points: NDArray[np.float64], normal: NDArray[np.float64], near: NDArray[np.float32], relief: Relief
) -> NDArray[np.float64]:
    """(R, C) in [0, 1]: how well the picture shows canonical surface points (R, C, 3)."""
    to_head = relief.face.to_head
    placed = project(to_head.apply(points.reshape(-1, 3)))
    x, y = (np.clip(placed[:, axis].astype(int), 0, CANVAS_SIZE - 1) for axis in (0, 1))
    inside = ((placed[:, :2] >= 0) & (placed[:, :2] < CANVAS_SIZE)).all(1)
    nearest = np.nan_to_num(near[y, x], nan=-1e9)
    uncovered = placed[:, 2] > nearest - HIDDEN_BEHIND * relief.face.eye_distance
    facing = normal.reshape(-1, 3) @ to_head.rotation[2]
    share = smoothstep((facing - SEEN_LOW) / (SEEN_HIGH - SEEN_LOW))
    covered = smoothstep((relief.matte.alpha[y, x] - 0.4) / 0.5) * relief.canvas.valid[y, x]
    return (share * uncovered * covered * inside).reshape(points.shape[:2])


@njit(cache=True)
def _outermost(vertices, triangles, place, origin, direction):
    """Largest distance along each ray of the layout (R, C) to a triangle (0 without one), and that triangle's unit
    normal along the ray (R, C, 3); ``place`` (V, 3) are the vertices' rows and columns."""
    rows, columns = origin.shape[:2]
    radius = np.zeros((rows, columns))
    normal = np.zeros((rows, columns, 3))
    for k in range(triangles.shape[0]):
        i, j, m = triangles[k, 0], triangles[k, 1], triangles[k, 2]
        first, last = min(place[i, 0], place[j, 0], place[m, 0]), max(place[i, 0], place[j, 0], place[m, 0])
        left, right = min(place[i, 1], place[j, 1], place[m, 1]), max(place[i, 1], place[j, 1], place[m, 1])
        if right - left > columns / 2:  # across the seam at the back, or round the crown
            left, right = 0.0, float(columns)
        a, b, c = vertices[i], vertices[j], vertices[m]
        ex, ey, ez = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        fx, fy, fz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        for row in range(max(0, int(first) - 1), min(rows, int(last) + 2)):
            for column in range(max(0, int(left) - 1), min(columns, int(right) + 2)):
                dx, dy, dz = direction[row, column]
                px = a[0] - origin[row, column, 0]
                py = a[1] - origin[row, column, 1]
                pz = a[2] - origin[row, column, 2]
                hx, hy, hz = dy * fz - dz * fy, dz * fx - dx * fz, dx * fy - dy * fx
                det = ex * hx + ey * hy + ez * hz
                if abs(det) < 1e-12:
                    continue
                u = -(px * hx + py * hy + pz * hz) / det
                qx, qy, qz = -(py * ez - pz * ey), -(pz * ex - px * ez), -(px * ey - py * ex)
                v = (dx * qx + dy * qy + dz * qz) / det
                t = (fx * qx + fy * qy + fz * qz) / det
                if u < 0 or v < 0 or u + v > 1 or t < 0.05 or t <= radius[row, column]:
                    continue
                radius[row, column] = t
                nx, ny, nz = ey * fz - ez * fy, ez * fx - ex * fz, ex * fy - ey * fx
                length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-12
                if nx * dx + ny * dy + nz * dz < 0:
                    length = -length
                normal[row, column, 0], normal[row, column, 1], normal[row, column, 2] = (
                    nx / length, ny / length, nz / length,
                )  # fmt: skip
    return radius, normal
