"""Several Gaussians of a sheet -> the one that a coarser lattice would have had in their place.

n samples a step h apart, each of standard deviation s h (s = `SIGMA_PER_STEP`), have means that spread by
(n^2 - 1) h^2 / 12 about their centre. The coarser lattice's sample has the variance s^2 n^2 h^2, so

    variance = mean variance + 12 s^2 spread,

which moment matching alone (a factor of 1) would leave too small to close the sheet. The same sum serves cells that are
only partly filled. Opacity is an optical depth per overlap and stays the mean.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.avatar import Avatar
from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE
from avatar_core.lift.layer import SIGMA_PER_STEP
from avatar_core.simplify.lattice import Sheets

SPREAD_TO_VARIANCE = 12.0 * SIGMA_PER_STEP**2

_LARGEST_OPACITY = 1 - 1e-6


def merge(avatar: Avatar, sheets: Sheets, starts: NDArray[np.intp]) -> Avatar:
    """The avatar with one Gaussian for each run of places from one of ``starts`` (K,) to the next.

    Means are weighted by opacity and area. A run of one keeps its Gaussian as it is.
    """
    runs = np.diff(starts, append=len(sheets.order))
    several = runs > 1
    members = sheets.order[np.repeat(several, runs)]
    owner = np.repeat(np.arange(int(several.sum())), runs[several])
    weight = _opacity(avatar.rest.numpy()[OPACITY, members]) * sheets.area[members].astype(np.float32)
    mean = _Mean(owner, weight)

    chosen = torch.from_numpy(sheets.order[starts])
    rows = torch.from_numpy(np.flatnonzero(several))
    inside = torch.from_numpy(members)

    def averaged(values: Tensor) -> Tensor:
        return values[chosen].index_copy(0, rows, mean.of_rows(values[inside]))

    rest = avatar.rest[:, chosen].index_copy(1, rows, _merged(avatar.rest.numpy()[:, members], owner, mean))
    return replace(
        avatar,
        rest=rest.contiguous(),
        f=averaged(avatar.f),
        m=averaged(avatar.m),
        neck_weight=averaged(avatar.neck_weight),
        expression_weight=averaged(avatar.expression_weight),
        part=avatar.part[chosen],
    )


class _Mean:
    """Weighted means over the members (M,) of each owner; ``owner`` (M,) ascends from 0 without gaps."""

    def __init__(self, owner: NDArray[np.intp], weight: NDArray[np.float32]) -> None:
        self.first = np.flatnonzero(np.diff(owner, prepend=-1))
        total = np.add.reduceat(weight, self.first) if len(owner) else weight
        self._owner = torch.from_numpy(owner)
        self._share = weight / total[owner]

    def of_columns(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """(C, M) -> (C, owners)."""
        return np.add.reduceat(values * self._share, self.first, axis=1) if values.shape[1] else values

    def of_rows(self, values: Tensor) -> Tensor:
        """(M, ...) -> (owners, ...)."""
        share = torch.from_numpy(self._share).reshape(-1, *[1] * (values.ndim - 1))
        return torch.zeros(len(self.first), *values.shape[1:]).index_add_(0, self._owner, values * share)


def _merged(rest: NDArray[np.float32], owner: NDArray[np.intp], mean: _Mean) -> Tensor:
    """Rest attributes (14, owners) of members (14, M)."""
    result = np.empty((len(rest), len(mean.first)), np.float32)
    result[MEAN] = mean.of_columns(rest[MEAN])
    result[COLOR] = mean.of_columns(rest[COLOR])
    opacity = np.clip(mean.of_columns(_opacity(rest[OPACITY])[None])[0], 1 - _LARGEST_OPACITY, _LARGEST_OPACITY)
    result[OPACITY] = np.log(opacity / (1 - opacity))

    turns = rest[QUATERNION] / np.linalg.norm(rest[QUATERNION], axis=0)
    turns *= np.where((turns * turns[:, mean.first][:, owner]).sum(0) < 0, np.float32(-1), np.float32(1))
    turn = mean.of_columns(turns)
    result[QUATERNION] = turn / np.linalg.norm(turn, axis=0)

    offset = rest[MEAN] - result[MEAN][:, owner]
    along = np.einsum("rkm,rm->km", _axes(result[QUATERNION])[:, :, owner], offset)
    # Neighbours' frames hardly differ, so their variances are averaged axis by axis.
    variance = mean.of_columns(np.exp(2 * rest[SCALE])) + SPREAD_TO_VARIANCE * mean.of_columns(along * along)
    result[SCALE] = 0.5 * np.log(np.maximum(variance, np.finfo(np.float32).tiny))
    return torch.from_numpy(result)


def _opacity(logit: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-logit)), np.float32)


def _axes(quaternion: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rotations (3, 3, K), local axes as columns, of unit quaternions wxyz (4, K)."""
    w, x, y, z = quaternion
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row) for row in rows])
