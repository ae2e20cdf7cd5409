"""The compiled CPU path of the animator: folded networks, packed once per avatar, run tile by tile.

Gaussians whose expression weight is zero (clothes, far hair, back of the head, upper teeth) stand last and follow the
head pose alone, without the networks. Most of the others follow a few anchors, see `animator_anchors`; the networks see
the anchors alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core.avatar import Avatar
from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE, Gaussians
from avatar_core.models.animator_anchor_kernels import ANCHOR_ROOM, choose_anchors
from avatar_core.models.animator_anchors import (
    ALLOWED,
    PLACE_ALLOWED,
    Following,
    extreme_activations,
    neighbourly_order,
)
from avatar_core.models.animator_folding import FoldedNetworks
from avatar_core.models.animator_follow_kernels import follow, move_anchors
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
FEWEST_FOLLOWED = 4096
"""Moving Gaussians below which all go through the networks: there is no time to be saved."""
MOST_ANCHORS_SHARE = 0.5
"""Share of anchors among the moving Gaussians above which following does not pay."""


@dataclass(frozen=True)
class _Inputs:
    """What the networks take of some Gaussians: ``motion`` and ``constant`` as packed tiles."""

    motion: NDArray
    constant: NDArray

    def of(self, rows: NDArray[np.int64]) -> _Inputs:
        """Those of ``rows`` alone."""
        return _Inputs(_pick(self.motion, rows), _pick(self.constant, rows))


class CpuAnimator:
    """Animates an avatar on the CPU.

    Attributes:
        precision: "bf16" or "fp32", of the first two layers' products; all else is float32.
        order: (N,) the avatar's Gaussian behind each output column.
        moving: how many of them move with the expression; they come first.
        evaluated: how many of those go through the networks; the others follow them.
    """

    def __init__(
        self,
        avatar: Avatar,
        networks: MotionNetworks,
        precision: str | None = None,
        workers: int | None = None,
        *,
        exact: bool = False,
    ) -> None:
        """Prepare ``avatar``; ``exact`` sends all moving Gaussians through the networks."""
        self.precision = precision or fastest_precision()
        self._workers = workers or thread_limit()
        self._tickets = np.zeros(1, np.int64)

        source = np.asarray(avatar.source_activations, np.float32)
        self._folded = FoldedNetworks.of(networks, source, avatar.canonical_to_head)
        self._second = pack_weights(self._folded.second, HIDDEN_GROUP, self.precision)
        self._third = pack_weights(self._folded.third, OUTPUT_GROUP, "fp32")

        rest = np.ascontiguousarray(avatar.rest.float().numpy())
        scale = np.exp(rest[SCALE])
        share = avatar.expression_weight.float().numpy()
        moves = np.flatnonzero(share > 0)
        self.moving = len(moves)
        may_follow = not exact and self.moving >= FEWEST_FOLLOWED
        if may_follow:
            moves = moves[neighbourly_order(rest[MEAN][:, moves], avatar.part.numpy()[moves])]
        self.order = np.concatenate([moves, np.flatnonzero(share <= 0)])
        self._inputs, own_change = self._pack_inputs(avatar, rest, scale, networks, source)
        self._following = self._choose(avatar, own_change, share[moves]) if may_follow else None
        self.evaluated = self.moving if self._following is None else len(self._following.anchors)
        if self._following is None:
            self._rest_change = aligned((tile_count(self.moving), RAW_CHANNELS, ROWS), np.float32)
            self._decode(source, self._rest_change)
        else:
            self._inputs = self._inputs.of(self._following.anchors)
            table = (RAW_CHANNELS // OUTPUT_GROUP, len(self._inputs.motion) * ROWS, OUTPUT_GROUP)
            self._rest_change, self._table = aligned(table, np.float32), aligned(table, np.float32)
            self._move_anchors(source, np.zeros_like(self._table), self._rest_change)

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

    def animate(self, activations: NDArray[np.float32], pose: HeadPose) -> Gaussians:
        """The avatar under ``activations`` (A,) and ``pose``; the buffer is reused by the next call."""
        packed, following = packed_pose(pose, self._pivot), self._following
        if following is not None:
            self._move_anchors(activations, self._rest_change, self._table)
            with self._launch() as workers:
                follow(
                    workers, self.moving, self._table, following.begins, following.counts, following.places,
                    following.weights, self._rest, self._still, packed, self._planar, self._tickets,
                )  # fmt: skip
            return Gaussians(torch.from_numpy(self._planar))
        weights, bias = self._first_layer(activations)
        with self._launch() as workers:
            animate(
                workers, self.moving, self._inputs.motion, weights, bias, self._centre, self._inputs.constant,
                self._second, self._third, self._rest_change, self._rest, self._still, packed, self._planar,
                self._tickets,
            )  # fmt: skip
        return Gaussians(torch.from_numpy(self._planar))

    def frame_bytes(self) -> int:
        """What a frame reads and writes at least."""
        inputs = [self._inputs.motion, self._inputs.constant, self._rest_change, self._rest, self._still, self._planar]
        if self._following is not None:
            inputs += [self._table, self._table, self._following.places, self._following.weights]
        return sum(array.nbytes for array in inputs)

    def frame_operations(self) -> int:
        """Multiplications and additions of a frame's products."""
        per_row = HIDDEN_SIZE * (MOTION_SIZE + HIDDEN_SIZE + RAW_CHANNELS)
        products = len(self._inputs.motion) * ROWS * per_row
        if self._following is not None:
            products += self._following.weights.size * RAW_CHANNELS
        return 2 * products

    def _pack_inputs(
        self,
        avatar: Avatar,
        rest: NDArray[np.float32],
        scale: NDArray[np.float32],
        networks: MotionNetworks,
        source: NDArray[np.float32],
    ) -> tuple[_Inputs, NDArray[np.float32]]:
        """The tiles of all moving Gaussians, and what the networks give for the photo's own expression (tiles, 14,
        ROWS) but for rounding; their rest attributes go to ``self._rest``."""
        rows = self.order[: self.moving]
        self._centre = self._folded.centre(avatar.m[rows[:: max(1, self.moving // CENTRE_SAMPLES)]], source)
        motion = empty_tiles(self.moving, MOTION_SIZE, self.precision)
        constant = empty_tiles(self.moving, HIDDEN_SIZE, self.precision)
        self._rest = empty_tiles(self.moving, REST_CHANNELS, "fp32")
        own_change = empty_tiles(self.moving, RAW_CHANNELS, "fp32")
        phi = networks.gaussian_decoder.hidden
        feature = pack_weights(phi.weight.detach().float().cpu().numpy(), HIDDEN_GROUP, "fp32")
        feature_bias = phi.bias.detach().float().cpu().numpy()
        weights, bias = self._first_layer(source)
        with self._launch() as workers:
            prepare(
                workers, rows, avatar.f.float().numpy(), avatar.m.float().numpy(), weights, bias, self._centre,
                self._second, self._third, feature, feature_bias, rest, scale,
                avatar.neck_weight.float().numpy(), avatar.expression_weight.float().numpy(), motion, constant,
                own_change, self._rest, self._tickets,
            )  # fmt: skip
        return _Inputs(motion, constant), own_change

    def _choose(self, avatar: Avatar, own_change: NDArray[np.float32], share: NDArray[np.float32]) -> Following | None:
        """Anchors of the moving Gaussians; None where so many are needed that following does not pay."""
        layers = [self._first_layer(shown) for shown in extreme_activations(len(avatar.source_activations))]
        tiles = len(self._inputs.motion)
        places = np.zeros((tiles * ROWS, 3), np.float32)
        places[: self.moving] = avatar.rest[MEAN].float().numpy().T[self.order[: self.moving]] / PLACE_ALLOWED
        owners, counts = np.zeros(tiles, np.int64), np.zeros(tiles, np.int64)
        anchors = np.zeros((tiles, ANCHOR_ROOM), np.int64)
        weights = np.zeros((tiles, ANCHOR_ROOM, ROWS), np.float32)
        with self._launch() as workers:
            choose_anchors(
                workers, self.moving, self._inputs.motion, np.stack([weights for weights, _ in layers]),
                np.stack([bias for _, bias in layers]), self._centre, self._inputs.constant, self._second, self._third,
                own_change, places, ALLOWED, share, owners, counts, anchors, weights, self._tickets,
            )  # fmt: skip
        following = Following.of(owners, counts, anchors, weights)
        return following if len(following.anchors) <= MOST_ANCHORS_SHARE * self.moving else None

    def _first_layer(self, activations: NDArray[np.float32]) -> tuple[NDArray, NDArray[np.float32]]:
        weights, bias = self._folded.first_layer(activations)
        return pack_weights(weights, HIDDEN_GROUP, self.precision), bias.astype(np.float32)

    def _decode(self, activations: NDArray[np.float32], output: NDArray[np.float32]) -> None:
        """Write what the networks give for the packed Gaussians to ``output`` (tiles, 14, ROWS)."""
        weights, bias = self._first_layer(activations)
        with self._launch() as workers:
            decode(
                workers, self._inputs.motion, weights, bias, self._centre, self._inputs.constant, self._second,
                self._third, output, self._tickets,
            )  # fmt: skip

    def _move_anchors(
        self, activations: NDArray[np.float32], rest: NDArray[np.float32], table: NDArray[np.float32]
    ) -> None:
        """Write what the networks give for the anchors, less ``rest``, to ``table``."""
        weights, bias = self._first_layer(activations)
        with self._launch() as workers:
            move_anchors(
                workers, self._inputs.motion, weights, bias, self._centre, self._inputs.constant, self._second,
                self._third, rest, table, self._tickets,
            )  # fmt: skip

    @contextmanager
    def _launch(self) -> Iterator[int]:
        """Hold the threads for one kernel, its counter at zero; gives how many may draw work."""
        with one_launch_at_a_time:
            numba.set_num_threads(min(self._workers, thread_limit()))
            self._tickets[0] = 0
            yield self._workers


def _pick(tiles: NDArray, rows: NDArray[np.int64]) -> NDArray:
    """Tiles (tiles, channels, ROWS) that hold ``rows`` of those in ``tiles`` alone."""
    picked = aligned((tile_count(len(rows)), tiles.shape[1], ROWS), tiles.dtype)
    target = np.arange(len(rows))
    picked[target // ROWS, :, target % ROWS] = tiles[rows // ROWS, :, rows % ROWS]
    return picked
