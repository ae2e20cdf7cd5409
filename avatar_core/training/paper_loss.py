"""The paper's training loss (section 4.3), its terms that need no further network.

    L1 (1) + L1 on eyes and mouth (0.1) + mean L2 norm of delta f (0.001)

Its perceptual (LPIPS, 1), identity (0.1) and adversarial (0.025) terms need networks whose weights this repository does
not have; pass them as ``further`` terms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from avatar_core.training.paper_pairs import DistillationSample


class PictureTerm(Protocol):
    """A further term of the loss, for example LPIPS."""

    name: str
    weight: float

    def __call__(self, shown: Tensor, target: Tensor) -> Tensor:
        """Scalar for pictures (3, R, R) in [0, 1]."""


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; ``still`` is that of delta f where source and driver show the same expression."""

    picture: float = 1.0
    detail: float = 0.1
    motion: float = 0.001
    still: float = 0.1


def paper_loss(
    shown: Tensor,
    delta_f: Tensor,
    sample: DistillationSample,
    weights: LossWeights,
    further: Sequence[PictureTerm] = (),
) -> tuple[Tensor, Mapping[str, float]]:
    """The loss of one sample and its weighted terms by name.

    Args:
        shown: (3, R, R) the avatar as drawn.
        delta_f: (N, 48) what Psi added.
    """
    difference = (shown - sample.target).abs().mean(0, keepdim=True)
    norm = delta_f.norm(dim=1).mean()
    terms = {
        "picture": weights.picture * (sample.visibility * difference).mean(),
        "detail": weights.detail * (sample.detail * difference).sum() / sample.detail.sum().clamp(min=1.0),
        "motion": (weights.still if sample.same_expression else weights.motion) * norm,
    }
    for term in further:
        terms[term.name] = term.weight * term(shown, sample.target)
    total = sum(terms.values(), start=shown.new_zeros(()))
    return total, {name: float(value.detach()) for name, value in terms.items()}
