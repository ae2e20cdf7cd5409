"""Measure the engine on this machine: `python -m avatar_core.bench [--device cpu|cuda] [--json FILE]`, or, with
`--scaling [--out DIR]`, how its cost grows with Gaussians, picture size and threads.

One portrait is encoded and driven by the scripted performance; every figure is printed with what it includes and with
the number of Gaussians, the picture's size, the device, the threads and the precision it was measured at. Times are
medians in milliseconds. Frames per second are those of animate + rasterise + compose, without tracking or display.
On CUDA a table of stages follows, see `avatar_core.benchmarks.cuda`. Exit status 2: the device asked for cannot be
used.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core import rendering
from avatar_core.atomic_file import replacing
from avatar_core.avatar import Avatar
from avatar_core.benchmarks.cuda import cuda_figures, describe_cuda
from avatar_core.benchmarks.encoding import compare_encoders, describe_encoders
from avatar_core.benchmarks.floor import cpu_floor, describe_floor
from avatar_core.benchmarks.following import compare_following, describe_following
from avatar_core.benchmarks.frames import FRAME_FIGURES, STAGES, Report, with_count
from avatar_core.benchmarks.qualities import compare_qualities, describe_qualities
from avatar_core.benchmarks.scaling import BASE_SIZE, COUNTS, SIZES, measure_scaling
from avatar_core.benchmarks.scaling_report import draw_scaling, markdown
from avatar_core.benchmarks.startup import measure_startup
from avatar_core.benchmarks.tracking import FRAME_HEIGHT, FRAME_WIDTH, tracking_ms
from avatar_core.devices import choose_device
from avatar_core.engine import AvatarEngine
from avatar_core.errors import AvatarError, DeviceError
from avatar_core.image_io import load_image
from avatar_core.models.animator import Animator
from avatar_core.process_memory import resident_megabytes
from avatar_core.rendering.jit import thread_limit

NO_DEVICE = 2  # exit status where the device asked for cannot be used
FRAMES, SCALING_FRAMES = 100, 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement; returns the process's exit status."""
    options = _parser().parse_args(arguments)
    try:
        choose_device(options.device)
        report = scaling(options) if options.scaling else measure(options)
    except DeviceError as error:
        print(error, file=sys.stderr)
        return NO_DEVICE
    except AvatarError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{options.out}: cannot be written ({error.strerror or error}). Choose another folder.", file=sys.stderr)
        return 1
    for line in markdown(report).splitlines() if options.scaling else describe(report):
        print(line)
    if options.json:
        _write_json(options.json, report)
        print(f"Written: {options.json}")
    return 0


def scaling(options: argparse.Namespace) -> Report:
    """Time against Gaussians, size and threads; writes scaling.json, scaling.md and scaling.png to ``options.out``.

    Raises:
        AvatarError: the weights, the device or the photo cannot be used.
        OSError: the folder cannot be written.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    engine = AvatarEngine.from_pretrained(options.weights, options.device)
    try:
        rendering.warm_up(_tell)
        avatar = engine.encode(load_image(options.photo) if options.photo else _bundled_portrait())
        frames = options.frames or SCALING_FRAMES
        counts, sizes = options.counts or COUNTS, options.sizes or SIZES
        report = {
            **_conditions(engine, avatar),
            "base_size": BASE_SIZE,
            "frames": frames,
            "times": measure_scaling(engine, avatar, frames, counts, sizes, lambda line: print(line, file=sys.stderr)),
        }
    finally:
        engine.close()
    _write_json(options.out / "scaling.json", report)
    with replacing(options.out / "scaling.md") as temporary:
        temporary.write_text(markdown(report), encoding="utf-8")
    draw_scaling(report, options.out / "scaling.png")
    return report


def measure(options: argparse.Namespace) -> Report:
    """All figures, see `describe` for their meaning.

    Raises:
        AvatarError: the weights, the device or the photo cannot be used.
    """
    photo = load_image(options.photo) if options.photo else _bundled_portrait()
    startup = None if options.no_startup else measure_startup(options.weights, options.device, photo, options.size)
    engine = AvatarEngine.from_pretrained(options.weights, options.device)
    try:
        rendering.warm_up(_tell)
        avatar = engine.encode(photo)
        if options.gaussians:
            avatar = with_count(avatar, options.gaussians)
        frames = options.frames or FRAMES
        qualities = compare_qualities(engine, avatar, options.size, frames)
        on_cuda = engine.device.type == "cuda"
        report = {
            **({"cuda": cuda_figures(engine, avatar, frames)} if on_cuda else {}),
            **({} if on_cuda else {"following": compare_following(engine, avatar, options.size, frames)}),
            **({} if on_cuda else {"floor": cpu_floor(engine, avatar, options.size)}),
            **_conditions(engine, avatar),
            "size": options.size,
            "frames": frames,
            **{name: qualities[0][name] for name in FRAME_FIGURES},
            "qualities": qualities,
            "track_ms": tracking_ms(engine, photo, frames),
            "startup_s": None if startup is None else startup.ready,
            "first_frame_s": None if startup is None else startup.first_frame,
            "resident_memory_mb": resident_megabytes(),
        }
    finally:
        engine.close()
    return {**report, "encoders": compare_encoders(options.weights, options.device, photo)}


def describe(report: Report) -> list[str]:
    """The report as lines for people."""
    where = f"{report['gaussians']} Gaussians, {report['size']} x {report['size']} px, {report['precision']}"
    median = report["median_ms"]
    stages = ", ".join(f"{stage} {median[stage]:.1f}" for stage in STAGES)
    lines = [
        f"Device: {report['device']}; {report['processor']}; {report['rasteriser']}",
        f"Threads: {report['threads']} of the compiled kernels, {report['torch_threads']} of PyTorch",
        f"Frame ({where}): {report['frames_per_second']:.1f} frames per second, median {median['total']:.1f} ms "
        f"(95th percentile {report['p95_ms']:.1f}): {stages}",
        f"  {report['gaussians_moving']} Gaussians move with the expression ({report['gaussians_through_networks']} "
        f"through the networks), {report['gaussians'] - report['gaussians_moving']} with the head alone",
        *describe_qualities(report["qualities"]),
        *describe_following(report.get("following", [])),
        *([describe_floor(report["floor"])] if "floor" in report else []),
        describe_encoders(report["encoders"]),
    ]
    if report["track_ms"] is not None:
        lines.append(f"Track: {report['track_ms']:.1f} ms per {FRAME_WIDTH} x {FRAME_HEIGHT} frame")
    else:
        lines.append("Track: no face was found in the photo laid out as a webcam frame")
    if report["startup_s"] is not None:
        lines.append(
            f"Start-up: {report['startup_s']:.2f} s, a new process until the engine is ready and kernels loaded"
        )
        lines.append(f"First animated frame: after {report['first_frame_s']:.2f} s from the start of the process")
    if report["resident_memory_mb"] is not None:
        lines.append(f"Resident memory: {report['resident_memory_mb']:.0f} MB")
    if "cuda" in report:
        lines += describe_cuda(report["cuda"])
    return lines


def _conditions(engine: AvatarEngine, avatar: Avatar) -> Report:
    """What the figures were measured on."""
    animator = Animator(avatar, engine.networks, engine.device)
    return {
        "gaussians": len(avatar),
        "gaussians_moving": animator.moving,
        "gaussians_through_networks": animator.evaluated,
        "device": engine.device_report,
        "rasteriser": engine.rasterizer.name,
        "processor": _processor_name(),
        "threads": thread_limit(),
        "torch_threads": torch.get_num_threads(),
        "precision": animator.precision,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _tell(what: str, share: float) -> None:
    print(f"{what} ({share:.0%})", file=sys.stderr)


def _bundled_portrait() -> NDArray[np.uint8]:
    """Scikit-image's public-domain portrait of the astronaut Eileen Collins."""
    from skimage import data

    return data.astronaut()


def _processor_name() -> str:
    """What the processor calls itself, as far as the system tells."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _write_json(path: Path, report: Report) -> None:
    """Write ``report``; the file appears under its name only when complete."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(report, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m avatar_core.bench", description="Measure the engine.")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--weights", default="weights", metavar="FOLDER")
    parser.add_argument("--photo", type=Path, metavar="FILE", help="portrait to encode (default: a bundled one)")
    parser.add_argument("--gaussians", type=_positive, metavar="N", help="thin or repeat the avatar's Gaussians to N")
    parser.add_argument("--size", type=_positive, default=512, metavar="PIXELS", help="side of the picture")
    parser.add_argument(
        "--frames", type=_positive, metavar="N", help=f"frames measured ({FRAMES}; {SCALING_FRAMES} with --scaling)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--no-startup", action="store_true", help="leave out the start-up time (two more processes)")
    growth = parser.add_argument_group("how cost grows")
    growth.add_argument("--scaling", action="store_true", help="measure that instead: a table, scaling.json and a plot")
    growth.add_argument("--out", type=Path, default=Path("scaling"), metavar="DIR", help="where they go (scaling)")
    growth.add_argument("--counts", type=_positive, nargs="+", metavar="N", help="numbers of Gaussians (25K to 1M)")
    growth.add_argument("--sizes", type=_positive, nargs="+", metavar="PIXELS", help="picture sides (256 to 2048)")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


if __name__ == "__main__":
    sys.exit(main())
