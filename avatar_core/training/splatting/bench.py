"""Times the differentiable rasteriser on the CPU: `python -m avatar_core.training.splatting.bench [--threads 2]`."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from time import perf_counter

import numpy as np
import torch

from avatar_core.camera import Camera
from avatar_core.gaussians import CHANNELS, COLOR, MEAN, OPACITY, QUATERNION, SCALE
from avatar_core.rendering.jit import thread_limit
from avatar_core.training.splatting.render import render

CASES = ((128, 16_384), (256, 65_536), (256, 200_000))  # picture side, Gaussians
_HEAD = (0.17, 0.22, 0.2)  # half axes of the ellipsoid, head-space units
_ROUNDS = 15


def head_like(count: int, seed: int = 0) -> torch.Tensor:
    """(14, ``count``) flat Gaussians that tile an ellipsoid of a head's size, facing outwards as an avatar's do."""
    random = np.random.default_rng(seed)
    normal = random.normal(size=(3, count))
    normal /= np.linalg.norm(normal, axis=0)
    planar = np.empty((CHANNELS, count), np.float32)
    planar[MEAN] = normal * np.array(_HEAD)[:, None]
    spacing = math.sqrt(4 * math.pi * _HEAD[0] * _HEAD[1] / count)
    planar[SCALE] = spacing * np.array([0.7, 0.7, 0.1])[:, None] * np.exp(random.normal(0, 0.2, (3, count)))
    planar[QUATERNION] = np.stack([1 + normal[2], -normal[1], normal[0], np.zeros(count)])  # turns z to the normal
    planar[OPACITY] = random.uniform(0.3, 0.98, count)
    planar[COLOR] = random.uniform(0, 1, (3, count))
    return torch.from_numpy(planar)


def time_case(side: int, count: int) -> tuple[float, float]:
    """Median milliseconds of the forward and the backward pass."""
    planar = head_like(count).requires_grad_(True)
    camera = Camera.orbit(yaw=15, pitch=5)
    target = torch.rand(side, side, 4, generator=torch.Generator().manual_seed(0))
    times = []
    for _ in range(_ROUNDS):
        planar.grad = None
        start = perf_counter()
        picture = render(planar, camera, side, side)
        drawn = perf_counter()
        picture.backward((picture.detach() - target).sign() / picture.numel())
        times.append((drawn - start, perf_counter() - drawn))
    forward, backward = np.median(np.array(times[2:]), axis=0) * 1e3
    return float(forward), float(backward)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line per case; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m avatar_core.training.splatting.bench", description=__doc__)
    parser.add_argument("--threads", type=int, default=thread_limit(), help="default: all this process may use")
    threads = parser.parse_args(arguments).threads
    if not 1 <= threads <= thread_limit():
        parser.error(f"--threads must lie in 1..{thread_limit()}")
    torch.set_num_threads(threads)
    print(f"{threads} threads; median of {_ROUNDS - 2} rounds")
    for side, count in CASES:
        forward, backward = time_case(side, count)
        print(f"{side} x {side}, {count:,} Gaussians: forward {forward:.1f} ms, backward {backward:.1f} ms", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
