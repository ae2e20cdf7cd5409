"""Random points of the teacher's head with everything that a target needs, drawn anew for every training step.

Out: `SurfaceSamples` of P points in canonical units. Strata (share of the points): lids, lips and eyeballs are drawn
far more often than their area, interior parts also beside their surfaces, hair above the scalp with motion that decays,
and empty space all round (clothes, long hair) that must not move. Labels are varied where Gaussians of a portrait may
carry either (cheeks: upper or lower face; forehead and temples: skin, head or hair), so the networks do not mind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from avatar_core.avatar import PART_NAMES
from avatar_core.models.anatomy import (
    EYEBALL_CENTRES,
    EYEBALL_RADIUS,
    LEFT_EYEBALL,
    LOWER_FACE,
    RIGHT_EYEBALL,
    UPPER_FACE,
    lip_line,
)
from avatar_core.models.networks import NAMED_COUNT
from avatar_core.tracking.topology import LEFT_EYE_RING, MESH_COUNT, OUTER_LIPS, RIGHT_EYE_RING
from avatar_core.training.motion_teacher import Teacher

REGIONS = ("face", "lids", "lips", "mouth inside", "eyeballs", "neck, hair", "eye sockets")
FACE, LIDS, LIPS, MOUTH_INSIDE, EYEBALLS, NECK_AND_HAIR, EYE_SOCKETS = range(len(REGIONS))

SHARES = {
    "lids": 0.17, "lips": 0.15, "face": 0.27, "head": 0.06, "mouth_socket": 0.03, "eye_socket": 0.02, "gums": 0.06,
    "teeth": 0.04, "hair": 0.06, "eyeballs": 0.10, "space": 0.04,
}  # fmt: skip
LID_REACH, LIP_REACH = 0.067, 0.05
SEAM_REACH = 0.08
"""Skin closer to the lip line than this always carries its true label."""
FLIP_CHANCE = 0.15
HAIR_DECAY = 0.22
HAIR_HEIGHT = 0.65
SURFACE_JITTER, LID_JITTER, INTERIOR_JITTER = 0.008, 0.003, 0.05
NORMAL_JITTER = 0.1
SPACE_LOW, SPACE_HIGH = np.array([-4.0, -5.0, -4.0]), np.array([4.0, 3.5, 1.8])
SPACE_CLEARANCE = 0.35

_INDEX = PART_NAMES.index


@dataclass(frozen=True)
class SurfaceSamples:
    """P points; L linear activations.

    Args:
        u, normal: (P, 3); part: (P,) labels; region: (P,) index into `REGIONS`.
        basis: (P, L, 3) displacement per linear activation.
        tangents: (P, 2, 3) horizontal and vertical unit tangent; tangent_basis: (P, 2, L, 3) their change; zero
            where nothing stretches.
        eye: (P,) 0 right eye, 1 left eye (eyeballs and lid skin); is_eyeball, is_lid: (P,) bool.
        lift_weight: (P,) share of the upper lid's lift; lift_pair: (P,) which pair of the margin.
    """

    u: Tensor
    normal: Tensor
    part: Tensor
    region: Tensor
    basis: Tensor
    tangents: Tensor
    tangent_basis: Tensor
    eye: Tensor
    is_eyeball: Tensor
    is_lid: Tensor
    lift_weight: Tensor
    lift_pair: Tensor

    def __len__(self) -> int:
        return len(self.u)


class SurfaceSampler:
    """Draws `SurfaceSamples` from a teacher."""

    def __init__(self, teacher: Teacher, mean_face: NDArray[np.floating]) -> None:
        self._teacher = teacher
        geometry = teacher.geometry
        self._vertices = geometry.vertices
        self._normals = geometry.vertex_normals()
        mean = np.asarray(mean_face, np.float64)
        lid_points = mean[list(RIGHT_EYE_RING + LEFT_EYE_RING)]
        lip_points = np.concatenate([lip_line(mean), mean[list(OUTER_LIPS)]])
        self._tree = cKDTree(self._vertices)
        self._to_seam = cKDTree(lip_line(mean)).query(self._vertices)[0]
        self._outside = cKDTree(mean[:MESH_COUNT]).query(self._vertices)[0]
        self._pair = np.stack(
            [cKDTree(self._vertices[pairs]).query(self._vertices)[1] for pairs in teacher.lids.pair_upper]
        )
        self._jaw_gradient = self._fit_jaw_gradient()
        self._strata = self._build_strata(
            cKDTree(lid_points).query(self._vertices)[0], cKDTree(lip_points).query(self._vertices)[0]
        )

    def _fit_jaw_gradient(self) -> NDArray[np.float32]:
        """(L, 3, 3) how the rigid lower jaw's displacement changes per unit of offset from the teeth."""
        rows = np.flatnonzero(self._teacher.geometry.label == _INDEX("lower_teeth"))
        position = np.concatenate([self._vertices[rows], np.ones((len(rows), 1))], axis=1)
        values = self._teacher.fields[rows].numpy().reshape(len(rows), -1)
        solution = np.linalg.lstsq(position, values, rcond=None)[0][:3]
        return np.moveaxis(solution.reshape(3, -1, 3), 0, 2).astype(np.float32)

    def _build_strata(
        self, to_lids: NDArray[np.floating], to_lips: NDArray[np.floating]
    ) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64], int]]:
        """Per stratum on a surface: triangles (T, 3), area shares (T,), region."""
        triangles = self._teacher.geometry.triangles
        label = self._teacher.geometry.label[triangles]
        skin = (label <= _INDEX("lower_face")).all(1)
        lids = skin & (to_lids[triangles].min(1) < LID_REACH)
        lips = skin & ~lids & (to_lips[triangles].min(1) < LIP_REACH)
        gums = [_INDEX("upper_gums"), _INDEX("lower_gums"), _INDEX("tongue")]
        teeth = [_INDEX("upper_teeth"), _INDEX("lower_teeth")]
        outside = self._outside[triangles].min(1) > 0.1
        scalp = (outside & (self._vertices[triangles][:, :, 1].mean(1) > -0.9)) | (
            skin & (self._vertices[triangles][:, :, 1].mean(1) > 0.25)
        )
        scalp &= label.max(1) <= _INDEX("head_neck")
        masks = {
            "lids": (lids, LIDS),
            "lips": (lips, LIPS),
            "face": (skin & ~lids & ~lips, FACE),
            "head": (label.max(1) == _INDEX("head_neck"), NECK_AND_HAIR),
            "mouth_socket": ((label == _INDEX("mouth_socket")).all(1), MOUTH_INSIDE),
            "eye_socket": ((label == _INDEX("eye_socket")).all(1), EYE_SOCKETS),
            "gums": (np.isin(label, gums).all(1), MOUTH_INSIDE),
            "teeth": (np.isin(label, teeth).all(1), MOUTH_INSIDE),
            "hair": (scalp, NECK_AND_HAIR),
        }
        strata = {}
        for name, (mask, region) in masks.items():
            corners = self._vertices[triangles[mask]]
            area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
            strata[name] = (triangles[mask], area / area.sum(), region)
        return strata

    def draw(self, count: int, rng: np.random.Generator) -> SurfaceSamples:
        """About ``count`` points (each stratum's share is rounded)."""
        parts = [self._draw_surface(name, max(1, round(SHARES[name] * count)), rng) for name in self._strata]
        parts.append(self._draw_eyeballs(max(1, round(SHARES["eyeballs"] * count)), rng))
        parts.append(self._draw_space(max(1, round(SHARES["space"] * count)), rng))
        joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        joined["normal"] = joined["normal"] + rng.normal(size=joined["normal"].shape) * NORMAL_JITTER / np.sqrt(3)
        joined["normal"] /= np.linalg.norm(joined["normal"], axis=1, keepdims=True) + 1e-9
        tensors = {}
        for key, value in joined.items():
            tensor = torch.from_numpy(np.ascontiguousarray(value))
            tensors[key] = tensor.float() if tensor.is_floating_point() else tensor
        return SurfaceSamples(**tensors)

    def _draw_surface(self, name: str, count: int, rng: np.random.Generator) -> dict[str, NDArray[np.generic]]:
        triangles, shares, region = self._strata[name]
        corner = triangles[rng.choice(len(triangles), count, p=shares)]
        weights = rng.dirichlet((1.0, 1.0, 1.0), count)
        rest = self._vertices[corner]
        u = np.einsum("pjc,pj->pc", rest, weights)
        normal = np.einsum("pjc,pj->pc", self._normals[corner], weights)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        nearest = corner[np.arange(count), weights.argmax(1)]
        label = self._teacher.geometry.label[nearest]

        fields = self._teacher.fields.numpy()[corner]  # (P, 3 corners, L, 3)
        basis = np.einsum("pjlc,pj->plc", fields, weights.astype(np.float32))
        tangents, shares_of_edges = _tangents(rest)
        edge_fields = np.stack([fields[:, 1] - fields[:, 0], fields[:, 2] - fields[:, 0]], axis=1)
        tangent_basis = np.einsum("pte,pelc->ptlc", shares_of_edges.astype(np.float32), edge_fields)

        if name == "hair":
            height = rng.uniform(0.0, HAIR_HEIGHT, count)[:, None] * (rng.random((count, 1)) < 0.8)
            u = u + normal * height
            decay = np.exp(-height / HAIR_DECAY).astype(np.float32)
            basis, tangent_basis = basis * decay[:, :, None], tangent_basis * decay[:, :, None, None]
            label = np.full(count, _INDEX("hair"))
        elif name in ("gums", "teeth"):
            offset = rng.normal(size=(count, 3)) * INTERIOR_JITTER
            offset *= (rng.random((count, 1)) < 0.6) * np.where(label == _INDEX("tongue"), 0.3, 1.0)[:, None]
            u = u + offset
            jaw = np.isin(label, [_INDEX("lower_gums"), _INDEX("lower_teeth")]).astype(np.float32)
            basis = basis + np.einsum("lcd,pd->plc", self._jaw_gradient, (offset * jaw[:, None]).astype(np.float32))
        else:
            jitter = LID_JITTER if name == "lids" else SURFACE_JITTER
            u = u + normal * rng.normal(size=(count, 1)) * jitter
        if name in ("face", "head", "lips", "lids"):
            label = self._vary_labels(label, nearest, rng)

        eye = (u[:, 0] > 0).astype(np.int64)
        lids = self._teacher.lids
        on_skin = name in ("lids", "face", "lips")
        weight = lids.weight[eye[:, None], corner]
        return {
            "u": u,
            "normal": normal,
            "part": label.astype(np.int64),
            "region": np.full(count, region),
            "basis": basis,
            "tangents": tangents,
            "tangent_basis": tangent_basis,
            "eye": eye,
            "is_eyeball": np.zeros(count, bool),
            "is_lid": lids.near[nearest] & on_skin,
            "lift_weight": np.einsum("pj,pj->p", weight, weights) * on_skin,
            "lift_pair": self._pair[eye, nearest],
        }

    def _vary_labels(
        self, label: NDArray[np.int64], nearest: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Labels with those changed that a portrait's Gaussian at the same place may carry instead."""
        chance = rng.random(len(label))
        free = (self._to_seam[nearest] > SEAM_REACH) & (label <= LOWER_FACE)
        label = np.where(free & (chance < FLIP_CHANCE), UPPER_FACE + LOWER_FACE - label, label)
        rim = (self._outside[nearest] > 0.03) | (self._vertices[nearest, 1] > 0.35)
        label = np.where(rim & (chance > 0.85), _INDEX("head_neck"), label)
        return np.where(rim & (chance > 0.75) & (chance <= 0.85), _INDEX("hair"), label)

    def _draw_eyeballs(self, count: int, rng: np.random.Generator) -> dict[str, NDArray[np.generic]]:
        """Points on and inside the front of both eyeballs (sclera and iris layers lie at different depths)."""
        direction = rng.normal(size=(count, 3))
        direction[:, 2] = np.abs(direction[:, 2]) * 1.3 - 0.2
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        eye = rng.integers(0, 2, count)
        radius = EYEBALL_RADIUS * rng.uniform(0.75, 1.1, (count, 1))
        label = np.where(eye == 0, RIGHT_EYEBALL, LEFT_EYEBALL)
        return self._unmoved(EYEBALL_CENTRES[eye] + radius * direction, direction, label, EYEBALLS, eye)

    def _draw_space(self, count: int, rng: np.random.Generator) -> dict[str, NDArray[np.generic]]:
        """Points away from the head, labelled hair or head_neck."""
        u = np.zeros((0, 3))
        while len(u) < count:
            candidates = rng.uniform(SPACE_LOW, SPACE_HIGH, (4 * count, 3))
            u = np.concatenate([u, candidates[self._tree.query(candidates)[0] > SPACE_CLEARANCE]])
        u = u[:count]
        normal = rng.normal(size=(count, 3))
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        label = np.where(rng.random(count) < 0.5, _INDEX("hair"), _INDEX("head_neck"))
        return self._unmoved(u, normal, label, NECK_AND_HAIR, np.zeros(count, np.int64))

    def _unmoved(
        self, u: NDArray[np.floating], normal: NDArray[np.floating], label: NDArray[np.integer], region: int,
        eye: NDArray[np.integer],
    ) -> dict[str, NDArray[np.generic]]:  # fmt: skip
        """Points without linear motion; eyeballs turn by the gaze."""
        count = len(u)
        linear = NAMED_COUNT + self._teacher.residual_count
        return {
            "u": u,
            "normal": normal,
            "part": label.astype(np.int64),
            "region": np.full(count, region),
            "basis": np.zeros((count, linear, 3), np.float32),
            "tangents": np.tile(np.eye(3)[:2], (count, 1, 1)),
            "tangent_basis": np.zeros((count, 2, linear, 3), np.float32),
            "eye": eye.astype(np.int64),
            "is_eyeball": np.full(count, region == EYEBALLS),
            "is_lid": np.zeros(count, bool),
            "lift_weight": np.zeros(count),
            "lift_pair": np.zeros(count, np.int64),
        }


def _tangents(corners: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit tangents of triangles (P, 3, 3): (P, 2, 3) and their shares of the two edges (P, 2, 2).

    The horizontal tangent has no y component and the vertical one stands on it: the axes that finite differences of a
    depth map along image rows and columns give.
    """
    edges = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], axis=1)
    normal = np.cross(edges[:, 0], edges[:, 1])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    normal *= np.where(normal[:, 2:] < 0, -1.0, 1.0)
    horizontal = np.stack([normal[:, 2], np.zeros(len(normal)), -normal[:, 0]], axis=1)
    flat = np.linalg.norm(horizontal, axis=1, keepdims=True) < 1e-3
    horizontal = np.where(flat, np.array([1.0, 0.0, 0.0]), horizontal)
    horizontal /= np.linalg.norm(horizontal, axis=1, keepdims=True)
    tangents = np.stack([horizontal, np.cross(normal, horizontal)], axis=1)
    gram = edges @ edges.transpose(0, 2, 1)
    gram += np.eye(2) * (1e-6 * np.trace(gram, axis1=1, axis2=2)[:, None, None] + 1e-14)
    shares = np.linalg.solve(gram, edges @ tangents.transpose(0, 2, 1)).transpose(0, 2, 1)
    return tangents, shares
