"""One photo with detected landmarks -> Gaussians at rest, ready to be moved."""

from avatar_core.lift.pipeline import LiftResult, lift
from avatar_core.lift.warm import compile_kernels

__all__ = ["LiftResult", "compile_kernels", "lift"]
