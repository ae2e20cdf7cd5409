"""A photo and its mirror image show the same head: the encoder looks at both, and its predictions' mean errs less.

In: the network's input. Out: `Prediction`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_core.models.encoder.network import EncoderNetwork, Prediction

CANONICAL_X = 6  # channel of the guide maps


def predict_both_ways(network: EncoderNetwork, maps: Tensor, canonical_to_head: Tensor) -> Prediction:
    """The mean of what ``network`` makes of a photo (1, 12, 160, 160) and, the other way round, of its mirror image."""
    seen = mirrored_input(maps, canonical_to_head)
    both = torch.cat([maps, seen[0]]).contiguous(memory_format=torch.channels_last)  # channels last: a fifth faster
    prediction = network(both, torch.cat([canonical_to_head, seen[1]]))
    own, other = (Prediction(*(values[k : k + 1] for values in prediction)) for k in range(2))
    return Prediction(*(0.5 * (a + b) for a, b in zip(own, mirrored_prediction(other), strict=True)))


def mirrored_input(maps: Tensor, canonical_to_head: Tensor) -> tuple[Tensor, Tensor]:
    """Guide maps (B, 12, 160, 160) and similarity (B, 4, 4) of the same people seen in a mirror."""
    turned = maps.flip(-1)
    turned[:, CANONICAL_X] *= -1
    mirror = torch.diag(canonical_to_head.new_tensor([-1.0, 1.0, 1.0, 1.0]))
    return turned, mirror @ canonical_to_head @ mirror


def mirrored_prediction(prediction: Prediction) -> Prediction:
    """What is predicted of people as it holds for their mirror images; ``latent``, which knows no sides, as it is."""
    return Prediction(
        correction=prediction.correction.flip(-1),
        radius=prediction.radius.flip(2),
        presence=prediction.presence.flip(2),
        colour=prediction.colour.flip(2),
        gates=prediction.gates.flip(2),
        latent=prediction.latent,
    )
