"""How the cost of a frame grows: time against Gaussians, picture size and threads, for the rasteriser and the animator.

Other numbers of Gaussians than the avatar's own come from leaving some out or repeating some (`frames.with_count`), so
the share that goes through the networks stays the same. Straight lines are fitted by least squares:

    rasteriser   time = fixed + per_gaussian * Gaussians + per_pixel * pixels
    animator     time = fixed + per_gaussian * Gaussians
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core.avatar import Avatar
from avatar_core.benchmarks.frames import PERFORMANCE_STEP, timed, with_count
from avatar_core.camera import Camera
from avatar_core.engine import AvatarEngine
from avatar_core.gaussians import Gaussians
from avatar_core.models.animator import Animator
from avatar_core.models.animator_cpu import CpuAnimator
from avatar_core.motion import HeadPose
from avatar_core.performance import motion_at
from avatar_core.rendering.cpu import CpuRasterizer
from avatar_core.rendering.jit import thread_limit

COUNTS = (25_000, 50_000, 100_000, 200_000, 400_000, 700_000, 1_000_000)
SIZES = (256, 384, 512, 768, 1024, 1536, 2048)
BASE_SIZE = 512  # pixels; of the pictures with other numbers of Gaussians, and with fewer threads
WARM_UPS = 2
MOMENT = 22.0  # seconds of the performance that the rasteriser draws

Row = dict[str, float | int]


@dataclass(frozen=True)
class Fit:
    """``per`` names what the coefficients after the first, the fixed cost, are multiplied with; milliseconds."""

    per: tuple[str, ...]
    coefficients: tuple[float, ...]
    r2: float

    @classmethod
    def of(cls, rows: Sequence[Row], per: Sequence[str]) -> Fit:
        """Least squares over ``rows`` with the columns ``per`` and "ms"; without enough rows r2 is NaN."""
        design = np.array([[1.0, *(row[name] for name in per)] for row in rows])
        times = np.array([row["ms"] for row in rows], np.float64)
        scale = design.max(0)
        solution = np.linalg.lstsq(design / scale, times, rcond=None)[0]
        residual = times - design / scale @ solution
        spread = float(((times - times.mean()) ** 2).sum())
        enough = len(rows) > len(scale) and spread > 0
        r2 = 1 - float((residual**2).sum()) / spread if enough else float("nan")
        return cls(tuple(per), tuple(float(value) for value in solution / scale), r2)

    def as_dict(self) -> dict[str, float]:
        """The fit for a report."""
        slopes = zip(self.per, self.coefficients[1:], strict=True)
        named = {f"nanoseconds_per_{name.removesuffix('s')}": 1e6 * slope for name, slope in slopes}
        return {"fixed_ms": self.coefficients[0], **named, "r2": self.r2}


def measure_scaling(
    engine: AvatarEngine,
    avatar: Avatar,
    frames: int,
    counts: Sequence[int] = COUNTS,
    sizes: Sequence[int] = SIZES,
    progress: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Median milliseconds over ``frames`` calls for every point, and the fits.

    Returns:
        "rasteriser" and "animator", each with lists of rows "by_gaussians" and "by_threads" (and "by_size" for the
        rasteriser; no threads unless on the CPU) and "fit".
    """
    place = _Bench(engine, frames)
    rasteriser: dict[str, Any] = {"by_gaussians": [], "by_size": [], "by_threads": []}
    animator: dict[str, Any] = {"by_gaussians": [], "by_threads": []}
    for count in counts:
        progress(f"{count} Gaussians")
        some = with_count(avatar, count)
        mover = Animator(some, engine.networks, engine.device)
        row = {"gaussians": count, "through_networks": mover.evaluated}
        animator["by_gaussians"].append(row | {"ms": place.animate(mover)})
        ms = place.draw(engine.rasterizer, place.animated(mover), BASE_SIZE)
        rasteriser["by_gaussians"].append({"gaussians": count, "pixels": BASE_SIZE**2, "ms": ms})
    mover = Animator(avatar, engine.networks, engine.device)
    drawn = place.animated(mover)
    for size in sizes:
        progress(f"{size} x {size} pixels")
        ms = place.draw(engine.rasterizer, drawn, size)
        rasteriser["by_size"].append({"gaussians": len(avatar), "size": size, "pixels": size**2, "ms": ms})
    if engine.device.type == "cpu":
        for threads in _thread_counts():
            progress(f"{threads} threads")
            ms = place.draw(CpuRasterizer(threads), drawn, BASE_SIZE)
            rasteriser["by_threads"].append({"threads": threads, "ms": ms})
            ms = place.animate(CpuAnimator(avatar, engine.networks, workers=threads))
            animator["by_threads"].append({"threads": threads, "ms": ms})
    points = [*rasteriser["by_gaussians"], *rasteriser["by_size"]]
    rasteriser["fit"] = Fit.of(points, ("gaussians", "pixels")).as_dict()
    animator["fit"] = Fit.of(animator["by_gaussians"], ("gaussians",)).as_dict()
    return {"rasteriser": rasteriser, "animator": animator}


class _Bench:
    """Times single calls on the engine's device."""

    def __init__(self, engine: AvatarEngine, frames: int) -> None:
        self._frames = frames
        self._cuda = engine.device.type == "cuda"
        count = engine.networks.activation_count
        moments = [motion_at(index * PERFORMANCE_STEP) for index in range(frames + WARM_UPS)]
        self._controls = [self._control(motion.activations, count) for motion in moments]
        self._still = self._control(motion_at(MOMENT).activations, count)

    def animate(self, mover: Animator | CpuAnimator) -> float:
        """Median milliseconds of one call under the performance's activations."""
        pose = HeadPose()
        return self._median(lambda index: mover.animate(self._controls[index], pose))

    def draw(self, rasterizer: Any, gaussians: Gaussians, size: int) -> float:
        """Median milliseconds of drawing a square picture of ``size`` pixels."""
        camera = Camera.orbit()
        return self._median(lambda index: rasterizer.render(gaussians, camera, size, size))

    def animated(self, mover: Animator) -> Gaussians:
        """What the rasteriser draws."""
        return Gaussians(mover.animate(self._still, HeadPose()).planar.clone())

    def _median(self, call: Callable[[int], Any]) -> float:
        times = []
        for index in range(self._frames + WARM_UPS):
            seconds, _ = timed(self._finished, call, index)
            times.append(1e3 * seconds)
        return round(float(np.median(times[WARM_UPS:])), 3)

    def _finished(self, call: Callable[[int], Any], index: int) -> None:
        call(index)
        if self._cuda:
            torch.cuda.synchronize()

    @staticmethod
    def _control(named: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """(count,) activations with nothing but the named ones."""
        control = np.zeros(count, np.float32)
        control[: len(named)] = named
        return control


def _thread_counts() -> list[int]:
    """1, 2, 4, ... and as many as there are."""
    limit = thread_limit()
    return sorted({*(2**power for power in range(limit.bit_length()) if 2**power <= limit), limit})
