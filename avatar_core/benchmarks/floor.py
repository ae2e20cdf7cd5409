"""How fast a frame could be on this CPU: bytes over the measured bandwidth, products over their measured rate.

No version of a stage that does the same work can be much faster than its floor. The rasteriser's floor is its traffic
alone (each Gaussian read once, each pixel written once); what it spends above that goes into the Gaussians' footprints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from avatar_core.avatar import Avatar
from avatar_core.benchmarks.frames import Report, timed
from avatar_core.engine import AvatarEngine
from avatar_core.gaussians import CHANNELS
from avatar_core.models.animator_cpu import CpuAnimator

_COPIED = 2**27  # bytes, beyond any cache
_PRODUCT = 1024  # side of the matrices
_TRIALS = 9
_PIXEL_BYTES = 16  # float32 RGBA


@dataclass(frozen=True)
class Rates:
    """Gigabytes per second, read and written, of a copy; 10^9 operations per second of a matrix product."""

    copy_gb_per_s: float
    gflop_per_s: float

    def milliseconds(self, moved: int, operations: int = 0) -> float:
        """For ``moved`` bytes and ``operations``, whichever takes longer."""
        return max(moved / (1e6 * self.copy_gb_per_s), operations / (1e6 * self.gflop_per_s))


def measured_rates(precision: str) -> Rates:
    """Of all threads of PyTorch: a copy, and a product of matrices in ``precision`` ("bf16" or "fp32")."""
    source = torch.zeros(_COPIED, dtype=torch.uint8)
    target = torch.empty_like(source)
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = torch.ones(2, _PRODUCT, _PRODUCT, dtype=kind)
    copying = [timed(target.copy_, source)[0] for _ in range(_TRIALS)]
    multiplying = [timed(torch.mm, left, right)[0] for _ in range(_TRIALS)]
    return Rates(2 * _COPIED / float(np.median(copying)) / 1e9, 2 * _PRODUCT**3 / float(np.median(multiplying)) / 1e9)


def cpu_floor(engine: AvatarEngine, avatar: Avatar, size: int) -> Report:
    """The machine's rates, and the floors of "animate" and "rasterise" in ms at ``size`` x ``size`` pixels."""
    animator = CpuAnimator(avatar, engine.networks)
    rates = measured_rates(animator.precision)
    drawn = 4 * CHANNELS * len(avatar) + _PIXEL_BYTES * size * size
    return {
        "copy_gb_per_s": round(rates.copy_gb_per_s, 1),
        "gflop_per_s": round(rates.gflop_per_s),
        "animate": round(rates.milliseconds(animator.frame_bytes(), animator.frame_operations()), 2),
        "rasterise": round(rates.milliseconds(drawn), 2),
    }


def describe_floor(floor: Report) -> str:
    """The figures as a line for people."""
    return (
        f"Floor: copies move {floor['copy_gb_per_s']:.1f} GB/s and products run at {floor['gflop_per_s']} GFLOP/s: "
        f"animate takes {floor['animate']:.2f} ms at least, rasterise {floor['rasterise']:.2f} ms for its traffic alone"
    )
