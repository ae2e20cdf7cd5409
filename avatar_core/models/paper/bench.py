"""Time the paper's networks on this machine: `python -m avatar_core.models.paper.bench [--checkpoint FILE]`.

Without a checkpoint the weights are random, which costs the same. Medians in milliseconds, pictures already in memory;
``per frame`` is motion encoder and animation, without tracking or rasterising. Memory is that of parameters and of what
an avatar keeps on the device.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from avatar_core.avatar import Avatar
from avatar_core.camera import DEFAULT_RADIUS
from avatar_core.devices import choose_device
from avatar_core.errors import AvatarError
from avatar_core.models.motion_decoder import CODE_SIZE, FEATURE_SIZE, MOTION_SIZE
from avatar_core.models.paper.animator import PaperAnimator
from avatar_core.models.paper.instantiation import GRID_SIDE, INSTANTIATIONS
from avatar_core.models.paper.motion_encoder import CROP_SIDE
from avatar_core.models.paper.networks import PaperNetworks
from avatar_core.models.paper.runtime import PaperRuntime
from avatar_core.models.paper.weights import load_networks
from avatar_core.motion import HeadPose

_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement; returns the process's exit status."""
    options = _parser().parse_args(arguments)
    try:
        figures = measure(options)
    except AvatarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(figures, indent=2))
    return 0


def measure(options: argparse.Namespace) -> dict[str, object]:
    """All figures by name.

    Raises:
        AvatarError: the weights or the device cannot be used.
    """
    device, report = choose_device(options.device)
    if options.checkpoint is None:
        networks = PaperNetworks(options.instantiation or "plane")
    else:
        networks = load_networks(options.checkpoint, ".", options.instantiation)
    runtime = PaperRuntime(networks, device, _PRECISIONS.get(options.precision))
    picture = np.random.default_rng(0).integers(0, 255, (GRID_SIDE, GRID_SIDE, 3), dtype=np.uint8)
    planes = runtime.planes(picture)
    candidates = runtime.instantiate(planes)
    animator = PaperAnimator(_avatar(candidates.f.cpu(), candidates.m.cpu()), runtime.networks, device)
    code = np.zeros(CODE_SIZE, np.float32)

    def median(work: Callable[[], object]) -> float:
        times = []
        for index in range(-2, options.repeats):
            start = time.perf_counter()
            work()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if index >= 0:
                times.append(1e3 * (time.perf_counter() - start))
        return round(float(np.median(times)), 1)

    encoder_ms = median(lambda: runtime.planes(picture))
    motion_ms = median(lambda: runtime.motion_code(picture[:CROP_SIDE, :CROP_SIDE]))
    animate_ms = median(lambda: animator.animate(code, HeadPose()))
    parameters = sum(tensor.numel() * tensor.element_size() for tensor in runtime.networks.state_dict().values())
    return {
        "device": report,
        "precision_of_encoders": str(runtime.precision).removeprefix("torch."),
        "instantiation": networks.instantiation,
        "gaussians": len(candidates.f),
        "encoder_ms": encoder_ms,
        "instantiation_ms": median(lambda: runtime.instantiate(planes)),
        "motion_encoder_ms": motion_ms,
        "animate_ms": animate_ms,
        "per_frame_ms": round(motion_ms + animate_ms, 1),
        "networks_mb": round(parameters / 1e6, 1),
        "avatar_mb": round(animator.kept_bytes / 1e6, 1),
        "peak_mb": round(torch.cuda.max_memory_allocated(device) / 1e6, 1) if device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
    }


def _avatar(f: torch.Tensor, m: torch.Tensor) -> Avatar:
    """An avatar of all candidates, as far as its animator looks at it."""
    count = len(f)
    landmarks, picture = np.zeros((478, 3), np.float32), np.zeros((1, 1, 3), np.uint8)
    assert f.shape[1] == FEATURE_SIZE and m.shape[1] == MOTION_SIZE
    return Avatar(
        rest=torch.zeros(14, count),
        f=f,
        m=m,
        neck_weight=torch.ones(count),
        expression_weight=torch.ones(count),
        part=torch.zeros(count, dtype=torch.uint8),
        source_activations=np.zeros(0, np.float32),
        landmarks=landmarks,
        neutral_landmarks=landmarks,
        canonical_to_head=np.eye(4),
        pivot=np.array([0.0, 0.0, -0.1 * DEFAULT_RADIUS]),
        background=picture,
        thumbnail=picture,
        motion_code=np.zeros(CODE_SIZE, np.float32),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m avatar_core.models.paper.bench", description="Time the paper's networks."
    )
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="weights; random ones without it")
    parser.add_argument("--instantiation", choices=INSTANTIATIONS)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--precision", choices=sorted(_PRECISIONS), help="of the encoders (default: the device's best)")
    parser.add_argument("--repeats", type=int, default=5, help="measurements per figure")
    return parser


if __name__ == "__main__":
    sys.exit(main())
