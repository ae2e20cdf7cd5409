"""Lighter avatars for slower machines: neighbouring Gaussians that look alike are merged."""

from avatar_core.simplify.levels import QUALITIES, simplify

__all__ = ["QUALITIES", "simplify"]
