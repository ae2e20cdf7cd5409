"""What a worker does: one engine, one avatar at a time, and every trouble of a pair told instead of raised."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.background import parse_background
from app.batch.plan import Pair
from app.config import AppConfig
from app.engines import create_engine
from app.headless_input import open_input
from app.headless_render import Take, render_video, warnings
from app.source import advice, face_count, load_source
from avatar_core.avatar import Avatar
from avatar_core.errors import AvatarError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of a pair: ``reason`` is empty when its video was written; ``at_source``: the photo is to blame, so
    its other pairs would fail as well; ``figures`` go into the report."""

    pair: Pair
    reason: str = ""
    at_source: bool = False
    figures: Mapping[str, Any] = field(default_factory=dict)


class PairRenderer:
    """Renders pairs one after the other; the avatar of the last photo is kept."""

    def __init__(self, config: AppConfig, take: Take) -> None:
        """Load the engine and its kernels.

        Raises:
            AvatarError: the weights, the device or a setting cannot be used.
        """
        self._config, self._take = config, take
        self._background = parse_background(config.background)
        self._engine = create_engine(config)
        self._engine.warm_up()
        self._shown: tuple[Path, Avatar] | None = None

    @property
    def device_report(self) -> str:
        return self._engine.device_report

    def render(self, pair: Pair) -> Outcome:
        """Write the video of ``pair``, unless something is wrong with it."""
        try:
            avatar = self._avatar(pair.source)
        except Exception as error:
            return Outcome(pair, _reason(error), at_source=True)
        try:
            take = self._take
            driver = open_input(pair.driver, self._config, take.seconds, take.frames)
            done = render_video(
                self._engine, avatar, driver, pair.out, take, self._config, self._background, bar=False
            )  # fmt: skip
        except Exception as error:
            return Outcome(pair, _reason(error))
        figures = {
            "faces_in_source": face_count(avatar),
            "advice": advice(avatar),
            "frames": done.read,
            "frames_written": done.written,
            "frames_without_face": done.lost,
            "seconds": round(done.seconds, 3),
            "gaussians_drawn": self._engine.last_gaussians,
            "warnings": warnings(driver, take, done),
        }
        return Outcome(pair, figures=figures)

    def close(self) -> None:
        """Release the detectors."""
        self._engine.close()

    def _avatar(self, source: Path) -> Avatar:
        if self._shown is None or self._shown[0] != source:
            self._shown = None  # the old avatar's memory is free before the new one needs it
            self._shown = source, load_source(self._engine, source)
        return self._shown[1]


def _reason(error: Exception) -> str:
    """One line that says what was wrong; a fault of the program is logged whole as well."""
    text = " ".join(str(error).split())
    if isinstance(error, AvatarError):
        return text
    _log.error("unexpected error", exc_info=error)
    return f"Unexpected error: {type(error).__name__}: {text}"
