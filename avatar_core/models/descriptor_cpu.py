"""The descriptor networks on the CPU: weights packed once, Gaussians described by compiled kernels.

Does what `MotionNetworks.describe` does, several times as fast: an avatar has some 200 000 Gaussians, and torch takes
each layer of all of them through memory.
"""

from __future__ import annotations

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.models.animator_layout import HIDDEN_GROUP, OUTPUT_GROUP, ROWS, fastest_precision, pack_weights
from avatar_core.models.descriptor_kernels import MAIN_INPUTS, WARP_INPUTS, describe
from avatar_core.models.descriptors import (
    EMBEDDING_SIZE,
    OCTAVES,
    WARP_OCTAVES,
    DescriptorNetwork,
    network_label,
)
from avatar_core.models.motion_decoder import FEATURE_SIZE, MOTION_SIZE
from avatar_core.rendering.jit import one_launch_at_a_time, thread_limit

AT_ONCE = 1024 * ROWS
"""Gaussians per launch: some ten milliseconds, after which whoever draws a frame may have the threads."""


class CpuDescriber:
    """`MotionNetworks.describe` for avatars.

    Args:
        network: trained; later changes of its weights are not seen.
        precision: "bf16" or "fp32", of the main layers' products; the fastest by default.

    Attributes:
        precision: the one in use.
    """

    def __init__(self, network: DescriptorNetwork, precision: str | None = None, workers: int | None = None) -> None:
        self.precision = precision or fastest_precision()
        self._workers = workers or thread_limit()
        warp = network.jaw_warp
        self._embedding = _array(network.embedding.weight)
        self._weights = (
            *_packed(_array(warp.input.weight)[:, _warp_columns()], _array(warp.input.bias), WARP_INPUTS, "fp32"),
            *_packed(_array(warp.middle.weight), _array(warp.middle.bias), _whole(len(warp.input.bias)), "fp32"),
            *_packed(_array(warp.output.weight), _array(warp.output.bias), _whole(len(warp.middle.bias)), "fp32",
                     OUTPUT_GROUP),
            *_packed(_array(network.first.weight)[:, _main_columns()], _array(network.first.bias), MAIN_INPUTS,
                     self.precision),
            *_packed(_array(network.second.weight), _array(network.second.bias), _whole(len(network.first.bias)),
                     self.precision),
            *_packed(
                np.concatenate([_array(network.feature.weight), _array(network.motion.weight)]),
                np.concatenate([_array(network.feature.bias), _array(network.motion.bias)]),
                _whole(len(network.second.bias)), self.precision,
            ),
        )  # fmt: skip

    def describe(
        self, u: NDArray[np.float32], normal: NDArray[np.float32], part: NDArray[np.uint8], rows: NDArray[np.int64]
    ) -> tuple[Tensor, Tensor]:
        """Feature f (N, 48) and motion basis m (N, 48), float32 values that half precision holds.

        Args:
            u, normal: (N, 3), see `MotionNetworks.describe`; part: (N,) index into `PART_NAMES`.
            rows: (M,) the Gaussians to describe; those of the others are zero.
        """
        feature, motion = np.zeros((len(u), FEATURE_SIZE), np.float32), np.zeros((len(u), MOTION_SIZE), np.float32)
        label = network_label(torch.from_numpy(part)).to(torch.uint8).numpy()
        u, normal = np.ascontiguousarray(u, np.float32), np.ascontiguousarray(normal, np.float32)
        packing = 2 if self.precision == "bf16" else 1
        for start in range(0, len(rows), AT_ONCE):
            with one_launch_at_a_time:
                numba.set_num_threads(min(self._workers, thread_limit()))
                describe(
                    self._workers, rows[start : start + AT_ONCE], u, normal, label, self._embedding, *self._weights,
                    packing, feature, motion, np.zeros(1, np.int64),
                )  # fmt: skip
        return torch.from_numpy(feature), torch.from_numpy(motion)


def compile_kernels() -> None:
    """Compile, or load from the disk cache, what this processor's precision needs, by describing one Gaussian."""
    point = np.zeros((1, 3), np.float32)
    CpuDescriber(DescriptorNetwork().requires_grad_(False), workers=1).describe(
        point, point, np.zeros(1, np.uint8), np.zeros(1, np.int64)
    )


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())


def _whole(outputs: int) -> int:
    """Channels of a layer's output as the kernels hold it: whole groups."""
    return -(-outputs // HIDDEN_GROUP) * HIDDEN_GROUP


def _packed(
    weight: NDArray[np.float32], bias: NDArray[np.float32], inputs: int, precision: str, group: int = HIDDEN_GROUP
) -> tuple[NDArray, NDArray[np.float32]]:
    """A layer's weights (outputs, up to ``inputs``) packed, and its bias, both filled up with zeros to whole groups."""
    outputs = -(-len(weight) // group) * group
    padded = np.pad(weight, ((0, outputs - len(weight)), (0, inputs - weight.shape[1])))
    return pack_weights(padded, group, precision), np.pad(bias, (0, outputs - len(bias))).astype(np.float32)


def _encoded(first: int, octaves: int, kept: int) -> list[int]:
    """Columns of sine and cosine of the first ``kept`` of ``octaves``, axis by axis, of an encoding that begins at
    ``first`` with the point itself."""
    sine = [first + 3 + 3 * octave + axis for axis in range(3) for octave in range(kept)]
    return [column for at in sine for column in (at, at + 3 * octaves)]


def _warp_columns() -> list[int]:
    """The columns of `JawWarp.input` in the kernel's order."""
    embedding = 3 + 6 * WARP_OCTAVES
    return [*_encoded(0, WARP_OCTAVES, WARP_OCTAVES), 0, 1, 2, *range(embedding, embedding + EMBEDDING_SIZE)]


def _main_columns() -> list[int]:
    """The columns of `DescriptorNetwork.first` in the kernel's order."""
    size = 3 + 6 * OCTAVES
    points = [0, 1, 2, size, size + 1, size + 2]
    return [
        *_encoded(0, OCTAVES, OCTAVES), *_encoded(size, OCTAVES, OCTAVES), *points,
        *range(2 * size, 2 * size + 3 + EMBEDDING_SIZE),
    ]  # fmt: skip
