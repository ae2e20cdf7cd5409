"""A set of 3D Gaussians in one planar buffer, the layout the CPU rasteriser streams through."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from avatar_core.atomic_file import replacing

MEAN = slice(0, 3)
SCALE = slice(3, 6)
QUATERNION = slice(6, 10)
OPACITY = 10
COLOR = slice(11, 14)
CHANNELS = 14

_SH_DC = 0.28209479177387814  # zeroth spherical-harmonics basis value: colour = 0.5 + _SH_DC * f_dc


@dataclass
class Gaussians:
    """``planar`` (14, N) float32: mean 3, scale 3, quaternion wxyz 4, opacity 1, colour 3.

    Means and scales (standard deviations) are in head-space units, quaternions need not be normalised, opacity lies
    in [0, 1], colour is RGB in [0, 1].
    """

    planar: Tensor

    def __post_init__(self) -> None:
        if self.planar.ndim != 2 or self.planar.shape[0] != CHANNELS:
            raise ValueError(f"planar must be ({CHANNELS}, N), got {tuple(self.planar.shape)}")

    def __len__(self) -> int:
        return int(self.planar.shape[1])

    @property
    def means(self) -> Tensor:
        """(N, 3) centres, head space."""
        return self.planar[MEAN].T

    @property
    def scales(self) -> Tensor:
        """(N, 3) standard deviations along the local axes, head-space units."""
        return self.planar[SCALE].T

    @property
    def quats(self) -> Tensor:
        """(N, 4) orientation, wxyz."""
        return self.planar[QUATERNION].T

    @property
    def opacities(self) -> Tensor:
        """(N,) in [0, 1]."""
        return self.planar[OPACITY]

    @property
    def colors(self) -> Tensor:
        """(N, 3) RGB in [0, 1]."""
        return self.planar[COLOR].T

    def save_ply(self, path: str | os.PathLike[str]) -> None:
        """Write a 3DGS .ply (log scales, opacity logits, degree-0 SH) that common viewers open.

        The file appears under its name only when complete.
        """
        target = Path(path)
        values = self.planar.detach().float().cpu().numpy()
        count = values.shape[1]
        names = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"]
        names += ["scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
        rows = np.zeros((count, len(names)), dtype="<f4")
        opacity = np.clip(values[OPACITY], 1e-6, 1 - 1e-6)
        quaternion = values[QUATERNION] / np.maximum(np.linalg.norm(values[QUATERNION], axis=0), 1e-12)
        rows[:, 0:3] = values[MEAN].T
        rows[:, 6:9] = ((values[COLOR] - 0.5) / _SH_DC).T
        rows[:, 9] = np.log(opacity / (1 - opacity))
        rows[:, 10:13] = np.log(np.maximum(values[SCALE], 1e-9)).T
        rows[:, 13:17] = quaternion.T
        header = ["ply", "format binary_little_endian 1.0", f"element vertex {count}"]
        header += [f"property float {name}" for name in names] + ["end_header"]
        with replacing(target) as temporary:
            temporary.write_bytes(("\n".join(header) + "\n").encode("ascii") + rows.tobytes())
