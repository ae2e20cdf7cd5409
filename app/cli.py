"""Command line: arguments over the configuration file over defaults, then the window or the headless command.

Exit codes: 0 done, 1 no video of a batch could be made, 2 bad input (one line on stderr), 130 after Ctrl-C, 143 after
SIGTERM without a window.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from app.background import parse_background
from app.config import AppConfig, load_config
from app.errors import ConfigError
from app.native_chatter import without_native_chatter
from app.user_paths import expand
from avatar_core.errors import AvatarError

if TYPE_CHECKING:
    from app.headless_render import Take

ALL_FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130
TERMINATED = 143
DEFAULT_OUT = "avatar_demo.mp4"

_WITHOUT_WINDOW = ("out", "yaw", "pitch", "turntable", "seconds", "frames")
_HEADLESS_ONLY = ("report",)
_BATCH_ONLY = ("sources", "drivers", "workers", "ray")
_NOT_BATCH = ("source", "driver", "report")


class _Parser(argparse.ArgumentParser):
    """Tells a wrong argument in one line, as every other wrong input."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message[:1].upper()}{message[1:]}. See --help.")


def build_parser() -> argparse.ArgumentParser:
    """All arguments; those not given stay None, so that the configuration file can set them."""
    parser = _Parser(prog="run_demo.py", description="One portrait photo becomes a live 3D avatar that a face drives.")
    parser.add_argument("photo", nargs="?", metavar="PHOTO", help="portrait photo or saved avatar (.safetensors)")
    parser.add_argument("--source", metavar="PHOTO", help="the same, as an option")
    parser.add_argument(
        "--driver", help="webcam, a camera's number or name, a video, a folder of images, or performance"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where the avatar is computed")
    parser.add_argument("--weights", metavar="FOLDER", help="folder of the networks' weights")
    parser.add_argument("--model", choices=("own", "paper"), help="networks: this program's own or the paper's")
    parser.add_argument("--checkpoint", metavar="FILE", help="the paper's weights, as published or imported")
    parser.add_argument(
        "--encoder",
        choices=("lift", "learned"),
        help="what a photo hides: by geometry (lift) or by the trained encoder",
    )
    parser.add_argument(
        "--quality",
        choices=("full", "balanced", "fast"),
        help="how many of the avatar's Gaussians move: fewer is faster",
    )
    parser.add_argument("--size", type=int, metavar="PIXELS", help="side of the rendered picture (64 to 2048)")
    parser.add_argument("--background", help="photo, blurred, a colour's name, or #rrggbb")
    parser.add_argument("--no-mark", action="store_true", help="leave the word SYNTHETIC out of recordings")
    parser.add_argument("--config", metavar="FILE", help="settings in YAML")
    parser.add_argument("--list-cameras", action="store_true", help="print the cameras present and exit")
    headless = parser.add_argument_group("without a window")
    headless.add_argument("--headless", action="store_true", help="render to a file")
    headless.add_argument("--out", metavar="MP4", help=f"the video to write ({DEFAULT_OUT}); with --batch a folder")
    view = headless.add_mutually_exclusive_group()
    view.add_argument("--yaw", type=float, metavar="DEGREES", help="the view's turn to the right of the photo")
    view.add_argument("--turntable", action="store_true", help="let the view swing from side to side")
    headless.add_argument("--pitch", type=float, metavar="DEGREES", help="the view's height above the face")
    length = headless.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, help="length; by default all of a clip, else 10 s")
    length.add_argument("--frames", type=int, help="length in frames")
    headless.add_argument("--report", metavar="JSON", help="figures of the run")
    batch = parser.add_argument_group("many videos at once, into the folder --out; what is there already is left alone")
    batch.add_argument("--batch", action="store_true", help="render every photo with every clip")
    batch.add_argument("--sources", metavar="FOLDER", help="portrait photos and saved avatars")
    batch.add_argument("--drivers", metavar="FOLDER", help="videos and folders of images; without it the performance")
    batch.add_argument("--workers", type=int, metavar="N", help="processes (one for every two processors)")
    batch.add_argument(
        "--ray", action="store_true", help="work on the Ray cluster of RAY_ADDRESS, or on one of its own"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns the exit code."""
    with without_native_chatter():
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
        return _guarded(arguments)


def _guarded(arguments: Sequence[str] | None) -> int:
    try:
        return _run(build_parser().parse_args(arguments))
    except AvatarError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED


def _run(given: argparse.Namespace) -> int:
    if given.list_cameras:
        return _print_cameras()
    config = merge(given)
    parse_background(config.background)
    _check_places(given)
    if given.batch:
        return _batch(given, config)
    if given.headless:
        return _headless(given, config)
    from app.display import display_obstacle

    obstacle = display_obstacle()
    if obstacle is not None:
        print(f"{obstacle} Rendering to '{DEFAULT_OUT}' instead.", file=sys.stderr)
        return _headless(given, config)
    return _window(config)


def _check_places(given: argparse.Namespace) -> None:
    """Raise `ConfigError` for arguments that mean nothing beside the others."""
    if given.photo is not None and (given.batch or given.source is not None):
        other = "--batch: see --sources" if given.batch else "--source: one portrait at a time"
        raise ConfigError(f"'{given.photo}' cannot be used together with {other}.")

    def told(names: Sequence[str]) -> str:
        return ", ".join(f"--{name}" for name in names if getattr(given, name) not in (None, False))

    if given.batch:
        missing = [f"--{name}" for name in ("sources", "out") if not getattr(given, name)]
        if missing:
            raise ConfigError(f"--batch needs {' and '.join(missing)}.")
        if given.headless or told(_NOT_BATCH):
            misplaced = told(("headless", *_NOT_BATCH))
            raise ConfigError(f"{misplaced} cannot be used together with --batch: see --sources and --drivers.")
    elif told(_BATCH_ONLY):
        raise ConfigError(f"{told(_BATCH_ONLY)} can be used together with --batch only.")
    elif not given.headless and told((*_WITHOUT_WINDOW, *_HEADLESS_ONLY)):
        misplaced = told((*_WITHOUT_WINDOW, *_HEADLESS_ONLY))
        raise ConfigError(f"{misplaced} can be used together with --headless only.")


def merge(given: argparse.Namespace) -> AppConfig:
    """The configuration file, or the defaults, with what the command line says put over it.

    Raises:
        ConfigError: a value is wrong.
    """
    config = load_config(given.config) if given.config else AppConfig()
    names = ["source", "driver", "device", "weights", "model", "checkpoint", "encoder", "quality", "size", "background"]
    values = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
    if given.photo is not None:
        values["source"] = given.photo
    if given.no_mark:
        values["synthetic_mark"] = False
    low, high = AppConfig.__dataclass_fields__["size"].metadata["range"]
    if not low <= values.get("size", config.size) <= high:
        raise ConfigError(f"--size {values['size']} is out of range; it must lie between {low} and {high} pixels.")
    merged = dataclasses.replace(config, **values)
    if given.encoder is not None and merged.model == "paper":
        raise ConfigError("--encoder has no effect with --model paper, which has its own. Leave one of them out.")
    return merged


def _print_cameras() -> int:
    from app.capture import list_cameras

    cameras = list_cameras()
    for camera in cameras:
        print(f"{camera.index}  {camera.name}")
    if not cameras:
        print("No camera was found.")
    return 0


def _source(config: AppConfig) -> Path:
    from app.bundled import bundled_portrait

    return bundled_portrait() if config.source is None else expand(config.source)


def _take(given: argparse.Namespace) -> Take:
    from app.headless_render import Take

    return Take(given.yaw or 0.0, given.pitch or 0.0, given.turntable, given.seconds, given.frames)


def _headless(given: argparse.Namespace, config: AppConfig) -> int:
    from app.headless import HeadlessJob, run

    job = HeadlessJob(
        source=_source(config),
        out=Path(given.out or DEFAULT_OUT),
        report=Path(given.report) if given.report else None,
        take=_take(given),
    )
    with _unwound_by_sigterm():
        run(job, config)
    return 0


def _batch(given: argparse.Namespace, config: AppConfig) -> int:
    from app.batch.command import run_batch
    from app.batch.plan import BatchJob

    job = BatchJob(
        sources=expand(given.sources),
        drivers=expand(given.drivers) if given.drivers else None,
        out=expand(given.out),
        take=_take(given),
        workers=given.workers,
        ray=given.ray,
    )
    with _unwound_by_sigterm():
        return 0 if run_batch(job, config) else ALL_FAILED


@contextmanager
def _unwound_by_sigterm() -> Iterator[None]:
    """While active, SIGTERM ends the program as Ctrl-C does: unfinished videos are removed."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except SystemExit:
        raise SystemExit(TERMINATED) from None  # Ray makes it another code on its way here
    finally:
        signal.signal(signal.SIGTERM, before)


def _window(config: AppConfig) -> int:
    from app.engines import create_engine
    from app.gui.window import run_window
    from app.session import Session

    source = _source(config)
    engine = create_engine(config)
    session = Session(engine, config)

    def begin() -> None:
        session.start()
        session.open_photo(str(source))

    try:
        return run_window(session, config, begin)
    finally:
        session.close()
        engine.close()
