"""The teacher's meshes in canonical space: ICT Face Model Light, mapped onto our mean face.

In: ``ict_face_model_light.npz`` (neutral (V, 3) cm, expression (57, V, 3), quads) and ``mp478_to_ict.npz`` (where each
of MediaPipe's 468 mesh landmarks lies on the ICT surface, barycentric).
Out: `TeacherGeometry`, everything in canonical units (inter-ocular distances): vertices that lie on the mean face where
the landmarks do, displacements of the 53 named shapes, part labels.

The map is the similarity of the landmarks followed by a spline of what remains, faded out away from the face, so the
back of the head, teeth and eyeballs move by the similarity and a translation alone. Displacements go through the
similarity only: the spline is there to make coordinates agree, not to bend motion.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from avatar_core.avatar import PART_NAMES
from avatar_core.errors import AvatarError
from avatar_core.models.anatomy import EYEBALL_CENTRES, EYEBALL_RADIUS, skin_part
from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.tracking.align import similarity
from avatar_core.tracking.topology import INNER_LIPS, LEFT_EYE_RING, MESH_COUNT, RIGHT_EYE_RING

FACE = slice(0, 9409)
HEAD_AND_NECK = slice(9409, 11248)
MOUTH_SOCKET = slice(11248, 13294)
EYE_SOCKETS = slice(13294, 14062)
GUMS_AND_TONGUE = slice(14062, 17039)
UPPER_TEETH = slice(17039, 19247)
LOWER_TEETH = slice(19247, 21451)
LEFT_EYE = slice(21451, 23021)
RIGHT_EYE = slice(23021, 24591)
VERTEX_COUNT = 24591
"""Vertices up to here are used; the rest of the file (lashes, lacrimal fluid) is left out."""
SKIN = slice(0, 11248)

FADE_START, FADE_DISTANCE = 0.15, 0.4
"""Distance from the nearest landmark within which the spline holds in full, and its decay beyond."""
SPLINE_SMOOTHING = 1e-4
JAW_DROP_OF_GUMS = 0.5
"""Centimetres of jaw-open motion above which a vertex of the gums belongs to the lower jaw."""

MODEL_FILE = "ict_face_model_light.npz"
CORRESPONDENCE_FILE = "mp478_to_ict.npz"


class TrainingDataError(AvatarError):
    """Training data is missing or is not what its name says."""


@dataclass(frozen=True)
class TeacherGeometry:
    """The teacher at rest and its linear motion, canonical space.

    Args:
        vertices: (V, 3) rest positions on the mean face.
        triangles: (T, 3) vertex indices.
        label: (V,) part labels (index into `PART_NAMES`).
        shapes: (53, V, 3) displacement at full activation, in `ACTIVATION_NAMES` order; eyeballs have none.
        landmark_vertices: (468, 3) and landmark_weights: (468, 3): mesh landmarks as barycentric points.
        centimetre: one ICT centimetre in canonical units.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]
    label: NDArray[np.int64]
    shapes: NDArray[np.float32]
    landmark_vertices: NDArray[np.int64]
    landmark_weights: NDArray[np.float64]
    centimetre: float

    def at_landmarks(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Vertex values (..., V, 3) -> values at the mesh landmarks (..., 468, 3)."""
        return np.einsum("...kjc,kj->...kc", values[..., self.landmark_vertices, :], self.landmark_weights)

    def vertex_normals(self) -> NDArray[np.float64]:
        """(V, 3) unit normals, area-weighted."""
        corners = self.vertices[self.triangles]
        face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals = np.zeros_like(self.vertices)
        for corner in range(3):
            np.add.at(normals, self.triangles[:, corner], face_normals)
        return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)


def read_arrays(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """The named arrays of an ``.npz`` file.

    Raises:
        TrainingDataError: missing, unreadable, or without one of the arrays.
    """
    if not path.is_file():
        raise TrainingDataError(
            f"{path}: not found. Point --data at the folder with {MODEL_FILE}, {CORRESPONDENCE_FILE} and the clips "
            "(weights/MODEL_CARD.md lists what is needed and where it comes from)."
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except (OSError, ValueError, KeyError) as error:
        raise TrainingDataError(f"{path}: cannot be used as training data ({error}). Fetch the file again.") from error


def triangulate(quads: NDArray[np.integer]) -> NDArray[np.int64]:
    """Quads (Q, 4), -1 in the last column for triangles -> triangles (T, 3)."""
    four_sided = quads[:, 3] >= 0
    return np.concatenate([quads[:, [0, 1, 2]], quads[four_sided][:, [0, 2, 3]]]).astype(np.int64)


def _labels(
    vertices: NDArray[np.float64], neutral: NDArray[np.float64], jaw_drop: NDArray[np.float64],
    mean_face: NDArray[np.float64],
) -> NDArray[np.int64]:  # fmt: skip
    """Part label (V,) of every vertex; ``neutral`` in cm and ``jaw_drop`` (V,) cm find the tongue and lower gums."""
    index = PART_NAMES.index
    label = np.zeros(VERTEX_COUNT, np.int64)
    label[FACE] = skin_part(vertices[FACE], mean_face)
    label[HEAD_AND_NECK] = index("head_neck")
    label[MOUTH_SOCKET] = index("mouth_socket")
    label[EYE_SOCKETS] = index("eye_socket")
    gums = neutral[GUMS_AND_TONGUE]
    label[GUMS_AND_TONGUE] = np.where(
        jaw_drop[GUMS_AND_TONGUE] > JAW_DROP_OF_GUMS, index("lower_gums"), index("upper_gums")
    )
    teeth_distance = cKDTree(neutral[UPPER_TEETH.start : LOWER_TEETH.stop]).query(gums)[0]
    tongue = (teeth_distance > 0.5) & (gums[:, 1] < -2.7) & (np.abs(gums[:, 0]) < 2.0)
    label[GUMS_AND_TONGUE][tongue] = index("tongue")
    label[UPPER_TEETH], label[LOWER_TEETH] = index("upper_teeth"), index("lower_teeth")
    label[LEFT_EYE], label[RIGHT_EYE] = index("left_eyeball"), index("right_eyeball")
    return label


def load_teacher(folder: Path, mean_face: NDArray[np.floating]) -> TeacherGeometry:
    """Read the ICT model from ``folder`` and map it onto ``mean_face`` (478, 3).

    Raises:
        TrainingDataError: a file is missing, unreadable or incomplete.
    """
    model = read_arrays(folder / MODEL_FILE, ("neutral", "expression", "expression_names", "quads"))
    points = read_arrays(folder / CORRESPONDENCE_FILE, ("verts", "bary", "weight"))
    names = [str(name) for name in model["expression_names"]]
    missing = [name for name in ACTIVATION_NAMES if name not in names]
    if missing or len(model["neutral"]) < VERTEX_COUNT:
        raise TrainingDataError(
            f"{folder / MODEL_FILE}: not the ICT Face Model Light (lacks {missing[:3] or 'vertices'})"
        )
    neutral = model["neutral"][:VERTEX_COUNT].astype(np.float64)
    order = [names.index(name) for name in ACTIVATION_NAMES]
    shapes = model["expression"][order, :VERTEX_COUNT].astype(np.float32)
    landmark_vertices = points["verts"].astype(np.int64)
    landmark_weights = points["bary"].astype(np.float64)
    trust = points["weight"][:MESH_COUNT].astype(np.float64)

    mean = np.asarray(mean_face, np.float64)
    landmarks = np.einsum("kjc,kj->kc", neutral[landmark_vertices], landmark_weights)
    to_canonical = similarity(landmarks, mean[:MESH_COUNT], trust)
    centimetre = to_canonical.scale
    mapped = to_canonical.apply(landmarks)
    residual = mean[:MESH_COUNT] - mapped
    spline = RBFInterpolator(mapped, residual, kernel="linear", smoothing=SPLINE_SMOOTHING)

    vertices = to_canonical.apply(neutral)
    distance = cKDTree(mapped).query(vertices)[0]
    fade = np.exp(-((np.maximum(distance - FADE_START, 0) / FADE_DISTANCE) ** 2))[:, None]
    shift = fade * spline(vertices)
    shift[MOUTH_SOCKET.start : LOWER_TEETH.stop] = residual[list(INNER_LIPS)].mean(0)
    shift[EYE_SOCKETS] = np.where(
        vertices[EYE_SOCKETS, :1] < 0, residual[list(RIGHT_EYE_RING)].mean(0), residual[list(LEFT_EYE_RING)].mean(0)
    )
    vertices = vertices + shift
    for part, centre in ((RIGHT_EYE, EYEBALL_CENTRES[0]), (LEFT_EYE, EYEBALL_CENTRES[1])):
        radius = np.linalg.norm(neutral[part] - neutral[part].mean(0), axis=1).max()
        vertices[part] = centre + (neutral[part] - neutral[part].mean(0)) * (EYEBALL_RADIUS / radius)

    turned = shapes.reshape(-1, 3) @ to_canonical.rotation.T.astype(np.float32) * np.float32(centimetre)
    canonical_shapes = turned.reshape(shapes.shape)
    canonical_shapes[:, LEFT_EYE.start :] = 0
    triangles = triangulate(model["quads"])
    return TeacherGeometry(
        vertices=vertices,
        triangles=triangles[(triangles < VERTEX_COUNT).all(1)],
        label=_labels(vertices, neutral, -shapes[ACTIVATION_NAMES.index("jawOpen"), :, 1].astype(np.float64), mean),
        shapes=canonical_shapes,
        landmark_vertices=landmark_vertices,
        landmark_weights=landmark_weights,
        centimetre=centimetre,
    )
