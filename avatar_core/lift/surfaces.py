"""Relief of head, body and the back of both from the face mesh, the silhouette and a prior of the skull.

In: coverage (S, S) and `FacePlacement`. Out: `Surfaces`, height maps in canvas pixels (towards the viewer above the
head centre's plane).

A relief H with laplace(H) = -4 k is an ellipse in cross-section when height = sqrt(H): it is zero on the silhouette's
rim and swells inwards. The face mesh holds it where there is one. The rim lies in the plane where a head is widest,
behind the ears, but follows the jaw where that is the outline.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift import poisson
from avatar_core.lift.canvas import UNITS_PER_PIXEL
from avatar_core.lift.fill import nearest, push_pull
from avatar_core.lift.maps import distance_from, smoothstep
from avatar_core.lift.pose import FacePlacement
from avatar_core.tracking.topology import CHIN, JAW_LINE

SOFT_RIM = 0.10  # inter-ocular distances: limits the slope at the rim
RIM_PLANE = -0.78  # canonical z of the widest section of the head
SHOULDER_PLANE = -0.85
JAW_SLOPE, JAW_CLEARANCE = 2.5, 2.0
"""How steeply the underside of the jaw goes back, and how many pixels it stays in front of the neck."""
JAW_REACH = 0.10  # inter-ocular distances over which the rim leaves the jaw for its plane

CROWN_SWELL, COLLAR_SWELL = 0.95, 0.12  # k above the chin and at the chest
CHEST_START = 0.8  # inter-ocular distances below the chin where the chest's swell is reached

NECK_CENTRE_Z, NECK_HALF_WIDTH, NECK_HALF_DEPTH = -0.85, 0.56, 0.58
SKULL_CENTRE = np.array([0.0, 0.28, -0.78])
SKULL_RADII = np.array([0.88, 0.98, 1.08])
HAIR_BEHIND = 0.08
BACK_SWELL = 1.25
NAPE_SWELL = 1.1
NAPE_DEPTH = 0.85  # how far nape and upper back lie behind the rim, inter-ocular distances
OUTLINE_BAND = 0.12  # inter-ocular distances from the silhouette over which the far side leaves the near one's rim


@dataclass(frozen=True)
class Surfaces:
    """Height maps (S, S) in pixels, each smooth beyond its own region.

    Args:
        head: face, ears, hair; body: neck and clothes, going on behind the jaw; back: the far side.
    """

    head: NDArray[np.float32]
    body: NDArray[np.float32]
    back: NDArray[np.float32]


def _compress(height: NDArray[np.floating], soft: float) -> NDArray[np.float32]:
    """Height over the rim -> relief H; the inverse of `_expand`, linear below the rim."""
    return np.where(height >= 0, (height + soft) ** 2 - soft**2, 2 * soft * height).astype(np.float32)


def _expand(relief: NDArray[np.floating], soft: float) -> NDArray[np.float32]:
    raised = np.sqrt(np.maximum(relief, 0) + soft**2) - soft
    return np.where(relief >= 0, raised, relief / (2 * soft)).astype(np.float32)


def _half(values: NDArray[np.generic]) -> NDArray[np.float32]:
    size = (values.shape[1] // 2, values.shape[0] // 2)
    return np.asarray(cv2.resize(np.asarray(values, np.float32), size, interpolation=cv2.INTER_AREA), np.float32)


def _double(values: NDArray[np.float32]) -> NDArray[np.float32]:
    size = (values.shape[1] * 2, values.shape[0] * 2)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)


def build_surfaces(alpha: NDArray[np.float32], face: FacePlacement) -> Surfaces:
    """Solve front and back relief; all work is done at half resolution, the face itself at full resolution."""
    mesh_height = _mesh_height(face)
    inside = face.mesh.inside
    unit = face.eye_distance / 2  # inter-ocular distance in half-resolution pixels
    soft = SOFT_RIM * unit
    solid = _half(alpha) > 0.5
    in_face = _half(inside) > 0.99
    body = (_half(face.body) > 0.5) & ~in_face
    head = solid & ~body & ~in_face
    rim = _rim_height(face, solid.shape) / 2
    shoulder = float(face.height_of(np.array([0.0, -1.4, SHOULDER_PLANE]))) / 2
    rows = np.arange(solid.shape[0], dtype=np.float32)[:, None]
    chin_y = face.landmarks[CHIN, 1] / 2

    coupling = _coupling(face, solid.shape)
    base = np.where(body, coupling * rim + (1 - coupling) * shoulder, rim).astype(np.float32)
    face_half = _half(np.where(inside, mesh_height, 0)) / np.maximum(_half(inside), 1e-3) / 2
    role = np.full(solid.shape, poisson.FIXED, np.uint8)
    role[head] = poisson.HEAD
    role[solid & body] = poisson.BODY
    role[in_face] = poisson.FACE
    value = np.where(in_face, _compress(face_half - base, soft), 0).astype(np.float32)

    neck_height, neck = _neck(face, solid.shape)
    neck &= solid & body
    role[neck] = poisson.FIXED
    value[neck] = _compress(neck_height - base, soft)[neck]
    swell = np.interp(rows, [chin_y, chin_y + CHEST_START * unit], [CROWN_SWELL, COLLAR_SWELL]).astype(np.float32)
    relief = poisson.solve(role, value, np.broadcast_to(-4 * swell, solid.shape), coupling)
    front = base + _expand(relief, soft)

    head_map = _smooth_fill(front, head, in_face, face_half)
    body_map = push_pull(front, (solid & body).astype(np.float32))
    head_full = _blend_seam(2 * _double(head_map), mesh_height, face, alpha)
    body_full = 2 * _double(body_map)
    edge = nearest(head_full[..., None], inside)[..., 0]
    under_jaw = np.maximum(edge - JAW_SLOPE * face.jaw_edge, np.minimum(edge, body_full + JAW_CLEARANCE))
    head_full = np.where(face.jaw_edge > 0, under_jaw, head_full)
    back = _back(solid, rim, _rim_plane(face) / 2, chin_y, unit)
    return Surfaces(head_full, body_full, 2 * _double(back))


def _mesh_height(face: FacePlacement) -> NDArray[np.float32]:
    """Height of the face mesh (S, S), slightly smoothed: the triangles' edges would show in turned views."""
    inside = face.mesh.inside.astype(np.float32)
    centre = face.head[:, 2] / UNITS_PER_PIXEL
    height = face.mesh.interpolate(centre)
    blurred = cv2.GaussianBlur(height * inside, (0, 0), 2.0) / np.maximum(cv2.GaussianBlur(inside, (0, 0), 2.0), 1e-3)
    return np.where(face.mesh.inside, blurred, 0).astype(np.float32)


def _rim_plane(face: FacePlacement) -> float:
    """Height of the head's widest plane, canvas pixels."""
    return float(face.height_of(np.array([0.0, 0.28, RIM_PLANE])))


def _rim_height(face: FacePlacement, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Height of the silhouette (H, W), canvas pixels: the head's widest plane, and the jaw line close to it."""
    plane = _rim_plane(face)
    jaw = face.landmarks[list(JAW_LINE)]
    dense = np.linspace(0, len(jaw) - 1, 8 * len(jaw))
    along = np.stack([np.interp(dense, np.arange(len(jaw)), jaw[:, axis]) for axis in range(2)], axis=-1)
    heights = np.interp(dense, np.arange(len(jaw)), face.head[list(JAW_LINE), 2] / UNITS_PER_PIXEL)
    mark = np.ones(shape, np.uint8)
    cells = np.clip((along / 2).astype(int), 0, shape[0] - 1)
    mark[cells[:, 1], cells[:, 0]] = 0
    distance, label = cv2.distanceTransformWithLabels(mark, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    table = np.full(int(label.max()) + 1, plane, np.float32)
    table[label[cells[:, 1], cells[:, 0]]] = heights
    near = np.exp(-((2 * distance / (JAW_REACH * face.eye_distance)) ** 2)).astype(np.float32)
    return plane + near * (table[label] - plane)


def _coupling(face: FacePlacement, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """(H, W): hair beside the upper jaw hangs on the face, what lies beside the chin does not."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None] + 0.5
    top = 0.5 * (face.landmarks[JAW_LINE[1], 1] + face.landmarks[JAW_LINE[-2], 1]) / 2
    bottom = 0.5 * (face.landmarks[JAW_LINE[5], 1] + face.landmarks[JAW_LINE[-6], 1]) / 2
    share = np.clip((bottom - rows) / max(bottom - top, 1.0), 0, 1)
    return np.broadcast_to(smoothstep(share), shape)


def _neck(face: FacePlacement, shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Front of the neck's cylinder (half-resolution heights) and the band below the jaw where it is certain."""
    unit = face.eye_distance / 2
    columns = np.arange(shape[1], dtype=np.float32)[None, :] + 0.5
    rows = np.arange(shape[0], dtype=np.float32)[:, None] + 0.5
    chin = face.landmarks[CHIN] / 2
    turned = face.to_head.rotation @ np.array([0.0, 0.0, NECK_CENTRE_Z])
    middle = chin[0] + (turned[0] - (face.to_head.rotation @ np.array([0.0, 0.0, 0.13]))[0]) * unit
    offset = (columns - middle) / (NECK_HALF_WIDTH * unit)
    centre = float(face.height_of(np.array([0.0, -1.3, NECK_CENTRE_Z]))) / 2
    height = centre + NECK_HALF_DEPTH * unit * np.sqrt(np.maximum(0.08, 1 - offset**2))
    certain = (np.abs(offset) < 0.8) & (rows > chin[1] + 0.06 * unit) & (rows < chin[1] + 0.30 * unit)
    return np.broadcast_to(height, shape).astype(np.float32), certain


def _smooth_fill(
    front: NDArray[np.float32], head: NDArray[np.bool_], in_face: NDArray[np.bool_], face_height: NDArray[np.float32]
) -> NDArray[np.float32]:
    known = head | in_face
    return push_pull(np.where(in_face, face_height, front), known.astype(np.float32))


def _blend_seam(
    head: NDArray[np.float32], mesh_height: NDArray[np.float32], face: FacePlacement, alpha: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Face mesh and relief in one map, smoothed in a narrow band where they meet."""
    inside = face.mesh.inside
    joined = np.where(inside, mesh_height, head)
    region = ((alpha > 0.5) & ~face.body).astype(np.float32)
    smooth = cv2.GaussianBlur(joined * region, (0, 0), 3.0) / np.maximum(cv2.GaussianBlur(region, (0, 0), 3.0), 1e-3)
    brush = np.ones((13, 13), np.uint8)
    mask = inside.astype(np.uint8)
    band = (cv2.dilate(mask, brush) > 0) & (cv2.erode(mask, brush) == 0) & (region > 0)
    share = cv2.GaussianBlur(band.astype(np.float32), (0, 0), 1.5) * region
    return joined * (1 - share) + smooth * share


def _back(
    solid: NDArray[np.bool_], rim: NDArray[np.float32], plane: float, chin_y: float, unit: float
) -> NDArray[np.float32]:
    """Far side (half resolution): the silhouette's relief, saturating at the skull's depth, at the nape below. It
    starts from the near side's rim, and inside of the silhouette from the widest ``plane``: the jaw does not lead it
    there."""
    rows = np.arange(solid.shape[0], dtype=np.float32)[:, None]
    levels = [chin_y - 1.0 * unit, chin_y - 0.1 * unit]
    role = np.where(solid, poisson.HEAD, poisson.FIXED).astype(np.uint8)
    swell = np.broadcast_to(np.interp(rows, levels, [BACK_SWELL, NAPE_SWELL]).astype(np.float32), solid.shape)
    soft = SOFT_RIM * unit
    depth = _expand(poisson.solve(role, np.zeros(solid.shape, np.float32), -4 * swell), soft)
    skull = (SKULL_RADII[2] + HAIR_BEHIND + (RIM_PLANE - SKULL_CENTRE[2])) * unit
    limit = np.interp(rows, levels, [skull, NAPE_DEPTH * unit]).astype(np.float32)
    saturated = depth / (1 + (depth / limit) ** 4) ** 0.25
    start = plane + (rim - plane) * np.exp(-((distance_from(~solid) / (OUTLINE_BAND * unit)) ** 2))
    return np.where(solid, start - saturated, rim).astype(np.float32)
