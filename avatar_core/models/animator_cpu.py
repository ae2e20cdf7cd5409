"""The compiled CPU path of the animator: folded networks, packed once per avatar, run tile by tile.

Gaussians whose expression weight is zero (clothes, far hair, back of the head, upper teeth) stand last and follow the
head pose alone, without the networks.
"""

from __future__ import annotations

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core.avatar import Avatar
from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE, Gaussians
from avatar_core.models.animator_folding import FoldedNetworks
from avatar_core.models.animator_kernels import REST_CHANNELS, animate, decode
from avatar_core.models.animator_layout import (
    HIDDEN_GROUP,
    OUTPUT_GROUP,
    ROWS,
    empty_tiles,
    fastest_precision,
    pack_weights,
    tile_count,
)
from avatar_core.models.animator_prepare import prepare
from avatar_core.models.gaussian_decoder import RAW_CHANNELS
from avatar_core.models.head_pose import packed_pose
from avatar_core.models.motion_decoder import HIDDEN_SIZE, MOTION_SIZE
from avatar_core.models.networks import MotionNetworks
from avatar_core.motion import HeadPose
from avatar_core.rendering.jit import one_launch_at_a_time, thread_limit
from avatar_core.rendering.memory import aligned

CENTRE_SAMPLES = 2048


class CpuAnimator:
    """Animates an avatar on the CPU.

    Attributes:
        precision: "bf16" or "fp32", of the first two layers' products; all else is float32.
        order: (N,) the avatar's Gaussian behind each output column.
        moving: how many of them go through the networks; they come first.
    """

    def __init__(
        self, avatar: Avatar, networks: MotionNetworks, precision: str | None = None, workers: int | None = None
    ) -> None:
        self.precision = precision or fastest_precision()
        self._workers = workers or thread_limit()
        self._tickets = np.zeros(1, np.int64)

        source = np.asarray(avatar.source_activations, np.float32)
        self._folded = FoldedNetworks.of(networks, source, avatar.canonical_to_head)
        self._second = pack_weights(self._folded.second, HIDDEN_GROUP, self.precision)
        self._third = pack_weights(self._folded.third, OUTPUT_GROUP, "fp32")

        share = avatar.expression_weight.float().numpy()
        self.order = np.concatenate([np.flatnonzero(share > 0), np.flatnonzero(share <= 0)])
        self.moving = int(np.count_nonzero(share > 0))
        rest = np.ascontiguousarray(avatar.rest.float().numpy())
        scale = np.exp(rest[SCALE])
        self._pack_inputs(avatar, rest, scale, networks, source)
        self._rest_change = aligned((tile_count(self.moving), RAW_CHANNELS, ROWS), np.float32)
        self._decode(source, self._rest_change)

        # What is not written per frame is finished here: opacity and colour of the Gaussians that stay still.
        still = self.order[self.moving :]
        self._planar = np.empty((RAW_CHANNELS, len(share)), np.float32)
        self._planar[:, self.moving :] = rest[:, still]
        at_rest = self._planar[:, self.moving :]
        at_rest[SCALE] = scale[:, still]
        neck = avatar.neck_weight.float().numpy()[still]
        self._still = np.concatenate([at_rest[MEAN], at_rest[QUATERNION], neck[None]])
        at_rest[OPACITY] = torch.sigmoid(torch.from_numpy(at_rest[OPACITY])).numpy()
        at_rest[COLOR] = np.clip(at_rest[COLOR], 0.0, 1.0)
        self._pivot = np.asarray(avatar.pivot, np.float32)

    def _pack_inputs(
        self,
        avatar: Avatar,
        rest: NDArray[np.float32],
        scale: NDArray[np.float32],
        networks: MotionNetworks,
        source: NDArray[np.float32],
    ) -> None:
        """Fill the tiles that every frame reads."""
        rows = self.order[: self.moving]
        self._centre = self._folded.centre(avatar.m[rows[:: max(1, self.moving // CENTRE_SAMPLES)]], source)
        self._motion = empty_tiles(self.moving, MOTION_SIZE, self.precision)
        self._constant = empty_tiles(self.moving, HIDDEN_SIZE, self.precision)
        self._rest = empty_tiles(self.moving, REST_CHANNELS, "fp32")
        phi = networks.gaussian_decoder.hidden
        feature = pack_weights(phi.weight.detach().float().cpu().numpy(), HIDDEN_GROUP, "fp32")
        feature_bias = phi.bias.detach().float().cpu().numpy()
        weights, bias = self._first_layer(source)
        with one_launch_at_a_time:
            numba.set_num_threads(min(self._workers, thread_limit()))
            self._tickets[0] = 0
            prepare(
                self._workers, rows, avatar.f.float().numpy(), avatar.m.float().numpy(), weights, bias, self._centre,
                self._second, feature, feature_bias, rest, scale,
                avatar.neck_weight.float().numpy(), avatar.expression_weight.float().numpy(), self._motion,
                self._constant, self._rest, self._tickets,
            )  # fmt: skip

    def animate(self, activations: NDArray[np.float32], pose: HeadPose) -> Gaussians:
        """The avatar under ``activations`` (A,) and ``pose``; the buffer is reused by the next call."""
        weights, bias = self._first_layer(activations)
        with one_launch_at_a_time:
            numba.set_num_threads(min(self._workers, thread_limit()))
            self._tickets[0] = 0
            animate(
                self._workers, self.moving, self._motion, weights, bias, self._centre, self._constant, self._second,
                self._third, self._rest_change, self._rest, self._still, packed_pose(pose, self._pivot), self._planar,
                self._tickets,
            )  # fmt: skip
        return Gaussians(torch.from_numpy(self._planar))

    def _first_layer(self, activations: NDArray[np.float32]) -> tuple[NDArray, NDArray[np.float32]]:
        weights, bias = self._folded.first_layer(activations)
        return pack_weights(weights, HIDDEN_GROUP, self.precision), bias.astype(np.float32)

    def _decode(self, activations: NDArray[np.float32], output: NDArray[np.float32]) -> None:
        """Write what the networks give for the packed Gaussians to ``output`` (tiles, 14, ROWS)."""
        weights, bias = self._first_layer(activations)
        with one_launch_at_a_time:
            numba.set_num_threads(min(self._workers, thread_limit()))
            self._tickets[0] = 0
            decode(
                self._workers, self._motion, weights, bias, self._centre, self._constant, self._second, self._third,
                output, self._tickets,
            )  # fmt: skip
