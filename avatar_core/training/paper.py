"""Train the paper's architecture: `python -m avatar_core.training.paper --data FOLDER --out paper.safetensors`.

The folder holds pairs as `avatar_core.training.paper_pairs` describes. The result runs with
`python run_demo.py --model paper --checkpoint paper.safetensors`. One process and one device; ``--smoke`` takes two
steps on noise at a small size, which shows that everything runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from avatar_core.devices import choose_device
from avatar_core.errors import AvatarError
from avatar_core.models.paper.instantiation import INSTANTIATIONS
from avatar_core.models.paper.networks import PaperNetworks
from avatar_core.training.paper_pairs import PairDataset, PairFolder, RandomPairs
from avatar_core.training.paper_trainer import PaperTrainer, PaperTrainingConfig, initialise

SMOKE = {"picture_side": 64, "grid_side": 16, "ray_side": 2, "render_side": 32, "batch": 1, "steps": 2}
SAVE_EVERY, PRINT_EVERY = 1000, 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the training; returns the process's exit status."""
    options = _parser().parse_args(arguments)
    try:
        train(options)
    except AvatarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def train(options: argparse.Namespace) -> None:
    """Train as the command line says.

    Raises:
        AvatarError: data, weights or device cannot be used, or the training diverged.
    """
    config = _config(options)
    device, why = choose_device(options.device)
    torch.manual_seed(config.seed)
    if options.start is None:
        networks = PaperNetworks(config.instantiation)
        initialise(networks)
    else:
        networks = PaperNetworks.load(options.start, config.instantiation).requires_grad_(True)
    pairs: PairDataset
    if options.smoke:
        pairs = RandomPairs(config.picture_side, config.render_side)
    elif options.data is None:
        raise AvatarError("--data FOLDER is missing: pairs to learn from (see avatar_core/training/paper_pairs.py).")
    else:
        pairs = PairFolder(options.data, config.picture_side, config.render_side)
    print(f"{why}; {len(pairs)} pairs; {config.instantiation} instantiation; batch {config.batch}")
    trainer = PaperTrainer(networks, config, device)
    for step in range(config.steps):
        order = np.random.default_rng([config.seed, step])
        terms = trainer.step([pairs.sample(int(index)) for index in order.integers(0, len(pairs), config.batch)])
        if step % PRINT_EVERY == 0 or step == config.steps - 1:
            print(f"step {step}: " + ", ".join(f"{name} {value:.5f}" for name, value in terms.items()), flush=True)
        if (step + 1) % SAVE_EVERY == 0 or step == config.steps - 1:
            trainer.save(options.out)
    print(f"Wrote '{options.out}'.")


def _config(options: argparse.Namespace) -> PaperTrainingConfig:
    given = {
        name: getattr(options, name)
        for name in ("instantiation", "render_side", "batch", "learning_rate", "steps", "seed", "train_motion_encoder")
        if getattr(options, name) is not None
    }
    return replace(PaperTrainingConfig(), **{**(SMOKE if options.smoke else {}), **given})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m avatar_core.training.paper", description="Train the paper's architecture."
    )
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="pairs, see avatar_core/training/paper_pairs.py")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.safetensors")
    parser.add_argument("--start", type=Path, metavar="FILE", help="weights to go on from; motion encoder included")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--instantiation", choices=INSTANTIATIONS)
    parser.add_argument("--render-side", type=int, metavar="PIXELS", help="side of the pictures compared")
    parser.add_argument("--batch", type=int, help="pairs per step")
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--train-motion-encoder", action="store_true", default=None, help="train M as well")
    parser.add_argument("--smoke", action="store_true", help="two small steps on noise")
    return parser


if __name__ == "__main__":
    sys.exit(main())
