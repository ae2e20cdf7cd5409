"""E and M ready to run: on a device, in its best precision and memory order.

The two convolutional networks take bfloat16 where the hardware multiplies it natively (CUDA; AMX or AVX-512 on the
CPU), and channels-last order. Psi, Phi and the instantiation stay float32.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.models.paper.instantiation import Candidates, from_mean_plane, from_rays
from avatar_core.models.paper.networks import PaperNetworks
from avatar_core.models.paper.preprocess import to_network


def best_precision(device: torch.device) -> torch.dtype:
    """bfloat16 where it is fast, float32 elsewhere (float16 on GPUs without bfloat16)."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    processor = torch.cpu.get_capabilities()
    return torch.bfloat16 if processor.get("amx_bf16") or processor.get("avx512_bf16") else torch.float32


class PaperRuntime:
    """Runs the paper's networks on uint8 pictures.

    Attributes:
        networks: all of them; E and M in ``precision``.
        precision: of E and M.
    """

    def __init__(self, networks: PaperNetworks, device: torch.device, precision: torch.dtype | None = None) -> None:
        self.device = device
        self.precision = precision or best_precision(device)
        self.networks = networks.eval().requires_grad_(False).to(device)
        for network in (networks.encoder, networks.motion_encoder):
            network.to(dtype=self.precision, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def planes(self, picture: NDArray[np.uint8]) -> Tensor:
        """What instantiation reads of ``picture`` (512, 512, 3): the mean plane (96, S, S), or all (3, 96, S, S)."""
        image = to_network(picture, self.device, self.precision)
        encoder = self.networks.encoder
        return (encoder.mean_plane(image) if self.networks.instantiation == "plane" else encoder(image))[0]

    @torch.inference_mode()
    def instantiate(self, planes: Tensor) -> Candidates:
        """Candidate Gaussians of `planes`."""
        if self.networks.instantiation == "plane":
            return from_mean_plane(planes, self.networks.gaussian_decoder)
        return from_rays(planes, self.networks.gaussian_decoder)[0]

    @torch.inference_mode()
    def motion_code(self, crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Code (512,) of a face crop (224, 224, 3)."""
        code = self.networks.motion_encoder(to_network(crop, self.device, self.precision))
        return code[0].float().cpu().numpy()
