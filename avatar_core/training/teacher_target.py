"""What the networks shall answer: the change of raw attributes of sample points between two expressions.

In: `SurfaceSamples` of P points and activations (E, A). Out: `Target` per pair of expressions: position (canonical
units), log stretch along both tangents, rotation as quaternion less identity, opacity logit.

position: linear fields; upper lids lifted where the margins would cross; lid skin kept outside the eyeball; eyeballs
turned about their centres. stretch and rotation: from the deformed tangents. opacity: eyeballs vanish under lids that
are nearly shut, so that no white shines through between the Gaussians of the lid.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor

from avatar_core.models.anatomy import EYEBALL_CENTRES
from avatar_core.models.networks import FIRST_RESIDUAL, GAZE, NAMED_COUNT
from avatar_core.training.motion_teacher import Teacher
from avatar_core.training.surface_samples import SurfaceSamples
from avatar_core.training.teacher_lids import OVERLAP, push_out_of_eyeball

MAX_LOG_STRETCH = 1.5
HIDDEN_LOGIT = -6.0
FADE_FROM, FADE_TO = 0.7, 0.97
"""Closure of the lids between which the eyeball fades."""


@dataclass(frozen=True)
class Target:
    """position (E, P, 3), stretch (E, P, 2), rotation (E, P, 4) as w - 1, x, y, z, opacity (E, P)."""

    position: Tensor
    stretch: Tensor
    rotation: Tensor
    opacity: Tensor


@dataclass(frozen=True)
class _State:
    position: Tensor  # (E, P, 3)
    stretch: Tensor  # (E, P, 2)
    frame: Tensor  # (E, P, 3, 3), columns: tangents and normal
    opacity: Tensor  # (E, P)


def gaze_matrices(gaze: Tensor) -> Tensor:
    """Rotations (E, 2, 3, 3) of right and left eye for gaze angles (E, 4); see `anatomy.gaze_rotation`."""
    yaw, pitch = gaze[:, 0::2], gaze[:, 1::2]
    cos_yaw, sin_yaw, cos_pitch, sin_pitch = yaw.cos(), yaw.sin(), pitch.cos(), pitch.sin()
    zero = torch.zeros_like(yaw)
    rows = [cos_yaw, -sin_yaw * sin_pitch, sin_yaw * cos_pitch, zero, cos_pitch, sin_pitch, -sin_yaw,
            -cos_yaw * sin_pitch, cos_yaw * cos_pitch]  # fmt: skip
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def rotation_change(rotation: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3), less than half a turn -> quaternions less identity (..., 4): w - 1, x, y, z."""
    trace = rotation.diagonal(dim1=-2, dim2=-1).sum(-1)
    w = 0.5 * (1 + trace).clamp(min=0.04).sqrt()
    skew = torch.stack(
        [
            rotation[..., 2, 1] - rotation[..., 1, 2],
            rotation[..., 0, 2] - rotation[..., 2, 0],
            rotation[..., 1, 0] - rotation[..., 0, 1],
        ],
        dim=-1,
    )
    quaternion = functional.normalize(torch.cat([w[..., None], skew / (4 * w[..., None])], dim=-1), dim=-1)
    return quaternion - quaternion.new_tensor([1.0, 0.0, 0.0, 0.0])


class TargetMaker:
    """Computes targets from a teacher."""

    def __init__(self, teacher: Teacher) -> None:
        lids = teacher.lids
        fields = teacher.fields[..., 1].T  # (L, V) heights
        upper = fields[:, lids.pair_upper]
        lower, share = fields[:, lids.pair_lower], torch.from_numpy(lids.pair_share).float()
        self._gap_basis = upper - (lower[..., 0] * (1 - share) + lower[..., 1] * share)  # (L, 2, M)
        heights = torch.from_numpy(teacher.geometry.vertices[:, 1]).float()
        low = heights[lids.pair_lower]
        self._rest_gap = heights[lids.pair_upper] - (low[..., 0] * (1 - share) + low[..., 1] * share)
        count = self._rest_gap.shape[1]
        self._middle = slice(count // 4, count - count // 4)

    def closure(self, activations: Tensor) -> Tensor:
        """(E, 2) how far each eye is shut: 0 as at rest, 1 shut."""
        gap = self._gaps(activations)[..., self._middle].clamp(min=-OVERLAP).mean(-1)
        return 1 - gap / self._rest_gap[:, self._middle].mean(-1)

    def _gaps(self, activations: Tensor) -> Tensor:
        return self._rest_gap + torch.einsum("el,lkm->ekm", _linear(activations), self._gap_basis)

    def _state(self, samples: SurfaceSamples, activations: Tensor) -> _State:
        linear = _linear(activations)
        count, points = len(activations), len(samples)
        position = samples.u + (linear @ samples.basis.permute(1, 0, 2).flatten(1)).view(count, points, 3)

        lid = torch.where(samples.is_lid | (samples.lift_weight > 0))[0]
        if len(lid):
            lift = (-(self._gaps(activations) + OVERLAP)).clamp(min=0)  # (E, 2, M)
            moved = position[:, lid]
            moved[..., 1] += lift[:, samples.eye[lid], samples.lift_pair[lid]] * samples.lift_weight[lid]
            pushed = push_out_of_eyeball(moved, samples.eye[lid])
            position[:, lid] = torch.where(samples.is_lid[lid, None], pushed, moved)

        tangent = samples.tangents + torch.einsum("el,ptlc->eptc", linear, samples.tangent_basis)
        length = tangent.norm(dim=-1).clamp(min=1e-4)
        unit = tangent / length[..., None]
        middle = functional.normalize(unit[..., 0, :] + unit[..., 1, :], dim=-1)
        across = unit[..., 0, :] - unit[..., 1, :]
        across = functional.normalize(across - middle * (across * middle).sum(-1, keepdim=True), dim=-1)
        first, second = (middle + across) * 0.5**0.5, (middle - across) * 0.5**0.5
        frame = torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)

        opacity = position.new_zeros(count, points)
        ball = torch.where(samples.is_eyeball)[0]
        if len(ball):
            turn = gaze_matrices(activations[:, GAZE])[:, samples.eye[ball]]  # (E, B, 3, 3)
            centre = torch.as_tensor(EYEBALL_CENTRES, dtype=position.dtype)[samples.eye[ball]]
            position[:, ball] = centre + (turn @ (samples.u[ball] - centre)[..., None])[..., 0]
            frame[:, ball] = turn
            step = ((self.closure(activations) - FADE_FROM) / (FADE_TO - FADE_FROM)).clamp(0, 1)
            opacity[:, ball] = HIDDEN_LOGIT * (step * step * (3 - 2 * step))[:, samples.eye[ball]]
        return _State(position, length.log().clamp(-MAX_LOG_STRETCH, MAX_LOG_STRETCH), frame, opacity)

    @torch.no_grad()
    def target(self, samples: SurfaceSamples, sources: Tensor, drivers: Tensor) -> Target:
        """Changes from each source (G, A) to each of its drivers (G, D, A); E = G * D, drivers of a source adjacent."""
        groups, per_group, count = drivers.shape
        both = torch.cat([sources, drivers.reshape(-1, count)])
        state = self._state(samples, both)

        def split(values: Tensor) -> tuple[Tensor, Tensor]:
            return values[:groups].repeat_interleave(per_group, 0), values[groups:]

        (x0, x1), (s0, s1), (o0, o1) = split(state.position), split(state.stretch), split(state.opacity)
        frame0, frame1 = split(state.frame)
        stretch = (s1 - s0).clamp(-MAX_LOG_STRETCH, MAX_LOG_STRETCH)
        rotation = rotation_change(frame1 @ frame0.transpose(-1, -2))
        # Equal rows of one product may round apart, depending on how threads share it; equal expressions do not move.
        moves = (drivers != sources[:, None]).any(-1).reshape(-1, 1).to(stretch.dtype)
        each = moves[..., None]
        return Target((x1 - x0) * each, stretch * each, rotation * each, (o1 - o0) * moves)


def _linear(activations: Tensor) -> Tensor:
    """(E, A) -> (E, L): without the gaze angles."""
    return torch.cat([activations[:, :NAMED_COUNT], activations[:, FIRST_RESIDUAL:]], dim=1)
