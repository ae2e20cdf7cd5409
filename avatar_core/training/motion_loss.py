"""The networks in their training form, and the loss against the teacher's target.

Training form: Psi's two linear layers before the softplus are folded into one matrix per pair of expressions (the same
mathematics as `MotionNetworks.change`, one batched product). Errors are measured in pixels at an eye distance
of 100 px.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from avatar_core.models.gaussian_decoder import RAW_COLOR, RAW_OPACITY, RAW_POSITION, RAW_QUATERNION, RAW_SCALE
from avatar_core.models.motion_decoder import MOTION_SIZE
from avatar_core.models.networks import FIRST_RESIDUAL, GAZE, MotionNetworks
from avatar_core.training.surface_samples import EYEBALLS, LIDS, LIPS, REGIONS, SurfaceSamples
from avatar_core.training.teacher_target import HIDDEN_LOGIT, Target

PIXELS = 100.0
"""Pixels per inter-ocular distance in every figure of the training."""
GAZE_GAIN, RESIDUAL_GAIN = 4.0, 0.35
"""Radians, unit-spread coefficients and activations brought to one strength before the first layer."""
REGION_WEIGHT = {LIDS: 1.8, LIPS: 1.5, EYEBALLS: 1.5}
FIRST_SCALE, LAST_SCALE, ANNEALING_SHARE = 6.0, 0.1, 0.2
"""Charbonnier scale in pixels: large errors count like squares at first, then like distances."""
STRETCH_WEIGHT, ROTATION_WEIGHT, OPACITY_WEIGHT, REST_WEIGHT, WARP_WEIGHT = 2.0, 3.0, 6.0, 0.5, 0.05
"""Pixels of position error that errors of 1 in log stretch, in a quaternion and in the eyeballs' fade weigh."""
STRETCH_SCALE, ROTATION_SCALE, OPACITY_SCALE = 0.05, 0.02, 0.5


def activation_gain(activation_count: int) -> Tensor:
    """(A,) factors on activations while training; folded into the first layer when the weights are written."""
    gain = torch.ones(activation_count)
    gain[GAZE], gain[FIRST_RESIDUAL:] = GAZE_GAIN, RESIDUAL_GAIN
    return gain


def batched_change(networks: MotionNetworks, f: Tensor, m: Tensor, sources: Tensor, drivers: Tensor) -> Tensor:
    """Changes (G, D, P, 14) in raw units of P points from sources (G, A) to drivers (G, D, A), gains applied."""
    decoder = networks.motion_decoder
    groups, per_group, _ = drivers.shape
    source_code, driver_code = networks.code(sources), networks.code(drivers)
    normalised = functional.layer_norm(m, (MOTION_SIZE,))
    folded = decoder.hidden.weight @ decoder.modulated.weight  # (96, 48)
    constant = functional.linear(decoder.modulated.bias, decoder.hidden.weight, decoder.hidden.bias)

    def psi(first: Tensor, second: Tensor) -> Tensor:
        scale, shift = decoder.modulation(first, second)  # (E, 48)
        matrix = (folded * scale[:, None]).transpose(1, 2)  # (E, 48, 96)
        bias = (shift @ folded.T + constant)[:, None]
        hidden = torch.baddbmm(bias, normalised.expand(len(scale), -1, -1), matrix)
        return decoder.gain * functional.linear(functional.softplus(hidden), decoder.output.weight)

    moved = psi(source_code.repeat_interleave(per_group, 0), driver_code.flatten(0, 1))
    still = psi(source_code, source_code).repeat_interleave(per_group, 0)
    phi = networks.gaussian_decoder
    change = phi(f + moved - still) - phi(f)
    return (networks.raw_unit * change).unflatten(0, (groups, per_group))


def _charbonnier(error: Tensor, scale: float) -> Tensor:
    """Smooth distance (...,) of errors (..., C)."""
    return (error.pow(2).sum(-1) + scale * scale).sqrt() - scale


def region_weights(samples: SurfaceSamples) -> Tensor:
    """(P,) weight of each sample."""
    table = torch.ones(len(REGIONS))
    for region, weight in REGION_WEIGHT.items():
        table[region] = weight
    return table[samples.region]


def motion_loss(change: Tensor, target: Target, samples: SurfaceSamples, progress: float) -> tuple[Tensor, Tensor]:
    """The loss (scalar) and the position errors (E, P) in pixels.

    Args:
        change: (E, P, 14) predicted change of raw attributes.
        progress: share of the training done, 0..1.
    """
    annealing = FIRST_SCALE * max(0.0, 1.0 - progress / ANNEALING_SHARE) ** 2
    position_error = (change[..., RAW_POSITION] - target.position) * PIXELS
    stretch_error = change[..., RAW_SCALE] - functional.pad(target.stretch, (0, 1))
    rotation_error = change[..., RAW_QUATERNION] - target.rotation
    opacity_error = (change[..., RAW_OPACITY] - target.opacity)[..., None] / abs(HIDDEN_LOGIT)
    color_error = change[..., RAW_COLOR].pow(2).sum(-1)
    loss = (
        _charbonnier(position_error, LAST_SCALE + annealing)
        + STRETCH_WEIGHT * _charbonnier(stretch_error, STRETCH_SCALE)
        + ROTATION_WEIGHT * _charbonnier(rotation_error, ROTATION_SCALE)
        + OPACITY_WEIGHT * _charbonnier(opacity_error, OPACITY_SCALE)
        + REST_WEIGHT * color_error
    )
    return (loss * region_weights(samples)).mean(), position_error.detach().norm(dim=-1)
