"""The distillation loss of the encoder: shape, presence and colour against the teacher's.

In: `Prediction` and a batch of targets. Out: the loss and its terms.
"""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_core.models.encoder.appearance import blend_sources
from avatar_core.models.encoder.layout import usable
from avatar_core.models.encoder.network import EncoderNetwork, Prediction
from avatar_core.training.encoder.batches import Batch
from avatar_core.training.encoder.config import LossWeights

SCALE = 0.02  # inter-ocular distances: errors below it count as squares, above it linearly
SEEN_SHARE = 0.25  # weight of cells that the photo shows against those it hides
REST = 0.05  # weight of "no correction" where the teacher knows nothing


def _robust(error: Tensor) -> Tensor:
    return (error * error + SCALE * SCALE).sqrt() - SCALE


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / weight.sum().clamp(min=1.0)


def encoder_loss(
    network: EncoderNetwork, prediction: Prediction, batch: Batch, weights: LossWeights
) -> tuple[Tensor, dict[str, float]]:
    """The weighted sum and its unweighted terms.

    Terms: correction, radius (inter-ocular distances and their logarithm), presence (squared), colour (absolute),
    smooth (second differences of correction and radius).
    """
    allowed = torch.from_numpy(usable()).to(prediction.radius.device)
    known = batch["correction_weight"]
    correction = _mean(_robust(prediction.correction - batch["correction"]), known)
    correction = correction + REST * (prediction.correction * (1 - known)).square().mean()
    weight = batch["radius_weight"] * (SEEN_SHARE + (1 - SEEN_SHARE) * batch["presence"])
    radius = _mean(_robust(prediction.radius.log() - batch["radius"].clamp(min=0.05).log()), weight)
    presence = ((prediction.presence - batch["presence"]) ** 2 * allowed).mean()
    shown = (blended_colour(network, prediction, batch) - batch["colour"]).abs().mean(-1)
    colour = _mean(shown, batch["colour_weight"] * batch["presence"])
    smooth = _bending(prediction.correction) + _bending(prediction.radius.log())
    terms = {"correction": correction, "radius": radius, "presence": presence, "colour": colour, "smooth": smooth}
    total = torch.stack([getattr(weights, name) * value for name, value in terms.items()]).sum()
    return total, {name: float(value.detach()) for name, value in terms.items()}


def blended_colour(network: EncoderNetwork, prediction: Prediction, batch: Batch) -> Tensor:
    """(B, 80, 120, 3) the template's colours."""
    return blend_sources(
        network.points(prediction.radius.detach()),
        network.rays_direction,
        batch["canonical_to_head"],
        batch["front"],
        batch["back"],
        batch["coverage"],
        prediction.colour,
        prediction.gates,
    )


def _bending(values: Tensor) -> Tensor:
    """Mean absolute second difference of maps (B, R, C) along both axes."""
    down = values[:, 2:] - 2 * values[:, 1:-1] + values[:, :-2]
    across = values[:, :, 2:] - 2 * values[:, :, 1:-1] + values[:, :, :-2]
    return down.abs().mean() + across.abs().mean()
