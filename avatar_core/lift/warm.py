"""Compiling the lift's kernels before they are needed."""

from __future__ import annotations

import numpy as np

from avatar_core.lift import poisson
from avatar_core.lift.layer import surface_steps
from avatar_core.lift.mesh import draw_mesh
from avatar_core.tracking.topology import LANDMARK_COUNT

_SIDE = 64  # large enough for the solver to use its coarser grids


def compile_kernels() -> None:
    """Compile, or load from the disk cache, by lifting next to nothing."""
    role = np.full((_SIDE, _SIDE), poisson.HEAD, np.uint8)
    role[0] = poisson.FIXED
    poisson.solve(role, np.zeros(role.shape, np.float32), np.ones(role.shape, np.float32))
    draw_mesh(np.zeros((LANDMARK_COUNT, 3)), _SIDE)
    surface_steps(np.zeros((4, 4, 3), np.float32), np.ones((4, 4), bool))
