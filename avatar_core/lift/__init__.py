"""One photo with detected landmarks -> Gaussians at rest, ready to be moved."""

from avatar_core.lift.pipeline import Draft, LiftResult, draft, lift
from avatar_core.lift.warm import compile_kernels

__all__ = ["Draft", "LiftResult", "compile_kernels", "draft", "lift"]
