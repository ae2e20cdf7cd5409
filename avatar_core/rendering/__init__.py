"""Rasterisers behind one protocol: Numba on the CPU, gsplat or Triton on CUDA, a float64 reference for the tests."""

from avatar_core.rendering.compose import composite
from avatar_core.rendering.rasterizer import Rasterizer, create
from avatar_core.rendering.warm import kernels_are_cached, warm_up

__all__ = ["Rasterizer", "composite", "create", "kernels_are_cached", "warm_up"]
