"""The encoder's training settings: a dataclass, filled from a YAML file.

Unknown keys are refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path

import yaml

from avatar_core.training.teacher_geometry import TrainingDataError

DEFAULT_CONFIG = Path(__file__).with_name("encoder.yaml")


@dataclass(frozen=True)
class EncoderTrainingConfig:
    """Args:
    held_out: stems of the portraits that never train.
    seed, steps, batch_size, learning_rate, warm_up_steps: as named.
    correction, radius, presence, colour, smooth: weights of the losses.
    """

    held_out: list[str] = field(default_factory=list)
    seed: int = 0
    steps: int = 6000
    batch_size: int = 8
    learning_rate: float = 2e-3
    warm_up_steps: int = 100
    correction: float = 10.0
    radius: float = 10.0
    presence: float = 1.0
    colour: float = 2.0
    smooth: float = 0.5


def load_config(path: Path | None = None) -> EncoderTrainingConfig:
    """The settings of a YAML file, by default those of the shipped weights.

    Raises:
        TrainingDataError: the file is missing, no mapping, or has an unknown key.
    """
    path = path or DEFAULT_CONFIG
    try:
        values = yaml.safe_load(path.read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        raise TrainingDataError(f"{path}: cannot be read ({error}).") from error
    known = {entry.name for entry in fields(EncoderTrainingConfig)}
    if not isinstance(values, dict) or set(values) - known:
        unknown = ", ".join(sorted(map(str, set(values) - known))) if isinstance(values, dict) else "no mapping"
        raise TrainingDataError(f"{path}: unknown settings: {unknown}. Known are {', '.join(sorted(known))}.")
    return EncoderTrainingConfig(**values)
