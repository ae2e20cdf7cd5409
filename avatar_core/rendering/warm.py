"""Compiling the CPU kernels before they are needed, and saying so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from avatar_core.camera import Camera
from avatar_core.gaussians import Gaussians
from avatar_core.rendering.compose import composite
from avatar_core.rendering.cpu import CpuRasterizer
from avatar_core.rendering.jit import CACHE_DIRECTORY, kernel_stamp

Progress = Callable[[str, float], None]


def kernels_are_cached() -> bool:
    """Whether an earlier `warm_up` ran to its end; when not, the next one takes up to a minute."""
    return _marker().is_file()


def _marker() -> Path:
    return Path(CACHE_DIRECTORY) / f"complete-{kernel_stamp()}"


def warm_up(progress: Progress | None = None) -> None:
    """Compile all CPU kernels, or load them from the disk cache, by drawing and animating next to nothing.

    ``progress`` is told what happens and how much of it is done (0..1). The first start on a machine compiles, which
    takes up to a minute; later ones load within a second.
    """
    # Animator and lift stand above this package and use its tools, so they are looked up only when needed.
    from avatar_core.lift import compile_kernels as compile_lift
    from avatar_core.models.animator_prepare import compile_kernels as compile_preparation
    from avatar_core.models.animator_warm import compile_kernels as compile_animation
    from avatar_core.models.descriptor_cpu import compile_kernels as compile_description

    first = not kernels_are_cached()
    verb = "Compiling (first start only)" if first else "Loading compiled kernels"

    def tell(what: str, fraction: float) -> None:
        if progress is not None:
            progress(f"{verb}: {what}", fraction)

    tell("rasteriser", 0.0)
    planar = torch.zeros(14, 1)
    planar[3:6], planar[6], planar[10] = 0.01, 1.0, 0.9
    rgba = CpuRasterizer().render(Gaussians(planar), Camera.orbit(), 16, 16)
    tell("compositing", 0.4)
    composite(rgba, (0, 0, 0))
    composite(rgba, np.zeros((16, 16, 3), np.uint8))
    tell("animation", 0.5)
    compile_animation()
    compile_preparation()
    compile_description()
    tell("portrait", 0.8)
    compile_lift()
    with suppress(OSError):  # a cache that cannot be written is compiled again each time
        _marker().touch()
    tell("done", 1.0)
