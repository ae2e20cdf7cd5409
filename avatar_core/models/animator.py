"""Avatar + activations + head pose -> Gaussians, once per frame.

With Psi, Phi and the codes of `MotionNetworks`, in canonical axes:

    delta_f = Psi(m; source, driver) - Psi(m; source, source)
    change  = expression_weight * raw_unit * (Phi(f + delta_f) - Phi(f))

then, with s and R the scale and rotation of the avatar's ``canonical_to_head``:

    position = rest + s R change;  scale = exp(rest + change);  opacity = sigmoid(rest + change)
    colour = clip(rest + change, 0, 1);  quaternion = normalize((1 + dw, R dxyz)) rest

and last the head pose: rotation about the avatar's pivot and translation, both scaled by the Gaussian's neck weight.
Nothing changes, to the last bit of position, scale, quaternion and colour, when the driver shows the photo's own
expression and pose.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core.avatar import Avatar
from avatar_core.gaussians import Gaussians
from avatar_core.models.animator_cpu import CpuAnimator
from avatar_core.models.animator_torch import TorchAnimator
from avatar_core.models.networks import MotionNetworks
from avatar_core.motion import HeadPose


class Animator:
    """Animates one avatar; compiled kernels on the CPU, torch on other devices.

    Attributes:
        precision: "bf16" or "fp32", of the networks' products.
        moving: how many Gaussians go through the networks; the others follow the head pose alone.
    """

    def __init__(self, avatar: Avatar, networks: MotionNetworks, device: str | torch.device) -> None:
        """Prepare ``avatar`` for ``device``; takes a few tenths of a second.

        Raises:
            ValueError: the avatar was made for networks with another number of activations.
        """
        expected = networks.code.in_features
        if len(avatar.source_activations) != expected:
            raise ValueError(f"avatar has {len(avatar.source_activations)} activations, the networks take {expected}")
        place = torch.device(device)
        self._activation_count = expected
        self._path: CpuAnimator | TorchAnimator = (
            CpuAnimator(avatar, networks) if place.type == "cpu" else TorchAnimator(avatar, networks, place)
        )
        self.precision: str = self._path.precision
        self.moving: int = self._path.moving

    def animate(self, activations: NDArray[np.float32], pose: HeadPose) -> Gaussians:
        """The avatar under ``activations`` (A,) and ``pose``.

        The result holds all N Gaussians, not necessarily in the avatar's order, in a buffer that the next call reuses.

        Raises:
            ValueError: the number of activations is another.
        """
        if activations.shape != (self._activation_count,):
            raise ValueError(f"activations must be ({self._activation_count},), got {activations.shape}")
        return self._path.animate(activations, pose)
