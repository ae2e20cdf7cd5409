"""Settings of the program: dataclasses with defaults, read from a YAML file and checked.

Every field's range stands next to it; a wrong value or an unknown key is named together with what is allowed.
"""

from __future__ import annotations

import dataclasses
import os
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from app.errors import ConfigError
from app.user_paths import expand

_MAX_FILE_BYTES = 1 << 20
_WEIGHTS = "weights"
_Section = TypeVar("_Section")


def _number(default: float, low: float, high: float) -> Any:
    return field(default=default, metadata={"range": (low, high)})


def _choice(default: str, *allowed: str) -> Any:
    return field(default=default, metadata={"allowed": allowed})


@dataclass(frozen=True)
class CaptureConfig:
    """What is asked of a camera, and the frame rate at which a folder of images plays."""

    width: int = _number(640, 160, 3840)
    height: int = _number(480, 120, 2160)
    fps: float = _number(30.0, 1, 240)
    image_fps: float = _number(25.0, 1, 240)


@dataclass(frozen=True)
class FaceConfig:
    """When a face counts as lost and how fast the avatar eases to neutral and back; seconds."""

    lost_after: float = _number(0.5, 0.05, 10)
    fade_out: float = _number(0.6, 0.01, 10)
    fade_in: float = _number(0.3, 0.01, 10)


@dataclass(frozen=True)
class RecordingConfig:
    """Frame rate and quality (x264 constant rate factor, lower is better) of recordings, and where they go."""

    fps: float = _number(30.0, 5, 120)
    crf: int = _number(18, 0, 40)
    folder: str = "."


@dataclass(frozen=True)
class WindowConfig:
    """Size of the window at start in pixels, and the cap of its own frame rate (the avatar's rate is separate)."""

    width: int = _number(1440, 640, 7680)
    height: int = _number(900, 480, 4320)
    max_fps: float = _number(30.0, 5, 240)


@dataclass(frozen=True)
class ControlsConfig:
    """What the sliders and switches show at start; see `app.session_types.Controls`."""

    expression_gain: float = _number(1.0, 0, 3)
    eye_gain: float = _number(1.0, 0, 3)
    mouth_gain: float = _number(1.0, 0, 3)
    head_gain: float = _number(1.0, 0, 3)
    smoothing: float = _number(0.5, 0, 1)
    mirror: bool = True


@dataclass(frozen=True)
class AppConfig:
    """All settings. ``source`` None is the bundled portrait; ``driver`` "auto" is the webcam when there is one, else
    the scripted performance; ``model`` "paper" runs the paper's networks with the weights in ``checkpoint``;
    ``encoder`` says what builds the avatar, geometry alone (lift) or the trained encoder on top of it (learned);
    ``quality`` says how many of the avatar's Gaussians are animated; ``size`` is the side of the rendered square in
    pixels."""

    source: str | None = None
    driver: str = "auto"
    device: str = _choice("auto", "auto", "cpu", "cuda")
    weights: str | None = None
    model: str = _choice("own", "own", "paper")
    checkpoint: str | None = None
    encoder: str = _choice("learned", "lift", "learned")
    quality: str = _choice("full", "full", "balanced", "fast")
    size: int = _number(512, 64, 2048)
    background: str = "photo"
    synthetic_mark: bool = True
    capture: CaptureConfig = field(default_factory=CaptureConfig)
    face: FaceConfig = field(default_factory=FaceConfig)
    recording: RecordingConfig = field(default_factory=RecordingConfig)
    window: WindowConfig = field(default_factory=WindowConfig)
    controls: ControlsConfig = field(default_factory=ControlsConfig)

    @property
    def weights_folder(self) -> Path:
        """Where the networks' weights lie; the engine looks for a relative folder beside the package, too."""
        return expand(self.weights or _WEIGHTS)


def load_config(path: str | os.PathLike[str]) -> AppConfig:
    """The settings in the YAML file at ``path``; what it leaves out keeps its default.

    Raises:
        ConfigError: the file cannot be read, is no YAML mapping, or holds an unknown key or a wrong value.
    """
    file = expand(path)
    try:
        with file.open("rb") as stream:
            text = stream.read(_MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"The configuration file '{file}' cannot be read ({reason}). Check the path.") from error
    if len(text) > _MAX_FILE_BYTES:
        raise ConfigError(f"The configuration file '{file}' is larger than 1 MB. Is it the right file?")
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f" near line {line + 1}" if line is not None else ""
        raise ConfigError(f"The configuration file '{file}' is not valid YAML{where}. Correct it there.") from error
    return config_from_mapping({} if values is None else values, str(file))


def config_from_mapping(values: object, origin: str) -> AppConfig:
    """Settings from nested mappings; ``origin`` names their source in errors.

    Raises:
        ConfigError: an unknown key or a wrong value.
    """
    return _section(AppConfig, values, origin, "")


def _section(section: type[_Section], values: object, origin: str, prefix: str) -> _Section:
    if not isinstance(values, dict):
        where = f"'{prefix.rstrip('.')}'" if prefix else "the file"
        raise ConfigError(f"{origin}: {where} must hold 'name: value' lines, not {_kind(values)}.")
    known = {entry.name: entry for entry in dataclasses.fields(section)}  # type: ignore[arg-type]
    unknown = [str(key) for key in values if key not in known]
    if unknown:
        names = ", ".join(f"'{prefix}{key}'" for key in unknown)
        raise ConfigError(f"{origin}: unknown setting {names}. Known here: {', '.join(known)}.")
    hints = typing.get_type_hints(section)
    checked = {
        name: _value(known[name], hints[name], value, origin, f"{prefix}{name}") for name, value in values.items()
    }
    return section(**checked)


def _value(entry: dataclasses.Field[Any], hint: Any, value: object, origin: str, name: str) -> object:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _section(hint, value, origin, f"{name}.")
    allowed_types = set(typing.get_args(hint)) if isinstance(hint, types.UnionType) else {hint}
    if float in allowed_types and type(value) is int:
        value = float(value)
    if type(value) not in allowed_types:
        wanted = " or ".join(sorted(_TYPE_NAMES[kind] for kind in allowed_types))
        raise ConfigError(f"{origin}: '{name}' must be {wanted}, not {_kind(value)}.")
    if "allowed" in entry.metadata and value not in entry.metadata["allowed"]:
        raise ConfigError(f"{origin}: '{name}' is {value!r}; allowed are {', '.join(entry.metadata['allowed'])}.")
    if "range" in entry.metadata:
        low, high = entry.metadata["range"]
        if not low <= typing.cast(float, value) <= high:
            raise ConfigError(f"{origin}: '{name}' is {value}; it must lie between {low} and {high}.")
    return value


_TYPE_NAMES: dict[Any, str] = {
    int: "a whole number", float: "a number", bool: "true or false", str: "text", types.NoneType: "empty",
}  # fmt: skip


def _kind(value: object) -> str:
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a group of settings"
    return _TYPE_NAMES.get(type(value), type(value).__name__)
