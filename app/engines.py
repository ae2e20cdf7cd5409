"""Which engine the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.errors import ConfigError
from app.user_paths import expand

if TYPE_CHECKING:
    from app.config import AppConfig
    from avatar_core.engine import AvatarEngine


def create_engine(config: AppConfig) -> AvatarEngine:
    """The engine of ``config.model`` with its weights.

    Raises:
        ConfigError: a checkpoint is named for a model that takes none, or a quality that the model has not.
        WeightsError: the weights are missing or cannot be used.
        DeviceError: the device is not there.
    """
    if config.model == "paper":
        from avatar_core.paper_engine import PaperEngine

        if config.quality not in PaperEngine.qualities:
            raise ConfigError(f"--quality {config.quality} is not there with --model paper. Leave one of them out.")
        checkpoint = None if config.checkpoint is None else expand(config.checkpoint)
        return PaperEngine.from_checkpoint(checkpoint, config.weights_folder, config.device)
    if config.checkpoint is not None:
        raise ConfigError("--checkpoint belongs to --model paper. Add that, or leave the checkpoint out.")
    from avatar_core.engine import AvatarEngine

    return AvatarEngine.from_pretrained(
        config.weights_folder, config.device, encoder=config.encoder, quality=config.quality
    )
