"""Avatar + activations + head pose -> Gaussians, once per frame.

With Psi, Phi and the codes of `MotionNetworks`, in canonical axes:

    delta_f = Psi(m; source, driver) - Psi(m; source, source)
    change  = expression_weight * raw_unit * (Phi(f + delta_f) - Phi(f))

then, with s and R the scale and rotation of the avatar's ``canonical_to_head``:

    position = rest + s R change;  scale = exp(rest + change);  opacity = sigmoid(rest + change)
    colour = clip(rest + change, 0, 1);  quaternion = normalize((1 + dw, R dxyz)) rest

and last the head pose: rotation about the avatar's pivot and translation, both scaled by the Gaussian's neck weight.
On the CPU most Gaussians take their change from a few that the networks see, see `animator_anchors`.
Nothing changes, to the last bit of position, scale, quaternion and colour, when the driver shows the photo's own
expression and pose.
"""

from __future__ import annotations

import logging
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core.avatar import Avatar
from avatar_core.gaussians import Gaussians
from avatar_core.models.animator_cpu import CpuAnimator
from avatar_core.models.animator_folding import largest_operand
from avatar_core.models.animator_torch import TorchAnimator
from avatar_core.models.networks import MotionNetworks
from avatar_core.motion import HeadPose
from avatar_core.triton_support import triton_obstacle

_LOG = logging.getLogger(__name__)

MIN_CAPABILITY = (8, 0)  # NVIDIA Ampere: Triton has no matrix instructions for older GPUs
LARGEST_HALF = torch.finfo(torch.float16).max


class _Path(Protocol):
    """The animator of one avatar in one technique."""

    precision: str
    moving: int

    def animate(self, activations: NDArray[np.float32], pose: HeadPose) -> Gaussians: ...


def fused_obstacle(networks: MotionNetworks, device: torch.device) -> str | None:
    """Why the fused Triton kernels cannot run ``networks`` on ``device``, a CUDA device; None when they can."""
    capability = torch.cuda.get_device_capability(device)
    if capability < MIN_CAPABILITY:
        return f"the GPU's compute capability is {capability[0]}.{capability[1]}, Triton's matrix products need 8.0"
    if largest_operand(networks) > LARGEST_HALF:
        return "these weights exceed the range of half precision"
    return triton_obstacle(device)


def animation_report(networks: MotionNetworks, device: torch.device) -> str:
    """What animates on ``device``, and why that, for people."""
    if device.type == "cpu":
        return "compiled CPU kernels"
    obstacle = fused_obstacle(networks, device)
    return "Triton, fp16 with fp32 sums" if obstacle is None else f"plain torch, fp32 ({obstacle})"


class Animator:
    """Animates one avatar: compiled kernels on the CPU, fused Triton kernels on CUDA, plain torch where those fail.

    Attributes:
        precision: "fp16", "bf16" or "fp32", of the operands of the networks' first two products.
        moving: how many Gaussians move with the expression; the others follow the head pose alone.
        evaluated: how many go through the networks; the other moving ones follow these.
    """

    def __init__(
        self, avatar: Avatar, networks: MotionNetworks, device: str | torch.device, *, exact: bool = False
    ) -> None:
        """Prepare ``avatar`` for ``device``; takes a few tenths of a second.

        Args:
            exact: send all Gaussians that move through the networks, as is always done off the CPU; for comparisons.

        Raises:
            ValueError: the avatar was made for networks with another number of activations.
        """
        expected = networks.code.in_features
        if len(avatar.source_activations) != expected:
            raise ValueError(f"avatar has {len(avatar.source_activations)} activations, the networks take {expected}")
        self._activation_count = expected
        self._path = _make_path(avatar, networks, torch.device(device), exact)
        self.precision: str = self._path.precision
        self.moving: int = self._path.moving
        self.evaluated: int = self._path.evaluated if isinstance(self._path, CpuAnimator) else self.moving

    def animate(self, activations: NDArray[np.float32], pose: HeadPose) -> Gaussians:
        """The avatar under ``activations`` (A,) and ``pose``.

        The result holds all N Gaussians, not necessarily in the avatar's order, in a buffer that the next call reuses.

        Raises:
            ValueError: the number of activations is another.
        """
        if activations.shape != (self._activation_count,):
            raise ValueError(f"activations must be ({self._activation_count},), got {activations.shape}")
        return self._path.animate(activations, pose)


def _make_path(avatar: Avatar, networks: MotionNetworks, device: torch.device, exact: bool) -> _Path:
    if device.type == "cpu":
        return CpuAnimator(avatar, networks, exact=exact)
    if device.type == "cuda" and fused_obstacle(networks, device) is None:
        from avatar_core.models.animator_triton import TritonAnimator

        try:
            return TritonAnimator(avatar, networks, device)
        except Exception as error:  # Triton's compiler takes part: what it raises is its to choose
            _LOG.warning("Animating by plain torch, as the fused kernels fail here: %s", error)
    return TorchAnimator(avatar, networks, device)
