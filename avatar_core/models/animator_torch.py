"""The frame equation in plain torch: what CUDA uses without Triton, and what tests hold the others to."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.avatar import Avatar
from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE, Gaussians
from avatar_core.models.animator_folding import head_axes
from avatar_core.models.head_pose import apply_head_pose, quaternion_product
from avatar_core.models.networks import MotionNetworks
from avatar_core.motion import HeadPose


class TorchAnimator:
    """Animates all Gaussians of an avatar on any torch device, float32."""

    precision = "fp32"

    def __init__(self, avatar: Avatar, networks: MotionNetworks, device: torch.device) -> None:
        self._networks = copy.deepcopy(networks).to(device).eval().requires_grad_(False)
        self._rest = avatar.rest.float().to(device)
        self._f, self._m = avatar.f.float().to(device), avatar.m.float().to(device)
        self._neck = avatar.neck_weight.float().to(device)
        self._expression = avatar.expression_weight.float().to(device)
        self._axes = self._place(head_axes(avatar.canonical_to_head))
        self._pivot = self._place(avatar.pivot)
        with torch.inference_mode():
            self._source_code = self._networks.code(self._place(avatar.source_activations))
            self._psi_rest = self._psi(self._source_code)
            self._phi_rest = self._networks.gaussian_decoder(self._f)
        self._planar = torch.empty_like(self._rest)
        self.moving = len(avatar)

    @torch.inference_mode()
    def animate(self, activations: NDArray[np.float32], pose: HeadPose) -> Gaussians:
        """The avatar under ``activations`` (A,) and ``pose``; the buffer is reused by the next call."""
        networks = self._networks
        delta_f = self._psi(networks.code(self._place(activations))) - self._psi_rest
        raw = networks.gaussian_decoder(self._f + delta_f) - self._phi_rest
        change = self._expression * (self._axes @ (networks.raw_unit * raw).T)  # (14, N), planar order, head axes

        turn = change[QUATERNION].clone()
        turn[0] += 1.0
        turn /= turn.norm(dim=0)
        out = self._planar
        out[MEAN] = self._rest[MEAN] + change[MEAN]
        out[SCALE] = torch.exp(self._rest[SCALE] + change[SCALE])
        out[QUATERNION] = quaternion_product(turn, self._rest[QUATERNION])
        out[OPACITY] = torch.sigmoid(self._rest[OPACITY] + change[OPACITY])
        out[COLOR] = (self._rest[COLOR] + change[COLOR]).clamp(0.0, 1.0)
        apply_head_pose(out, self._neck, self._pivot, pose)
        return Gaussians(out)

    def _psi(self, driver_code: Tensor) -> Tensor:
        return self._networks.motion_decoder(self._m, self._source_code, driver_code)

    def _place(self, values: NDArray[np.floating]) -> Tensor:
        return torch.as_tensor(np.asarray(values, np.float32), device=self._rest.device)
