"""The encoder's training settings, filled from a YAML file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from avatar_core.training.loop.settings import load_settings
from avatar_core.training.loop.task import LoopConfig

DEFAULT_CONFIG = Path(__file__).with_name("encoder.yaml")


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms of `encoder_loss`."""

    correction: float = 10.0
    radius: float = 10.0
    presence: float = 1.0
    colour: float = 2.0
    smooth: float = 0.5


@dataclass(frozen=True)
class EncoderSettings:
    """Args:
    samples: the folder that `avatar_core.training.encoder.data` made.
    out: the weights file to write.
    held_out: stems of the portraits that never train.
    start: weights to train on from; none: from the template's mean shape.
    seed: of the training set.
    batch_size: samples per step and process.
    """

    samples: Path = Path("runs/encoder_samples")
    out: Path = Path("weights/encoder.safetensors")
    held_out: tuple[str, ...] = ()
    start: Path | None = None
    seed: int = 0
    batch_size: int = 8
    loss: LossWeights = field(default_factory=LossWeights)
    loop: LoopConfig = field(default_factory=LoopConfig)


def load_config(path: Path | None = None) -> EncoderSettings:
    """The settings of a YAML file, by default `DEFAULT_CONFIG`.

    Raises:
        AvatarError: the file cannot be read, or has an unknown key or a wrong value.
    """
    return load_settings(EncoderSettings, path or DEFAULT_CONFIG)
