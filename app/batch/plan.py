"""What a batch is to render: every photo of a folder with every clip of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.capture import PERFORMANCE_KEY
from app.capture.clips import IMAGE_SUFFIXES, VIDEO_SUFFIXES, natural_order
from app.errors import ConfigError
from app.headless_render import Take
from app.source import AVATAR_SUFFIX
from avatar_core.image_io import READABLE_SUFFIXES

SOURCE_SUFFIXES = (*READABLE_SUFFIXES, AVATAR_SUFFIX)


@dataclass(frozen=True)
class BatchJob:
    """What the user asked for.

    Args:
        sources: folder of portraits and saved avatars, or one of them.
        drivers: folder of videos and of folders with images, or one video; None or "performance" is the scripted
            performance.
        out: folder for the videos and the report.
        workers: processes; None lets the program choose.
        ray: use a Ray cluster.
    """

    sources: Path
    drivers: Path | None
    out: Path
    take: Take = field(default_factory=Take)
    workers: int | None = None
    ray: bool = False


@dataclass(frozen=True)
class Pair:
    """One video: ``driver`` is what `app.headless_input.open_input` takes."""

    source: Path
    driver: str
    out: Path


def plan_pairs(job: BatchJob) -> list[Pair]:
    """Every video of the batch, in the order of the photos.

    Raises:
        ConfigError: a folder is missing, cannot be read, or holds nothing of use.
    """
    sources = _entries(job.sources, _is_source, "portrait", SOURCE_SUFFIXES)
    if job.drivers is None or str(job.drivers) == PERFORMANCE_KEY:
        drivers = {PERFORMANCE_KEY: PERFORMANCE_KEY}
    else:
        if job.drivers.resolve() == job.out.resolve():
            raise ConfigError(
                f"--out '{job.out}' is the folder of the clips: the next run would take videos for clips."
            )
        clips = _entries(job.drivers, _is_clip, "clip", VIDEO_SUFFIXES)
        drivers = dict(zip(_labels(clips), map(str, clips), strict=True))
    return [
        Pair(source, driver, job.out / f"{name}__{label}.mp4")
        for name, source in zip(_labels(sources), sources, strict=True)
        for label, driver in drivers.items()
    ]


def _entries(place: Path, wanted: Callable[[Path], bool], kind: str, suffixes: Sequence[str]) -> list[Path]:
    """The files at ``place`` that are ``wanted``, in the natural order of their names."""
    try:
        if place.is_file():
            return [place.resolve()]
        listed = [entry for entry in place.iterdir() if not entry.name.startswith(".") and wanted(entry)]
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"The folder '{place}' of {kind}s cannot be read ({reason}). Check the path.") from error
    if not listed:
        raise ConfigError(f"The folder '{place}' holds no {kind} ({', '.join(suffixes)}).")
    return [entry.resolve() for entry in sorted(listed, key=natural_order)]


def _is_source(entry: Path) -> bool:
    return entry.suffix.lower() in SOURCE_SUFFIXES and not entry.is_dir()


def _is_clip(entry: Path) -> bool:
    """A video, or a folder with images that plays as one."""
    if entry.is_dir():
        return any(inner.suffix.lower() in IMAGE_SUFFIXES for inner in entry.iterdir())
    return entry.suffix.lower() in VIDEO_SUFFIXES


def _labels(paths: Sequence[Path]) -> list[str]:
    """Names for the outputs, each different: without the ending where that is enough."""
    times = Counter(path.stem.lower() for path in paths)
    return [path.stem if times[path.stem.lower()] == 1 else path.name.replace(".", "_") for path in paths]
