"""The motion networks folded into three layers for one avatar, in head-space axes.

With LN = LayerNorm(m), a scale g and a shift b per frame from the codes (AdaLN), and an overline for constants:

    Psi = gain (O softplus(H (M (LN g + b) + c) + d) + e)          H 96x48, M 48x48, O 48x96
    raw = V softplus(U (f + Psi(driver) - Psi(source)) + u) + v    U 96x48, V 14x96

    first    = H M diag(g)               first_bias = H (M b + c) + d
    second   = gain U O                  constant   = U f + u - second hidden(source)
    third    = diag(unit) V, its rows turned and scaled from canonical into head space, in planar channel order

``v``, ``e`` and the outer biases cancel in change = third(driver) - third(source). With hidden = softplus(first LN +
first_bias) - centre, where ``centre`` is the mean of each channel over Gaussians of the avatar at the photo's own
expression: it cancels too, and smaller numbers round better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray

from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE
from avatar_core.models.gaussian_decoder import (
    RAW_CHANNELS,
    RAW_COLOR,
    RAW_OPACITY,
    RAW_POSITION,
    RAW_QUATERNION,
    RAW_SCALE,
)
from avatar_core.models.motion_decoder import CODE_SIZE, HIDDEN_SIZE, MOTION_SIZE
from avatar_core.models.networks import MotionNetworks


def head_axes(canonical_to_head: NDArray[np.floating]) -> NDArray[np.float64]:
    """(14, 14) from a raw change in canonical axes (`gaussian_decoder.RAW_*`) to one in head axes, planar order."""
    linear = np.asarray(canonical_to_head, np.float64)[:3, :3]
    rotation = linear / np.cbrt(np.linalg.det(linear))
    matrix = np.zeros((RAW_CHANNELS, RAW_CHANNELS))
    matrix[MEAN, RAW_POSITION] = linear
    matrix[SCALE, RAW_SCALE] = np.eye(3)
    first = QUATERNION.start
    matrix[first, RAW_QUATERNION.start] = 1.0
    matrix[first + 1 : QUATERNION.stop, RAW_QUATERNION.start + 1 : RAW_QUATERNION.stop] = rotation
    matrix[OPACITY, RAW_OPACITY] = 1.0
    matrix[COLOR, RAW_COLOR] = np.eye(3)
    return matrix


@dataclass(frozen=True)
class FoldedNetworks:
    """The frame-independent matrices, float64 unless noted.

    Args:
        modulation, modulation_bias: (96, A), (96,): AdaLN scale (first 48) and shift (last 48) of driver activations.
        inner, inner_bias: H M (96, 48) and H c + d (96,).
        second: (96, 96).
        third: (14, 96).
    """

    modulation: NDArray[np.float64]
    modulation_bias: NDArray[np.float64]
    inner: NDArray[np.float64]
    inner_bias: NDArray[np.float64]
    second: NDArray[np.float64]
    third: NDArray[np.float64]

    @classmethod
    def of(
        cls, networks: MotionNetworks, source_activations: NDArray[np.floating], canonical_to_head: NDArray[np.floating]
    ) -> FoldedNetworks:
        """Fold ``networks`` for a photo whose own expression is ``source_activations`` (A,)."""

        def array(tensor: torch.Tensor) -> NDArray[np.float64]:
            return tensor.detach().double().cpu().numpy()

        psi, phi, code = networks.motion_decoder, networks.gaussian_decoder, networks.code
        mapping = array(psi.mapping.weight)
        code_weight, code_bias = array(code.weight), array(code.bias)
        source_code = code_weight @ np.asarray(source_activations, np.float64) + code_bias
        hidden, modulated = array(psi.hidden.weight), psi.modulated
        return cls(
            modulation=mapping[:, CODE_SIZE:] @ code_weight,
            modulation_bias=mapping[:, :CODE_SIZE] @ source_code + mapping[:, CODE_SIZE:] @ code_bias,
            inner=hidden @ array(modulated.weight),
            inner_bias=hidden @ array(modulated.bias) + array(psi.hidden.bias),
            second=psi.gain * array(phi.hidden.weight) @ array(psi.output.weight),
            third=head_axes(canonical_to_head) @ (array(networks.raw_unit)[:, None] * array(phi.output.weight)),
        )

    def first_layer(self, activations: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weights (96, 48) and bias (96,) of the first layer for driver ``activations`` (A,)."""
        scale_shift = self.modulation @ np.asarray(activations, np.float64) + self.modulation_bias
        return self.inner * scale_shift[:MOTION_SIZE], self.inner @ scale_shift[MOTION_SIZE:] + self.inner_bias

    @torch.no_grad()
    def centre(self, m: torch.Tensor, source_activations: NDArray[np.floating]) -> NDArray[np.float32]:
        """(96,) mean of the first layer's output at the photo's own expression over motion bases ``m`` (N, 48)."""
        if not len(m):
            return np.zeros(HIDDEN_SIZE, np.float32)
        weights, bias = (torch.from_numpy(values).float() for values in self.first_layer(source_activations))
        normalised = functional.layer_norm(m.float(), (MOTION_SIZE,))
        return functional.softplus(functional.linear(normalised, weights, bias)).mean(dim=0).numpy()

    @torch.no_grad()
    def constants(
        self,
        f: torch.Tensor,
        m: torch.Tensor,
        networks: MotionNetworks,
        source_activations: NDArray[np.floating],
        centre: NDArray[np.float32],
        rounding: torch.dtype,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """LN(m) (N, 48) and ``constant`` (N, 96) of features ``f`` (N, 48) and motion bases ``m`` (N, 48), float32.

        The photo's own term is computed from values rounded as the frame loop rounds them (``rounding``), so that
        rounding errors of weights and inputs cancel and only those of the motion itself remain.
        """

        def rounded(values: torch.Tensor) -> torch.Tensor:
            return values.to(rounding).float()

        normalised = functional.layer_norm(m.float(), (MOTION_SIZE,))
        weights, bias = (torch.from_numpy(values).float() for values in self.first_layer(source_activations))
        at_rest = functional.softplus(functional.linear(rounded(normalised), rounded(weights), bias))
        second = rounded(torch.from_numpy(self.second).float())
        constant = networks.gaussian_decoder.hidden(f.float()) - rounded(at_rest - torch.from_numpy(centre)) @ second.T
        return normalised, constant


def largest_operand(networks: MotionNetworks) -> float:
    """A bound on what the first two products multiply and add, for any avatar, for activations within their bounds.

    The feature's share of ``constant`` is left out: it is the smaller one by far.
    """
    upper = networks.activation_upper.double().cpu().numpy()
    folded = FoldedNetworks.of(networks, np.zeros_like(upper), np.eye(4))
    mapping = networks.motion_decoder.mapping.weight.detach().double().cpu().numpy()
    of_source = mapping[:, :CODE_SIZE] @ networks.code.weight.detach().double().cpu().numpy()
    reach = (np.abs(folded.modulation) + np.abs(of_source)) @ upper + np.abs(folded.modulation_bias)
    first = np.abs(folded.inner) * reach[:MOTION_SIZE]
    bias = np.abs(folded.inner) @ reach[MOTION_SIZE:] + np.abs(folded.inner_bias)
    hidden = np.sqrt(MOTION_SIZE) * np.linalg.norm(first, axis=1) + bias  # LN(m) is sqrt(48) long at most
    return float(max(first.max(), hidden.max(), (np.abs(folded.second) @ hidden).max()))
