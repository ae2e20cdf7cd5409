"""Trains weights/motion.safetensors: the motion networks, on displacements of a teacher head. CPU, half an hour.

    python -m avatar_core.training.motion --data DIR                       # train, evaluate, write the weights
    python -m avatar_core.training.motion --data DIR --resume              # go on after an interruption
    python -m avatar_core.training.motion --data DIR --smoke               # a minute's check of the whole path
    python -m avatar_core.training.motion --data DIR --evaluate weights/motion.safetensors   # print the figures

``DIR`` holds the ICT Face Model Light, its landmark correspondence and drivers_dev; weights/MODEL_CARD.md tells more.
In ``--work``: checkpoint.safetensors (every few minutes), log.csv (loss and errors per region), training.log.
"""

from __future__ import annotations

import argparse
import csv
import logging
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from avatar_core.errors import AvatarError
from avatar_core.models.networks import MotionNetworks
from avatar_core.training.motion_data import load_motion_data
from avatar_core.training.motion_evaluation import MotionEvaluator
from avatar_core.training.motion_trainer import MotionTrainer, StepReport
from avatar_core.training.surface_samples import REGIONS
from avatar_core.weights_file import record_sha256

DEFAULT_STEPS = 22000
SMOKE_STEPS, SMOKE_REPORT_STEPS = 160, 20
RESIDUAL_COUNT = 20
CHECKPOINT_SECONDS = 120.0
REPORT_STEPS = 200
AVERAGING = 0.98

logger = logging.getLogger(__name__)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the training data")
    parser.add_argument("--out", type=Path, default=Path("weights/motion.safetensors"))
    parser.add_argument("--work", type=Path, default=Path("runs/motion"), help="checkpoints and logs")
    parser.add_argument("--landmarks", type=Path, default=Path("runs/landmarks"), help="landmarks found in the clips")
    parser.add_argument("--face-model", type=Path, default=Path("weights/face_model.safetensors"))
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, default=DEFAULT_STEPS)
    length.add_argument("--minutes", type=float, help="train for a time instead of a number of steps")
    parser.add_argument("--smoke", action="store_true", help=f"{SMOKE_STEPS} steps only, nothing but a check")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --work")
    parser.add_argument("--evaluate", type=Path, metavar="WEIGHTS", help="print the figures of weights and stop")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(arguments)


class TrainingLog:
    """Running means of the step reports, written to the log and to ``log.csv``."""

    def __init__(self, path: Path, append: bool) -> None:
        fresh = not (append and path.exists())
        self._file = path.open("w" if fresh else "a", newline="")
        self._writer = csv.writer(self._file)
        if fresh:
            self._writer.writerow(["step", "seconds", "loss", *REGIONS])
        self._mean: dict[str, float] = {}

    def add(self, report: StepReport) -> None:
        """Take in one step."""
        for name, value in {"loss": report.loss, **report.errors}.items():
            if value == value:  # a region without a sample reports NaN
                self._mean[name] = AVERAGING * self._mean.get(name, value) + (1 - AVERAGING) * value

    def write(self, step: int, seconds: float) -> None:
        """Write the running means as one row."""
        values = [round(self._mean.get(name, float("nan")), 4) for name in ("loss", *REGIONS)]
        self._writer.writerow([step, round(seconds, 1), *values])
        self._file.flush()
        shown = ", ".join(f"{name} {value:.2f}" for name, value in zip(REGIONS, values[1:], strict=True))
        logger.info("step %d, %.0f s, loss %.3f; px: %s", step, seconds, values[0], shown)

    def close(self) -> None:
        self._file.close()


def train(arguments: argparse.Namespace) -> MotionNetworks:
    """Run the training that the command line asks for and write the weights.

    Raises:
        AvatarError: data, weights or checkpoint cannot be used.
    """
    data = load_motion_data(arguments.data, arguments.landmarks, arguments.face_model, RESIDUAL_COUNT)
    trainer = MotionTrainer(data, arguments.seed)
    checkpoint = arguments.work / "checkpoint.safetensors"
    if arguments.resume:
        trainer.load_checkpoint(checkpoint)
        logger.info("resumed at step %d", trainer.steps_done)
    steps = SMOKE_STEPS if arguments.smoke else arguments.steps
    log = TrainingLog(arguments.work / "log.csv", arguments.resume)
    last_checkpoint = last_time = time.perf_counter()
    try:
        while True:
            progress = trainer.steps_done / steps
            if arguments.minutes is not None and not arguments.smoke:
                progress = trainer.seconds_done / (60 * arguments.minutes)
            if progress >= 1.0:
                break
            log.add(trainer.step(progress))
            now = time.perf_counter()
            trainer.seconds_done += now - last_time
            last_time = now
            if trainer.steps_done % (SMOKE_REPORT_STEPS if arguments.smoke else REPORT_STEPS) == 0:
                log.write(trainer.steps_done, trainer.seconds_done)
            if now - last_checkpoint > CHECKPOINT_SECONDS:
                trainer.save_checkpoint(checkpoint)
                last_checkpoint = now
        log.write(trainer.steps_done, trainer.seconds_done)
    finally:
        log.close()
        trainer.save_checkpoint(checkpoint)
    networks = trainer.export()
    networks.save(
        arguments.out,
        {"steps": str(trainer.steps_done), "seed": str(arguments.seed), "teacher": "ICT Face Model Light (MIT)"},
    )
    record_sha256(arguments.out)
    logger.info("wrote %s after %d steps, %.0f s", arguments.out, trainer.steps_done, trainer.seconds_done)
    for line in MotionEvaluator(data).evaluate(networks, through_solver=not arguments.smoke).lines():
        logger.info("%s", line)
    return networks


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    options = parse(arguments)
    torch.set_num_threads(max(1, options.threads))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stopped from outside: still leave a checkpoint
    options.work.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    if options.evaluate is None:
        handlers.append(logging.FileHandler(options.work / "training.log", mode="a" if options.resume else "w"))
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers, force=True)
    try:
        if options.evaluate is not None:
            networks = MotionNetworks.load(options.evaluate)
            data = load_motion_data(options.data, options.landmarks, options.face_model, networks.residual_count)
            for line in MotionEvaluator(data).evaluate(networks).lines():
                logger.info("%s", line)
        else:
            train(options)
    except AvatarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; --resume goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
