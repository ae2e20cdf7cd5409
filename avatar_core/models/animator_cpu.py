"""The compiled CPU path of the animator: folded networks, packed once per avatar, run tile by tile.

Gaussians that no expression moves visibly (hair, body, back of the head) are found once per avatar by trying strong
random expressions; they stand last and follow the head pose alone, without the networks.
"""

from __future__ import annotations

import threading

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from avatar_core.avatar import Avatar
from avatar_core.camera import DEFAULT_FOV, DEFAULT_RADIUS, focal_from_fov
from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE, Gaussians
from avatar_core.models.animator_folding import FoldedNetworks
from avatar_core.models.animator_kernels import POSE_SIZE, animate, decode
from avatar_core.models.animator_layout import (
    HIDDEN_GROUP,
    OUTPUT_GROUP,
    ROWS,
    fastest_precision,
    pack_rows,
    pack_weights,
    tile_count,
)
from avatar_core.models.gaussian_decoder import RAW_CHANNELS
from avatar_core.models.networks import FIRST_RESIDUAL, GAZE, NAMED_COUNT, MotionNetworks
from avatar_core.motion import HeadPose
from avatar_core.rendering.jit import thread_limit
from avatar_core.rendering.memory import aligned

_PIXEL = DEFAULT_RADIUS / (focal_from_fov(DEFAULT_FOV) * 512)  # head-space units of a pixel, 512-pixel picture
_STILL_POSITION = 0.2 * _PIXEL  # the trained networks err by as much
_STILL_LOG_SCALE = 0.02
_STILL_QUATERNION = 0.01  # half a turn of about one degree
_STILL_OPACITY = 0.02  # of the logit; at most 0.005 of the opacity
_STILL_COLOR = 0.004  # one step of 8 bits
_PROBES = 8
_PROBE_SHARE = 0.15  # of the named activations that a probe sets, about as many as a strong expression
_PROBE_GAZE = 0.4  # radians
_PROBE_RESIDUAL = 1.0  # standard deviations


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
        self._turn = threading.Lock()
        self._tickets = np.zeros(1, np.int64)

        source = np.asarray(avatar.source_activations, np.float32)
        self._folded = FoldedNetworks.of(networks, source, avatar.canonical_to_head)
        self._second = pack_weights(self._folded.second, HIDDEN_GROUP, self.precision)
        self._third = pack_weights(self._folded.third, OUTPUT_GROUP, "fp32")
        rounding = torch.bfloat16 if self.precision == "bf16" else torch.float32
        constants = self._folded.constants(avatar.f, avatar.m, networks, source, rounding)
        self._centre = constants.centre
        self._motion = pack_rows(constants.normalised, self.precision)
        self._constant = pack_rows(constants.constant, self.precision)

        moves = self._moving_rows(source, len(avatar))
        self.order = np.concatenate([np.flatnonzero(moves), np.flatnonzero(~moves)])
        self.moving = int(moves.sum())
        kept = torch.from_numpy(self.order[: self.moving])
        self._motion = pack_rows(constants.normalised[kept], self.precision)
        self._constant = pack_rows(constants.constant[kept], self.precision)
        self._rest_change = aligned((tile_count(self.moving), RAW_CHANNELS, ROWS), np.float32)
        self._decode(source, self._rest_change)

        # Opacity and colour are finished here for the Gaussians that stay still; the others are written per frame.
        self._planar = np.ascontiguousarray(avatar.rest.float().numpy()[:, self.order])
        self._planar[SCALE] = np.exp(self._planar[SCALE])
        neck = avatar.neck_weight.float().numpy()[self.order, None]
        self._rest = pack_rows(torch.from_numpy(np.hstack([self._planar.T, neck])[: self.moving]), "fp32")
        placed = np.vstack([self._planar[MEAN], self._planar[QUATERNION], neck.T])
        self._still = np.ascontiguousarray(placed[:, self.moving :])
        self._planar[OPACITY] = torch.sigmoid(torch.from_numpy(self._planar[OPACITY])).numpy()
        self._planar[COLOR] = np.clip(self._planar[COLOR], 0.0, 1.0)
        self._pivot = np.asarray(avatar.pivot, np.float32)

    def animate(self, activations: NDArray[np.float32], pose: HeadPose) -> Gaussians:
        """The avatar under ``activations`` (A,) and ``pose``; the buffer is reused by the next call."""
        weights, bias = self._first_layer(activations)
        with self._turn:
            numba.set_num_threads(min(self._workers, thread_limit()))
            self._tickets[0] = 0
            animate(
                self._workers, self.moving, self._motion, weights, bias, self._centre, self._constant, self._second,
                self._third, self._rest_change, self._rest, self._still, self._packed_pose(pose), self._planar,
                self._tickets,
            )  # fmt: skip
        return Gaussians(torch.from_numpy(self._planar))

    def _first_layer(self, activations: NDArray[np.float32]) -> tuple[NDArray, NDArray[np.float32]]:
        weights, bias = self._folded.first_layer(activations)
        return pack_weights(weights, HIDDEN_GROUP, self.precision), bias.astype(np.float32)

    def _decode(self, activations: NDArray[np.float32], output: NDArray[np.float32]) -> None:
        """Write what the networks give for the packed Gaussians to ``output`` (tiles, 14, ROWS)."""
        weights, bias = self._first_layer(activations)
        with self._turn:
            numba.set_num_threads(min(self._workers, thread_limit()))
            self._tickets[0] = 0
            decode(
                self._workers, self._motion, weights, bias, self._centre, self._constant, self._second, self._third,
                output, self._tickets,
            )  # fmt: skip

    def _moving_rows(self, source: NDArray[np.float32], count: int) -> NDArray[np.bool_]:
        """(N,) whether any of a few strong random expressions changes a Gaussian visibly."""
        tiles = tile_count(count)
        at_rest, tried = (aligned((tiles, RAW_CHANNELS, ROWS), np.float32) for _ in range(2))
        limit = np.empty(RAW_CHANNELS, np.float32)
        limit[MEAN], limit[SCALE], limit[QUATERNION] = _STILL_POSITION, _STILL_LOG_SCALE, _STILL_QUATERNION
        limit[OPACITY], limit[COLOR] = _STILL_OPACITY, _STILL_COLOR
        self._decode(source, at_rest)
        moves = np.zeros((tiles, ROWS), bool)
        random = np.random.default_rng(0)
        for _ in range(_PROBES):
            probe = np.zeros(len(source), np.float32)
            probe[:NAMED_COUNT] = random.uniform(0.5, 1.0, NAMED_COUNT) * (random.random(NAMED_COUNT) < _PROBE_SHARE)
            probe[GAZE] = random.uniform(-_PROBE_GAZE, _PROBE_GAZE, GAZE.stop - GAZE.start)
            residuals = len(source) - FIRST_RESIDUAL
            probe[FIRST_RESIDUAL:] = random.uniform(-_PROBE_RESIDUAL, _PROBE_RESIDUAL, residuals)
            self._decode(probe, tried)
            np.abs(np.subtract(tried, at_rest, out=tried), out=tried)
            moves |= (tried > limit[:, None]).any(axis=1)
        return moves.reshape(-1)[:count]

    def _packed_pose(self, pose: HeadPose) -> NDArray[np.float32]:
        vector = Rotation.from_matrix(pose.rotation).as_rotvec()
        angle = float(np.linalg.norm(vector))
        packed = np.empty(POSE_SIZE, np.float32)
        packed[:3] = vector / angle if angle > 0 else 0.0
        packed[3] = 0.5 * angle
        packed[4:7] = self._pivot
        packed[7:10] = pose.translation
        return packed
