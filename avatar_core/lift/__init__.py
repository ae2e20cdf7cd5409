"""One photo with detected landmarks -> Gaussians at rest, ready to be moved."""

from avatar_core.lift.pipeline import LiftResult, lift

__all__ = ["LiftResult", "lift"]
