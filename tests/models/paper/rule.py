"""Weights and inputs that follow from names alone: with them the reference's golden outputs can be checked anywhere.

A tensor is standard normal noise seeded by the CRC-32 of its public name, scaled so that activations keep their size
through the networks; every value is float32.
"""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

TENSORS = Path(__file__).parent / "reference_tensors.json"
"""Names, shapes and CRC-32 of the rule's values for every tensor of the public checkpoint."""

_HALF_RATE = re.compile(
    r"backbone\.low_feat_encoder\.net\.[12]\.|backbone\.feat_decoder\.in_layer\.2\.|motion_decoder\.transform\."
)
_EQUALISED = re.compile(r"(motion_)?decoder\.net\.[02]\.weight")
_GAINS = (
    (r"backbone\.deep_lab_v3\.encoder\.layer\d\.\d\.conv2\.weight", 0.5),
    (r"backbone\.deep_lab_v3\.encoder\.layer\d\.\d\.downsample\.0\.weight", 0.7),
    (r"model\.model\.(conv[234]|m0|top_m_0)\.(.*\.)?conv[123]\.weight", 0.35),
    (r"model\.model\.conv[24]\.downsample\.2\.weight", 0.5),
    (r"model\.model\.conv_last0\.weight", 0.1),
    (r"decoder\.net\.2\.weight", 1.5),
    (r"motion_decoder\.net\.2\.weight", 10.0),
)
_DENSITY_BIAS, _DENSITY_GAIN = 13.0, 16.0  # density straddles the threshold of kept Gaussians


def noise(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    return generator.standard_normal(shape).astype(np.float32)


def tensor(name: str, shape: tuple[int, ...]) -> NDArray[np.generic]:
    """The value of the public tensor ``name``."""
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name == "model.pe":
        angle = np.arange(32)[:, None] * 10000.0 ** (-np.arange(8) / 8.0)
        return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)[None].astype(np.float32)
    values = noise(name, shape)
    rate = 0.5 if _HALF_RATE.match(name) else 1.0
    if name.endswith("running_mean"):
        return np.float32(0.1) * values
    if name.endswith("running_var"):
        return np.float32(1) + np.float32(0.1) * np.abs(values)
    if name.endswith(".bias"):
        biases = np.float32(0.1) * values
        if name == "decoder.net.2.bias":
            biases[0] = np.float32(_DENSITY_BIAS)
        return biases
    if len(shape) == 1:
        return (np.float32(1) + np.float32(0.1) * values) * np.float32(1 / rate)
    gain = next((gain for pattern, gain in _GAINS if re.fullmatch(pattern, name)), 1.0)
    if not _EQUALISED.fullmatch(name):
        gain *= (np.sqrt(2.0) if len(shape) == 4 else 1.0) / np.sqrt(np.prod(shape[1:]))
    weights = values * np.float32(gain / rate)
    if name == "decoder.net.2.weight":
        weights[0] *= np.float32(_DENSITY_GAIN)
    return weights


def public_shapes() -> dict[str, tuple[int, ...]]:
    """Every name of the public checkpoint with its shape."""
    return {name: tuple(shape) for name, (shape, _) in json.loads(TENSORS.read_text()).items()}


def public_checksums() -> dict[str, int]:
    return {name: checksum for name, (_, checksum) in json.loads(TENSORS.read_text()).items()}


def state_dict() -> dict[str, Tensor]:
    """The whole public checkpoint as the rule fills it."""
    return {name: torch.from_numpy(np.asarray(tensor(name, shape))) for name, shape in public_shapes().items()}


def image(side: int) -> Tensor:
    """The pattern picture (1, 3, side, side) in [-0.9, 0.9]."""
    channel = np.arange(3.0)[:, None, None]
    y, x = np.arange(side)[None, :, None] + 0.5, np.arange(side)[None, None, :] + 0.5
    t = 2 * np.pi / side
    picture = 0.45 * np.sin(t * (3 + channel) * x + 0.7 * channel)
    picture = picture + 0.35 * np.cos(t * (5 - channel) * y - 0.3 * channel) + 0.10 * np.sin(t * (17 * x + 29 * y))
    return torch.from_numpy(picture.astype(np.float32))[None]


def codes() -> tuple[Tensor, Tensor]:
    """Two motion codes (512,)."""
    index = np.arange(512.0)
    first = 0.5 * np.sin(0.37 * index + 0.2)
    second = 0.5 * np.cos(0.23 * index) + 0.1 * np.sin(0.011 * index * index)
    return torch.from_numpy(first.astype(np.float32)), torch.from_numpy(second.astype(np.float32))
