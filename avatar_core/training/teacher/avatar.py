"""A portrait as an animatable teacher: geometry linear in 53 activations, coloured samples, Gaussians."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core.camera import Camera
from avatar_core.gaussians import CHANNELS, COLOR, MEAN, OPACITY, QUATERNION, SCALE, Gaussians
from avatar_core.models.anatomy import gaze_rotation
from avatar_core.training.teacher.eyes import directions, spacing
from avatar_core.training.teacher.fit import TeacherFit
from avatar_core.training.teacher.lids import LidColours, keep_off_eyeballs
from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher.regions import step
from avatar_core.training.teacher.relief import Relief
from avatar_core.training.teacher.samples import areas
from avatar_core.training.teacher_geometry import SKIN
from avatar_core.training.teacher_lids import BLINKS

OPACITY_OF_SURFACES = 0.96
FLATNESS = 0.15  # thickness over width
SKIN_SIZE, MOUTH_SIZE, EYE_SIZE, UNDER_SIZE = 0.66, 0.8, 0.62, 0.6
"""Standard deviations over the spacing of the samples."""
STRETCH = (0.4, 3.0)  # limits of the growth of a sample's width
UNDER_DEPTH = 0.10  # cm below the skin where a coarse layer closes pinholes
LID_COLOUR_FROM, LID_COLOUR_TO = 0.1, 0.85  # shares of a closure over which the lid takes its closed colour


@dataclass(frozen=True)
class TeacherAvatar:
    """One person. Centimetres in the model's head axes: x right in the image, y up, z to the viewer.

    Args:
        model: what all persons share; fit: the fit to the photo.
        base: (V, 3) float32 at zero activations: identity, landmark residual and hair included.
        hair: (11248, 3) what hair adds to the skin, contained in ``base``.
        eye_centres: (2, 3), row 0 the subject's right eye.
        lid_closing: (2, 11248, 3) corrective at full blink.
        skin_colour: (n, 3) in [0, 1] and seen: (n,) of the skin samples (1 seen, .5 mirrored, .15 inpainted).
        under_colour: (11248, 3) of the layer below the skin; mouth_colour: (m, 3); eye_colour: (2, E, 3).
        lids: colour of closed lids; relief: clothes and long hair.
        camera: in which the teacher reproduces the photo.
    """

    model: TeacherModel
    fit: TeacherFit
    base: NDArray[np.float32]
    hair: NDArray[np.float32]
    eye_centres: NDArray[np.float64]
    lid_closing: NDArray[np.float32]
    skin_colour: NDArray[np.float32]
    seen: NDArray[np.float32]
    under_colour: NDArray[np.float32]
    mouth_colour: NDArray[np.float32]
    eye_colour: NDArray[np.float32]
    lids: LidColours
    relief: Relief
    source_gaze: NDArray[np.float64]
    camera: Camera

    @property
    def source_activations(self) -> NDArray[np.float64]:
        """(53,) of the photo."""
        return self.fit.activations

    @property
    def skin_triangles(self) -> NDArray[np.int64]:
        """(T, 3) the outer skin: face, head and neck."""
        return self.model.skin_triangles

    def vertices(self, activations: NDArray[np.floating]) -> NDArray[np.float32]:
        """(V, 3) cm at ``activations`` (53,)."""
        values = np.asarray(activations, np.float32)
        vertices = self.base + np.tensordot(values, self.model.expression, 1)
        for eye, share in enumerate(self._closures(values)):
            if share > 0:
                vertices[SKIN] += np.float32(share) * self.lid_closing[eye]
        keep_off_eyeballs(self.model, vertices, self.eye_centres)
        return vertices

    def landmarks(self, activations: NDArray[np.floating]) -> NDArray[np.float64]:
        """(468, 3) cm: MediaPipe's mesh points on the skin."""
        return self.model.at_landmarks(self.vertices(activations))

    def skin_points(
        self, activations: NDArray[np.floating]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Positions (n, 3) cm, colours (n, 3) in [0, 1] and how they are known (n,) of the skin samples."""
        position = self.model.skin.at(self.vertices(activations))
        return position.astype(np.float32), self._colours(activations)[0], self.seen

    def gaussians(self, activations: NDArray[np.floating], gaze: NDArray[np.floating]) -> Gaussians:
        """The whole person at ``activations`` (53,) and ``gaze`` (2, 2) radians: skin, mouth, eyes, clothes."""
        model, skin, mouth = self.model, self.model.skin, self.model.mouth
        vertices = self.vertices(activations)
        normals = model.normals(vertices)
        area = areas(vertices, model.skin_triangles)
        growth = np.clip(np.sqrt(area / model.skin_areas), *STRETCH)[skin.triangle]
        skin_colour, under_colour = self._colours(activations)
        skin_normal = skin.at(normals)
        bust = np.flatnonzero(model.regions.bust)
        patch = np.sqrt(np.bincount(model.skin_triangles.ravel(), np.repeat(area / 3, 3), SKIN.stop)[bust])
        ball = directions()
        look = [ball @ gaze_rotation(angles).T for angles in np.asarray(gaze)]
        eyes = [centre + model.eye_radius * turned for centre, turned in zip(self.eye_centres, look, strict=True)]
        relief = self.relief
        parts = [
            (
                skin.at(vertices),
                skin_normal,
                SKIN_SIZE * growth / np.sqrt(skin.density),
                skin_colour,
            ),
            (vertices[bust] - UNDER_DEPTH * normals[bust], normals[bust], UNDER_SIZE * patch, under_colour[bust]),
            (mouth.at(vertices), mouth.at(normals), MOUTH_SIZE / np.sqrt(mouth.density), self.mouth_colour),
            (eyes[0], look[0], np.full(len(ball), EYE_SIZE * spacing(model.eye_radius)), self.eye_colour[0]),
            (eyes[1], look[1], np.full(len(ball), EYE_SIZE * spacing(model.eye_radius)), self.eye_colour[1]),
            (relief.position, relief.normal, relief.size, relief.colour),
        ]
        position, normal, size, colour = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        opacity = np.full(len(position), OPACITY_OF_SURFACES, np.float32)
        thickness = np.full(len(position), FLATNESS, np.float32)
        first = len(position) - len(relief.opacity)
        opacity[first:], thickness[first:] = relief.opacity, relief.thickness
        return discs(position, normal, size, colour, opacity, thickness)

    def _closures(self, activations: NDArray[np.floating]) -> list[float]:
        """How far each eye is shut beyond the photo, 0..1."""
        start = self.source_activations
        return [float(np.clip((activations[b] - start[b]) / max(1 - start[b], 0.2), 0, 1)) for b in BLINKS]

    def _colours(self, activations: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Colours of the skin samples (n, 3) and of the layer below (11248, 3); closing lids show their own."""
        skin, under, lids = self.skin_colour.copy(), self.under_colour.copy(), self.lids
        for eye, share in enumerate(self._closures(activations)):
            shut = float(step(np.array(share), LID_COLOUR_FROM, LID_COLOUR_TO))
            if shut > 0:
                own = lids.eye == eye
                rows, weight = lids.rows[own], shut * lids.weight[own, None]
                skin[rows] += (lids.closed[own] - skin[rows]) * weight
                vertices = np.flatnonzero(
                    (self.model.regions.lid > 0) & ((self.model.neutral[SKIN, 0] > 0) == (eye == 1))
                )
                weight = shut * self.model.regions.lid[vertices, None].astype(np.float32)
                under[vertices] += (lids.vertex[vertices] - under[vertices]) * weight
        return skin, under


def discs(
    position: NDArray[np.floating], normal: NDArray[np.floating], size: NDArray[np.floating],
    colour: NDArray[np.floating], opacity: NDArray[np.floating], thickness: NDArray[np.floating],
) -> Gaussians:  # fmt: skip
    """Discs: (N, 3) positions, normals (any length), (N,) standard deviations, (N, 3) colours, (N,) opacities,
    and (N,) thicknesses over the standard deviation."""
    planar = np.empty((CHANNELS, len(position)), np.float32)
    planar[MEAN] = position.T
    planar[SCALE] = size * np.stack([np.ones(len(size)), np.ones(len(size)), thickness])
    unit = normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12)
    half = np.stack([1 + unit[:, 2], -unit[:, 1], unit[:, 0], np.zeros(len(unit))])
    half[:, unit[:, 2] < -0.9999] = np.array([[0.0], [1.0], [0.0], [0.0]])
    planar[QUATERNION] = half / np.linalg.norm(half, axis=0)
    planar[OPACITY] = opacity
    planar[COLOR] = np.clip(colour, 0, 1).T
    return Gaussians(torch.from_numpy(planar))
