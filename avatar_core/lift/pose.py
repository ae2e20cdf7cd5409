"""The face of the photo in head space: repaired landmarks, canonical frame, and the partition of the canvas.

In: `Canvas` and `FaceModel`. Out: `FacePlacement`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import UNITS_PER_PIXEL, Canvas, unproject
from avatar_core.lift.jaw import trace_jaw
from avatar_core.lift.maps import distance_from
from avatar_core.lift.mesh import MeshMap, draw_mesh, polygon_mask
from avatar_core.tracking.align import Similarity
from avatar_core.tracking.face_model import FaceModel, image_to_axes_up
from avatar_core.tracking.neutral import NeutralEstimator
from avatar_core.tracking.open_mouth import lip_to_chin, repair_open_mouth
from avatar_core.tracking.topology import (
    CHIN,
    INNER_LIPS,
    JAW_LINE,
    LEFT_EYE_RING,
    LOWER_LIP_INNER,
    RIGHT_EYE_RING,
    UPPER_LIP_INNER,
)  # fmt: skip

HEAD_CENTRE = np.array([0.0, -0.30, -0.60])
"""Canonical point whose depth is head space's z = 0."""
PIVOT = np.array([0.0, -0.80, -0.75])
"""Canonical point the head turns about: the base of the skull."""
OPEN_MOUTH = 0.1  # inner lip gap in inter-ocular distances from which the chin's landmarks are distrusted
FACING = np.radians(8.0)  # a face turned less shows both sides of its jaw
RIM_BLUR, RIM_GAIN = 1.2, 1.7  # pixels of the jaw's edge that turn soft, and how soft
LIP_SEAM = 2.2  # pixels of mean gap below which the mouth counts as shut: what lies between is the lips' own shadow


@dataclass(frozen=True)
class FacePlacement:
    """Where the face is.

    Args:
        landmarks: (478, 3) canvas pixels, z away, wide-open mouths repaired.
        head: (478, 3) the same in head space.
        canonical: (478, 3) the same in canonical space, pose and size removed; neutral: (478, 3)
            the same with the expression removed.
        to_head: canonical -> head space.
        eye_distance: inter-ocular distance in canvas pixels.
        mesh: the mesh drawn on the canvas, its holes closed.
        eyes: (2, S, S) the openings of the right and left eye; mouth: (S, S) the opening, empty when the mouth is shut.
        body: (S, S) below the jaw line: neck, shoulders, hair that falls on them; not the face.
        jaw_edge: (S, S) pixels from the mesh in the strip below it that is still jaw, 0 elsewhere.
        gives_way: (S, S) how far a pixel of the head leaves its place to what lies behind it, in [0, 1]: on the jaw's
            very edge it is half body.
    """

    landmarks: NDArray[np.float64]
    head: NDArray[np.float64]
    canonical: NDArray[np.float64]
    neutral: NDArray[np.float64]
    to_head: Similarity
    eye_distance: float
    mesh: MeshMap
    eyes: NDArray[np.bool_]
    mouth: NDArray[np.bool_]
    body: NDArray[np.bool_]
    jaw_edge: NDArray[np.float32]
    gives_way: NDArray[np.float32]

    def height_of(self, canonical: NDArray[np.floating]) -> NDArray[np.float64]:
        """Canvas height (pixels towards the viewer) of canonical points (..., 3)."""
        return self.to_head.apply(canonical)[..., 2] / UNITS_PER_PIXEL


def place_face(canvas: Canvas, face_model: FaceModel) -> FacePlacement:
    """Repair, align and rasterise the landmarks of ``canvas``."""
    size = canvas.image.shape[0]
    estimator = NeutralEstimator(face_model)
    canonical, to_image = face_model.canonicalise(image_to_axes_up(canvas.landmarks))
    landmarks = canvas.landmarks
    if np.linalg.norm(canonical[UPPER_LIP_INNER] - canonical[LOWER_LIP_INNER]) > OPEN_MOUTH:
        neutral_chin = lip_to_chin(estimator.neutral(canonical))
        repaired = repair_open_mouth(canonical, face_model.mean, neutral_chin)
        landmarks = image_to_axes_up(to_image.apply(repaired))
    centre_height = to_image.apply(HEAD_CENTRE)[2]
    heights = -landmarks[:, 2] - centre_height
    head = unproject(landmarks[:, 0], landmarks[:, 1], heights).astype(np.float64)
    canonical, to_head = face_model.canonicalise(head)
    eyes = np.stack([polygon_mask(landmarks[list(ring), :2], size) for ring in (RIGHT_EYE_RING, LEFT_EYE_RING)])
    mesh = draw_mesh(landmarks, size)
    unit = to_head.scale / UNITS_PER_PIXEL
    far = _far_side(landmarks, to_head.rotation, size)
    below_mesh = _below(landmarks[list(JAW_LINE[1:-1]), :2], size) & ~mesh.inside
    below_edge = _below(trace_jaw(canvas.image, landmarks, unit), size)
    body = np.where(far, below_mesh, below_edge)
    fringe = below_mesh & ~body
    softened = cv2.GaussianBlur(body.astype(np.float32), (0, 0), RIM_BLUR)
    return FacePlacement(
        landmarks=landmarks,
        head=head,
        canonical=canonical,
        neutral=estimator.neutral_of_photo(canonical),
        to_head=to_head,
        eye_distance=unit,
        mesh=mesh,
        eyes=eyes,
        mouth=_mouth_opening(landmarks, size),
        body=body,
        jaw_edge=np.where(fringe, distance_from(mesh.inside), 0).astype(np.float32),
        gives_way=np.where(far | body, 0, np.clip(RIM_GAIN * softened, 0, 1)).astype(np.float32),
    )


def _mouth_opening(landmarks: NDArray[np.float64], size: int) -> NDArray[np.bool_]:
    outline = landmarks[list(INNER_LIPS), :2]
    opening = polygon_mask(outline, size)
    width = np.linalg.norm(outline[10] - outline[0])
    if opening.sum() < LIP_SEAM * width:
        return np.zeros_like(opening)
    return opening


def _far_side(landmarks: NDArray[np.float64], rotation: NDArray[np.float64], size: int) -> NDArray[np.bool_]:
    """(S, S) beside the chin where a turned face ends at its own silhouette: what lies beyond is not jaw."""
    yaw = np.arctan2(rotation[0, 2], rotation[2, 2])
    right_of_chin = np.arange(size)[None, :] + 0.5 > landmarks[CHIN, 0]
    far = right_of_chin if yaw > 0 else ~right_of_chin
    return np.broadcast_to(far & (abs(yaw) > FACING), (size, size))


def _below(jaw: NDArray[np.float64], size: int) -> NDArray[np.bool_]:
    """(S, S) below the jaw's outline (K, 2), which goes from the image's left to its right, and beside it."""
    beyond = 4.0 * size
    outline = [*jaw, [beyond, jaw[-1, 1]], [beyond, beyond], [-beyond, beyond], [-beyond, jaw[0, 1]]]
    return polygon_mask(np.array(outline), size)
