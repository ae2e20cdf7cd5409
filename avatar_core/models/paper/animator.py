"""One avatar of the paper's networks in the frame loop: motion code in, Gaussians out.

    raw = Phi(f + Psi(m; source, driver));  Gaussians = activate(raw), turned with the head

All but the driver's code is constant, so the layers are folded: with LN = LayerNorm(m), AdaLN scale g and shift b,

    Psi = gain (O softplus(H (M (LN g + b) + c) + d) + e),      Phi = V softplus(U (f + Psi) + u) + v

becomes  softplus(first LN + bias) -> softplus(second . + constant) -> V . + v  with
first = H M diag(g), bias = H (M b + c) + d, second = gain U O and constant = U (f + gain e) + u.
Float32 throughout: positions are absolute here, and rounding them would show.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.avatar import Avatar
from avatar_core.gaussians import CHANNELS, Gaussians
from avatar_core.models.head_pose import apply_head_pose
from avatar_core.models.motion_decoder import MOTION_SIZE
from avatar_core.models.paper.activation import activate
from avatar_core.models.paper.networks import PaperNetworks
from avatar_core.motion import HeadPose

CPU_ROWS = 8192  # Gaussians that go through the layers at once, so that what lies between them stays in the cache


class PaperAnimator:
    """Animates one avatar on any torch device."""

    def __init__(self, avatar: Avatar, networks: PaperNetworks, device: torch.device) -> None:
        """Prepare ``avatar``, which must have a motion code."""
        assert avatar.motion_code is not None
        self._source = torch.from_numpy(avatar.motion_code).to(device)
        self._neck = avatar.neck_weight.float().to(device)
        self._pivot = torch.as_tensor(avatar.pivot, dtype=torch.float32, device=device)
        psi, phi = networks.motion_decoder.to(device), networks.gaussian_decoder.to(device)
        with torch.no_grad():
            self._psi = psi
            self._inner = psi.hidden.weight @ psi.modulated.weight
            self._inner_bias = psi.hidden.weight @ psi.modulated.bias + psi.hidden.bias
            self._second = psi.gain * phi.hidden.weight @ psi.output.weight
            f = avatar.f.float().to(device)
            self._constant = phi.hidden(f + psi.gain * psi.output.bias)
            self._normalised = functional.layer_norm(avatar.m.float().to(device), (MOTION_SIZE,))
        self._output = phi.output
        self._planar = torch.empty(CHANNELS, len(avatar), device=device)
        self._rows = CPU_ROWS if device.type == "cpu" else len(avatar)

    @property
    def kept_bytes(self) -> int:
        """What this avatar holds on its device."""
        kept = (self._constant, self._normalised, self._planar, self._neck)
        return sum(tensor.numel() * tensor.element_size() for tensor in kept)

    @torch.inference_mode()
    def animate(self, code: NDArray[np.float32], pose: HeadPose) -> Gaussians:
        """The avatar under a driver's ``code`` (512,) and ``pose``; the buffer is reused by the next call."""
        scale, shift = self._psi.modulation(self._source, torch.from_numpy(code).to(self._source.device))
        first, bias = self._inner * scale, self._inner @ shift + self._inner_bias
        for start in range(0, len(self._normalised), self._rows):
            part = slice(start, start + self._rows)
            activate(self._raw(part, first, bias), self._planar[:, part])
        apply_head_pose(self._planar, self._neck, self._pivot, pose)
        return Gaussians(self._planar)

    def _raw(self, part: slice, first: Tensor, bias: Tensor) -> Tensor:
        moved = functional.softplus(functional.linear(self._normalised[part], first, bias))
        hidden = functional.softplus(torch.addmm(self._constant[part], moved, self._second.T))
        return self._output(hidden)
