"""Settings of a training: a YAML file and ``key=value`` words of the command line, merged into a dataclass."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

import yaml

from avatar_core.errors import AvatarError

Settings = TypeVar("Settings")


def load_settings(kind: type[Settings], path: Path | None = None, words: Sequence[str] = ()) -> Settings:
    """A ``kind`` (a dataclass, which may hold others) with its defaults, over them a YAML file, over it ``words``.

    Args:
        words: like ``loop.steps=200``; the value is YAML.

    Raises:
        AvatarError: the file cannot be read, or a key is unknown, or a value has another type or is out of range.
    """
    values = {} if path is None else _read(path)
    for word in words:
        _overlay(values, word)
    return _build(kind, values, "" if path is None else f"{path}: ", "")


def run_command(
    kind: type[Settings], run: Callable[[Settings], object], prog: str, arguments: Sequence[str] | None = None
) -> int:
    """The command ``prog [--config FILE] [key=value ...]``: call ``run`` with its settings; the exit status."""
    parser = argparse.ArgumentParser(prog=prog)
    parser.add_argument("--config", type=Path, metavar="FILE.yaml", help="settings that differ from the defaults")
    parser.add_argument("words", nargs="*", metavar="key=value", help="settings over those of the file")
    options = parser.parse_args(arguments)
    try:
        run(load_settings(kind, options.config, options.words))
    except AvatarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AvatarError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AvatarError(f"{path}: no valid YAML ({error}).") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise AvatarError(f"{path}: must hold 'key: value' lines.")
    return values


def _overlay(values: dict[str, Any], word: str) -> None:
    key, equals, text = word.partition("=")
    if not equals or not key:
        raise AvatarError(f"'{word}': settings are given as key=value, for example loop.steps=200.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise AvatarError(f"'{word}': the value cannot be read ({error}).") from error
    *sections, last = key.split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise AvatarError(f"'{word}': '{section}' is a value, not a section.")
        values = inner
    values[last] = value


def _build(kind: type[Settings], values: Mapping[str, Any], where: str, prefix: str) -> Settings:
    types_of = typing.get_type_hints(kind)
    known = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    given = {}
    for key, value in values.items():
        if key not in known:
            raise AvatarError(f"{where}unknown setting '{prefix}{key}'. Known here: {', '.join(known)}.")
        given[key] = _convert(types_of[key], value, where, f"{prefix}{key}")
    try:
        return kind(**given)
    except ValueError as error:
        raise AvatarError(f"{where}{prefix}{error}.") from error


def _convert(kind: Any, value: Any, where: str, name: str) -> Any:
    """``value`` as YAML gave it -> an instance of the type ``kind``."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        if isinstance(value, Mapping):
            return _build(typing.cast(type, kind), value, where, f"{name}.")
        raise AvatarError(f"{where}'{name}' is a section: give 'key: value' lines below it.")
    if origin in (Union, types.UnionType):
        if value is None and type(None) in parts:
            return None
        return _convert(next(part for part in parts if part is not type(None)), value, where, name)
    if origin is Literal and value in parts:
        return value
    if origin is tuple and isinstance(value, Sequence) and not isinstance(value, str):
        inner = parts[:1] * len(value) if parts[-1] is Ellipsis else parts
        if len(inner) == len(value):
            return tuple(_convert(part, item, where, name) for part, item in zip(inner, value, strict=True))
    if kind is bool and isinstance(value, bool):
        return value
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind is float and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)  # YAML reads 1e-4 as text
        except ValueError:
            pass
    if kind is str and isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise AvatarError(f"{where}'{name}' must be {_in_words(kind)}, got {value!r}.")


def _in_words(kind: Any) -> str:
    if typing.get_origin(kind) is Literal:
        return "one of " + ", ".join(repr(part) for part in typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return "a list of " + ", ".join("..." if part is ... else part.__name__ for part in typing.get_args(kind))
    return {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}[kind]
