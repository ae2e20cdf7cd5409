"""Public tensors -> ours: renamed, completeness checked, learning-rate factors folded into plain weights.

The public networks multiply some stored weights in every forward pass. Here that product is taken once:
layers inside the three transformer blocks and Psi's modulation by 0.5 (weights and biases), the other linear layers of
Phi and Psi by 1 / sqrt(inputs) (weights alone). Phi's eight outputs that nothing reads are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from avatar_core.models.paper.checkpoint_names import our_name, public_name
from avatar_core.models.paper.networks import PaperNetworks

RATE_FACTOR = 0.5
_HALF_RATE = (
    "encoder.low_branch.blocks.",
    "encoder.decoder.block.",
    "motion_decoder.mapping.",
    "motion_decoder.modulated.",
)
_EQUALISED = (
    "gaussian_decoder.hidden.weight",
    "gaussian_decoder.output.weight",
    "motion_decoder.hidden.weight",
    "motion_decoder.output.weight",
)
PUBLIC_RAW_CHANNELS = 22
_RAW_ROWS = (0, 1, 2, 3, *range(11, 21))
"""Public outputs of Phi that we keep: density, colour, position, scale, quaternion."""


@dataclass(frozen=True)
class Mismatch:
    """How a set of public tensors differs from the published architecture, by public names."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.misshapen)

    def __str__(self) -> str:
        kinds = (("missing", self.missing), ("unexpected", self.unexpected), ("of another shape", self.misshapen))
        return "; ".join(f"{len(names)} {kind}: {', '.join(names)}" for kind, names in kinds if names)


def public_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes that the public checkpoint must have."""
    with torch.device("meta"):
        networks = PaperNetworks()
    shapes = {public_name(name): tuple(tensor.shape) for name, tensor in networks.state_dict().items()}
    for leaf in ("weight", "bias"):
        name = public_name(f"gaussian_decoder.output.{leaf}")
        shapes[name] = (PUBLIC_RAW_CHANNELS, *shapes[name][1:])
    return shapes


def compare(tensors: Mapping[str, Tensor]) -> Mismatch:
    """What is wrong with ``tensors``, public names without any prefix."""
    expected = public_shapes()
    return Mismatch(
        missing=tuple(name for name in expected if name not in tensors),
        unexpected=tuple(name for name in tensors if name not in expected),
        misshapen=tuple(
            f"{name} ({_text(tuple(tensors[name].shape))} instead of {_text(shape)})"
            for name, shape in expected.items()
            if name in tensors and tuple(tensors[name].shape) != shape
        ),
    )


def convert(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict (float32) of complete public ``tensors`` of any floating type."""
    converted = {}
    for public, tensor in tensors.items():
        ours = our_name(public)
        assert ours is not None, public
        value = tensor.detach().cpu()
        if value.is_floating_point():
            value = value.float()
        if ours.startswith("gaussian_decoder.output."):
            value = value[list(_RAW_ROWS)]
        factor = learning_rate_factor(ours, value.shape)
        converted[ours] = (value if factor == 1.0 else value * factor).contiguous()
    return converted


def learning_rate_factor(name: str, shape: Sequence[int]) -> float:
    """What the public networks multiply our tensor ``name`` of ``shape`` by in every forward pass."""
    if name.startswith(_HALF_RATE):
        return RATE_FACTOR
    return 1.0 / math.sqrt(shape[1]) if name in _EQUALISED else 1.0


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"
