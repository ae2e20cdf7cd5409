"""Pictures that gradients flow through, by the rules of `avatar_core.rendering`: one renderer for all trainings."""

from avatar_core.training.splatting.render import render

__all__ = ["render"]
