"""Colours of the skin samples: what the photo shows, else the mirrored side, else a smooth continuation.

In: geometry at the photo's expression, the picture with its colours continued outwards, the matte. Out: `SkinColours`.
The continuation is biharmonic on the mesh (least squares with the graph bi-Laplacian); fine detail comes from the
mirrored side of the face and, on the back of the head, from the seen hair.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import diags
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher.regions import step
from avatar_core.training.teacher.samples import SkinSamples
from avatar_core.training.teacher.view import View, nearest_depth, sample
from avatar_core.training.teacher_geometry import EYE_SOCKETS, SKIN

GRAZING, FACING = 0.12, 0.40
"""Cosines to the viewing ray between which a sample's own pixel comes to be trusted."""
OCCLUSION = 0.35  # cm behind the nearest surface from which a sample counts as hidden
CORE_DISTANCE = 1.0  # cm from a landmark within which the matte is not asked
SEEN, MIRRORED, INPAINTED = 1.0, 0.5, 0.15
DATA_WEIGHT, ANCHOR = 0.3, 1e-6
HIDDEN_BELOW = 0.05  # weight of a vertex below which its colour comes from elsewhere
MIRROR_HAIR, MIRROR_SKIN = 0.2, 0.04
"""How much the other side's colour counts where a side is hidden: light differs on skin more than on hair."""
DETAIL_LIMIT = 0.27


@dataclass(frozen=True)
class SkinColours:
    """colour (n, 3) in [0, 1] and seen (n,) of the samples; photo (n, 3) the picture's own value and trust (n,) in it;
    vertex (11248, 3) smooth colour; donor (n,) samples whose own pixel is plain skin; level: brightness of the face."""

    colour: NDArray[np.float32]
    seen: NDArray[np.float32]
    photo: NDArray[np.float32]
    trust: NDArray[np.float64]
    vertex: NDArray[np.float32]
    donor: NDArray[np.float64]
    level: float


def to_vertices(
    samples: SkinSamples, values: NDArray[np.floating], weight: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weighted mean (11248, C) of sample ``values`` (n, C) at the vertices, and the total weight (11248,)."""
    corner, share = samples.corners.ravel(), (samples.weights * weight[:, None]).ravel()
    count = SKIN.stop
    total = np.bincount(corner, share, count)
    sums = [np.bincount(corner, share * np.repeat(values[:, c], 3), count) for c in range(values.shape[1])]
    return np.stack(sums, axis=1) / np.maximum(total, 1e-6)[:, None], np.asarray(total, np.float64)


def fill(model: TeacherModel, values: NDArray[np.floating], weight: NDArray[np.floating]) -> NDArray[np.float64]:
    """The smoothest vertex values (11248, C) near ``values`` where ``weight`` (11248,) is above 0."""
    system = model.bilaplacian + diags(ANCHOR + weight * DATA_WEIGHT)
    mean = (values * weight[:, None]).sum(0) / max(float(weight.sum()), 1e-9)
    right = weight[:, None] * DATA_WEIGHT * values + ANCHOR * mean
    solver = splu(system.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    return np.clip(np.stack([solver.solve(column) for column in right.T], axis=1), 0, 1)


def colour_skin(
    model: TeacherModel,
    source: NDArray[np.floating],
    view: View,
    picture: NDArray[np.float32],
    matte: NDArray[np.float32],
) -> SkinColours:
    """Colours of all skin samples.

    Args:
        source: (V, 3) geometry at the photo's expression, hair included.
        picture: (H, W, 3) in [0, 1], colours continued past the rim; matte: (H, W).
    """
    samples, regions = model.skin, model.regions
    position = samples.at(source)
    normal = samples.at(model.normals(source))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    trust = _trust(model, source, view, matte, position, normal)
    pixels, _ = view.project(position)
    photo = sample(picture, pixels)

    to_lids, to_lips = regions.to_lids[samples.corners[:, 0]], regions.to_lips[samples.corners[:, 0]]
    donor = trust * step(to_lids, 0.15, 0.35) * step(to_lips, 0.05, 0.2)
    mean, total = to_vertices(samples, photo, donor + 1e-4 * trust)
    known = np.where(total > 1e-3, np.minimum(total, 1.0), 0.0)
    smooth = fill(model, *_with_mirror_image(model, mean, known))
    below = samples.at(smooth)

    other = samples.mirrored
    mirror_trust = trust[other] * (samples.mirror_distance < 0.3)
    detail = np.clip(photo[other] - below[other], -DETAIL_LIMIT, DETAIL_LIMIT)
    hair_detail, hair_share = _hair_detail(model, photo - below, trust)
    hidden = below + mirror_trust[:, None] * detail + ((1 - mirror_trust) * hair_share)[:, None] * hair_detail
    colour = trust[:, None] * photo + (1 - trust[:, None]) * hidden
    inner = (known > 0.5) & (regions.to_landmarks < 0.6)
    mean_colour, weight = to_vertices(samples, colour, np.ones(len(colour)))
    return SkinColours(
        colour=np.clip(colour, 0, 1).astype(np.float32),
        seen=(trust * SEEN + (1 - trust) * (MIRRORED * mirror_trust + INPAINTED * (1 - mirror_trust))).astype(
            np.float32
        ),
        photo=photo,
        trust=trust,
        vertex=np.clip(np.where((weight > 0.05)[:, None], mean_colour, smooth), 0, 1).astype(np.float32),
        donor=donor,
        level=float(mean[inner].mean()) if inner.any() else 0.6,
    )


def _with_mirror_image(
    model: TeacherModel, values: NDArray[np.float64], known: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vertex ``values`` (11248, 3) and weights (11248,) with hidden vertices following the other side's."""
    other, scalp = model.regions.mirrored, model.regions.scalp
    share = MIRROR_SKIN + (MIRROR_HAIR - MIRROR_SKIN) * scalp
    borrowed = np.where(known < HIDDEN_BELOW, known[other] * share, 0.0)
    total = known + borrowed
    mixed = (values * known[:, None] + values[other] * borrowed[:, None]) / np.maximum(total, 1e-9)[:, None]
    return mixed, total


def _trust(
    model: TeacherModel, source: NDArray[np.floating], view: View, matte: NDArray[np.float32],
    position: NDArray[np.floating], normal: NDArray[np.floating],
) -> NDArray[np.float64]:  # fmt: skip
    """(n,) in [0, 1]: facing the camera, not hidden, inside the picture and, off the face, inside the matte."""
    triangles = model.triangles
    socket = (triangles.min(1) >= EYE_SOCKETS.start) & (triangles.max(1) < EYE_SOCKETS.stop)
    pixels, depth = view.project(position)
    visible = depth - nearest_depth(view, source, triangles[~socket], pixels) < OCCLUSION
    visible &= ((pixels > 1) & (pixels < np.array([view.width, view.height]) - 2)).all(1)
    trust = step(view.facing(position, normal), GRAZING, FACING) * visible
    inset = np.asarray(cv2.erode(matte, np.ones((9, 9), np.uint8)), np.float32)
    covered = step(np.minimum(sample(matte, pixels), sample(inset, pixels)), 0.5, 0.9)
    core = model.regions.to_landmarks[model.skin.corners[:, 0]] < CORE_DISTANCE
    return np.where(core, trust, trust * covered)


def _hair_detail(
    model: TeacherModel, detail: NDArray[np.float32], trust: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Detail (n, 3) for hidden hair from the nearest seen hair, the back of the head from the reflected front."""
    samples = model.skin
    hair = model.regions.scalp[samples.corners[:, 0]] > 0.5
    result, share = np.zeros((len(trust), 3), np.float32), np.zeros(len(trust))
    given, wanted = np.flatnonzero(hair & (trust > 0.6)), np.flatnonzero(hair & (trust < 0.999))
    if len(given) < 200 or not len(wanted):
        return result, share
    place = samples.position[wanted].copy()
    back = (place[:, 2] < 1) & (place[:, 1] > -3)
    place[back, 2] = -0.5 - place[back, 2]
    nearest = given[cKDTree(samples.position[given]).query(place)[1]]
    result[wanted] = np.clip(detail[nearest], -0.24, 0.24)
    share[wanted] = 0.8
    return result, share
