"""The learned encoder: corrects the lift's relief and builds what the photo hides, in one forward pass."""

from avatar_core.models.encoder.learned import LearnedEncoder

__all__ = ["LearnedEncoder"]
