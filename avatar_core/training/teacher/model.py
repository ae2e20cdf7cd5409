"""The ICT Face Model Light as the teacher uses it: arrays, regions, and everything that no portrait changes.

In: ``ict_face_model_light.npz`` and ``mp478_to_ict.npz`` (see `avatar_core.training.teacher_geometry`).
Out: `TeacherModel`. Units: centimetres, y up, z to the viewer; row 0 of anything per eye is the subject's right eye.
Every avatar shares the same surface samples, so textures can be exchanged sample by sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.sparse import csc_matrix, csr_matrix, diags

from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.tracking.topology import INNER_LIPS, LEFT_EYE_RING, MESH_COUNT, OUTER_LIPS, RIGHT_EYE_RING
from avatar_core.training.teacher.basis import LandmarkBasis
from avatar_core.training.teacher.regions import Regions, build_regions
from avatar_core.training.teacher.samples import MouthSamples, SkinSamples, areas, sample_mouth, sample_skin
from avatar_core.training.teacher_geometry import (
    CORRESPONDENCE_FILE,
    LEFT_EYE,
    MODEL_FILE,
    RIGHT_EYE,
    SKIN,
    VERTEX_COUNT,
    TrainingDataError,
    read_arrays,
    triangulate,
)

IDENTITY_COUNT = 100
LID_TRUST, LIP_TRUST = 2.0, 2.5
"""How much more the lids and lips count than the correspondence's own weights say."""
SPLINE_SMOOTHING = 2e-3


@dataclass(frozen=True)
class TeacherModel:
    """What no portrait changes.

    Args:
        neutral: (V, 3) float32; identity: (100, V, 3) float32 per standard deviation; expression: (53, V, 3) float32
            at full activation, in `ACTIVATION_NAMES` order.
        triangles: (T, 3) all parts; skin_triangles: (S, 3) the outer skin, vertices below 11248; skin_areas: (S,)
            of the neutral face, above 0.
        landmark_vertices, landmark_weights: (468, 3) mesh landmarks as barycentric points; basis: the model there.
        eye_centres: (2, 3); eye_shifts: (2, 100, 3) how identity moves them; eye_radius.
        regions, skin, mouth: see their modules.
        spline: (11248, 468) skin displacement per landmark displacement, faded out away from the face.
        normal_sum: (V, T) sparse, sums the face normals round each vertex.
        laplacian: (11248, 11248) sparse graph Laplacian of the skin; bilaplacian: its square.
    """

    neutral: NDArray[np.float32]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    triangles: NDArray[np.int64]
    skin_triangles: NDArray[np.int64]
    skin_areas: NDArray[np.float32]
    landmark_vertices: NDArray[np.int64]
    landmark_weights: NDArray[np.float64]
    basis: LandmarkBasis
    eye_centres: NDArray[np.float64]
    eye_shifts: NDArray[np.float64]
    eye_radius: float
    regions: Regions
    skin: SkinSamples
    mouth: MouthSamples
    spline: NDArray[np.float32]
    normal_sum: csr_matrix
    laplacian: csr_matrix
    bilaplacian: csc_matrix

    @classmethod
    def load(cls, data_folder: str | Path) -> TeacherModel:
        """Read the ICT files of ``data_folder`` and prepare everything that portraits share (seconds).

        Raises:
            TrainingDataError: a file is missing, unreadable or not the ICT Face Model Light.
        """
        folder = Path(data_folder)
        model = read_arrays(folder / MODEL_FILE, ("neutral", "identity", "expression", "expression_names", "quads"))
        points = read_arrays(
            folder / CORRESPONDENCE_FILE, ("verts", "bary", "weight", "eye_R_center", "eye_L_center", "eye_radius")
        )
        names = [str(name) for name in model["expression_names"]]
        missing = [name for name in ACTIVATION_NAMES if name not in names]
        if missing or len(model["neutral"]) < VERTEX_COUNT or len(model["identity"]) < IDENTITY_COUNT:
            raise TrainingDataError(
                f"{folder / MODEL_FILE}: not the ICT Face Model Light (lacks {missing[:3] or 'vertices or shapes'})."
                " Fetch the file again."
            )
        neutral = model["neutral"][:VERTEX_COUNT].astype(np.float32)
        expression = model["expression"][[names.index(name) for name in ACTIVATION_NAMES], :VERTEX_COUNT]
        expression = expression.astype(np.float32)
        expression[:, LEFT_EYE.start : RIGHT_EYE.stop] = 0  # eyeballs are turned by the gaze, not by shapes
        triangles = triangulate(model["quads"])
        triangles = triangles[(triangles < VERTEX_COUNT).all(1)]
        skin_triangles = triangles[(triangles < SKIN.stop).all(1)]
        vertices, weights = points["verts"].astype(np.int64), points["bary"].astype(np.float64)

        def at_points(values: NDArray[np.float32]) -> NDArray[np.float64]:
            return np.einsum("...kjc,kj->...kc", values[..., vertices, :].astype(np.float64), weights)

        identity = model["identity"][:IDENTITY_COUNT, :VERTEX_COUNT].astype(np.float32)
        landmarks = at_points(neutral)
        laplacian = graph_laplacian(skin_triangles, SKIN.stop)
        regions = build_regions(neutral, expression, landmarks, laplacian)
        return cls(
            neutral=neutral,
            identity=identity,
            expression=expression,
            triangles=triangles,
            skin_triangles=skin_triangles,
            skin_areas=np.maximum(areas(neutral, skin_triangles), 1e-6).astype(np.float32),
            landmark_vertices=vertices,
            landmark_weights=weights,
            basis=LandmarkBasis(landmarks, at_points(identity), at_points(expression), trust=_trust(points["weight"])),
            eye_shifts=np.stack([identity[:, part].mean(1) for part in (RIGHT_EYE, LEFT_EYE)]).astype(np.float64),
            eye_centres=np.stack([points["eye_R_center"], points["eye_L_center"]]).astype(np.float64),
            eye_radius=float(points["eye_radius"]),
            regions=regions,
            skin=sample_skin(neutral, skin_triangles, regions),
            mouth=sample_mouth(neutral, triangles, expression[ACTIVATION_NAMES.index("jawOpen")]),
            spline=_spline(landmarks, neutral[SKIN], regions),
            normal_sum=_incidence(triangles, VERTEX_COUNT),
            laplacian=laplacian,
            bilaplacian=(laplacian.T @ laplacian).tocsc(),
        )

    def shape(
        self, identity: NDArray[np.floating] | None = None, activations: NDArray[np.floating] | None = None
    ) -> NDArray[np.float32]:
        """Vertices (V, 3) of identity (100,) and activations (53,)."""
        vertices = self.neutral.copy()
        if identity is not None:
            vertices += np.tensordot(np.asarray(identity, np.float32), self.identity[: len(identity)], 1)
        if activations is not None:
            vertices += np.tensordot(np.asarray(activations, np.float32), self.expression, 1)
        return vertices

    def at_landmarks(self, vertices: NDArray[np.floating]) -> NDArray[np.float64]:
        """(..., V, 3) vertex values -> (..., 468, 3) at the mesh landmarks."""
        return np.einsum("...kjc,kj->...kc", vertices[..., self.landmark_vertices, :], self.landmark_weights)

    def eyes_of(self, identity: NDArray[np.floating]) -> NDArray[np.float64]:
        """(2, 3) centres of the eyeballs of identity (100,)."""
        return self.eye_centres + np.asarray(identity, np.float64) @ self.eye_shifts

    def normals(self, vertices: NDArray[np.floating]) -> NDArray[np.float32]:
        """(V, 3) unit normals, area-weighted."""
        corners = vertices[self.triangles]
        faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        total = self.normal_sum @ faces
        return np.asarray(total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-9), np.float32)


def _trust(weight: NDArray[np.floating]) -> NDArray[np.float64]:
    trust = weight[:MESH_COUNT].astype(np.float64)
    trust[list(RIGHT_EYE_RING + LEFT_EYE_RING)] *= LID_TRUST
    trust[list(INNER_LIPS + OUTER_LIPS)] *= LIP_TRUST
    return trust


def _incidence(triangles: NDArray[np.integer], count: int) -> csr_matrix:
    rows, columns = triangles.T.ravel(), np.tile(np.arange(len(triangles)), 3)
    return csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(count, len(triangles)))


def graph_laplacian(triangles: NDArray[np.integer], count: int) -> csr_matrix:
    """(count, count) identity less the mean over the neighbours."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    adjacency = csr_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    degree = np.maximum(np.asarray(adjacency.sum(1)).ravel(), 1.0)
    return (diags(np.ones(count)) - diags(1.0 / degree) @ adjacency).tocsr()


def _spline(
    landmarks: NDArray[np.float64], skin: NDArray[np.float32], regions: Regions
) -> NDArray[np.float32]:  # fmt: skip
    """The linear map from landmark to skin displacements: a biharmonic spline, faded out with distance."""
    near = np.flatnonzero(regions.follows_landmarks > 0)
    spline = RBFInterpolator(landmarks, np.eye(len(landmarks)), kernel="linear", smoothing=SPLINE_SMOOTHING)
    matrix = np.zeros((len(skin), len(landmarks)), np.float32)
    matrix[near] = spline(skin[near].astype(np.float64)) * regions.follows_landmarks[near, None]
    return matrix
