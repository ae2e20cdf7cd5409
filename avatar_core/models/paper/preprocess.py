"""The picture that encoder E sees: the person cut out on black, as a camera at radius 2.7 sees the head.

In: photo uint8 RGB (H, W, 3) and landmarks (478, 3) in its pixels. Out: uint8 RGB (512, 512, 3).
The field of view is the weights' own: 23.28 degrees for the release's plane variant, EG3D's 18.837 for the ray variant.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.camera import DEFAULT_FOV
from avatar_core.lift.canvas import CROP_SIZE, cut_view
from avatar_core.lift.matte import cut_out
from avatar_core.lift.mesh import draw_mesh

WIDE_FOV = 23.28  # degrees
ENCODER_FOV = {"plane": WIDE_FOV, "ray": DEFAULT_FOV}
"""Field of view of the encoder's picture by instantiation."""


def person_on_black(image: NDArray[np.uint8], landmarks: NDArray[np.floating], fov: float) -> NDArray[np.uint8]:
    """The person of ``image`` as a camera of ``fov`` degrees sees them, multiplied by the matte."""
    view = cut_view(image, landmarks, fov)
    matte = cut_out(view, draw_mesh(view.landmarks, CROP_SIZE).inside)
    return np.round(view.image * matte.alpha[..., None]).astype(np.uint8)


def to_network(image: NDArray[np.uint8], device: torch.device, dtype: torch.dtype) -> Tensor:
    """uint8 (H, W, 3) -> (1, 3, H, W) in [-1, 1], channels last."""
    tensor = torch.from_numpy(np.ascontiguousarray(image)).to(device).permute(2, 0, 1)[None]
    return (tensor.to(torch.float32) / 127.5 - 1.0).to(dtype).contiguous(memory_format=torch.channels_last)
