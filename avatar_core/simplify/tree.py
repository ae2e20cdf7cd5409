"""What merging each cell of the lattice costs, and which cells to merge.

The cells of `lattice` nest: two samples one above the other, then two such pairs side by side, and so on. Merging a
cell costs what its samples' looks differ by, summed squared deviations from their mean (Ward 1963), times the area that
shows it, for each Gaussian it saves. A cell costs no less than the cells in it, so "all that cost at most so much" is a
set of whole cells, and the limit that leaves a wanted share follows from sorting the costs once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_core.simplify.lattice import Sheets

LEVELS = 4
MAX_CELL = 2.0
"""Widest and highest cell, canvas pixels: a larger one shows as a blob once the view or the face moves."""

_ROUNDING = 1e-6


@dataclass(frozen=True)
class Nodes:
    """All cells of one level, in order: the place of each one's first sample, what merging it costs for each Gaussian
    that this saves, and how many it saves when the cells in it are merged already."""

    start: NDArray[np.intp]
    cost: NDArray[np.float64]
    saved: NDArray[np.intp]


def merge_costs(sheets: Sheets, look: NDArray[np.floating], price: NDArray[np.floating]) -> list[Nodes]:
    """The cells of every level, smallest first.

    Args:
        look: (N, C) what merging averages; price: (N,) cost of its deviation, infinite for what must stay. Both by the
            Gaussians' own index.
    """
    keys, start = sheets.keys, np.arange(len(sheets.keys))
    total = np.asarray(look, np.float64)[sheets.order]
    squares = (total * total).sum(1)
    count, price = np.ones(len(keys)), np.asarray(price, np.float64)[sheets.order]
    deviation, cost = np.zeros(len(keys)), np.zeros(len(keys))
    levels = []
    for level in range(1, LEVELS + 1):
        keys = keys >> 1
        first = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
        saved = np.diff(first, append=len(keys)) - 1
        total, squares, count, price = (np.add.reduceat(v, first, axis=0) for v in (total, squares, count, price))
        keys, start = keys[first], start[first]
        spread = np.maximum(squares - (total * total).sum(1) / count, 0)
        added = spread - np.add.reduceat(deviation, first)
        merging = saved > 0
        own = np.zeros(len(keys))
        own[merging] = (np.maximum(added, _ROUNDING) * price / count / np.maximum(saved, 1))[merging]
        own[merging & _too_wide(sheets.step[start], level)] = np.inf
        cost = np.maximum(np.maximum.reduceat(cost, first), own)
        deviation = spread
        levels.append(Nodes(start, cost, saved))
    return levels


def cheapest_merges(levels: list[Nodes], counted: NDArray[np.bool_], kept: float) -> NDArray[np.intp]:
    """(K,) places where a merged Gaussian starts, ascending; it reaches to the next one.

    Args:
        counted: (N,) by place: which samples the share ``kept`` in (0, 1] is of. The others are merged at the same
            cost.
    """
    size = len(counted)
    cost = np.concatenate([nodes.cost for nodes in levels])
    saved = np.concatenate([nodes.saved * counted[nodes.start] for nodes in levels])
    possible = np.isfinite(cost)
    rank = np.argsort(cost[possible], kind="stable")
    if not len(rank):
        return np.arange(size)
    gone = np.cumsum(saved[possible][rank])
    wanted = (1 - kept) * np.count_nonzero(counted)
    limit = cost[possible][rank[min(int(np.searchsorted(gone, wanted)), len(rank) - 1)]]
    inner = np.zeros(size + 1, np.int64)  # how many merged cells each place lies in, but for their first places
    for nodes in levels:
        taken = nodes.cost <= limit
        ends = np.append(nodes.start[1:], size)
        np.add.at(inner, nodes.start[taken] + 1, 1)
        np.add.at(inner, ends[taken], -1)
    return np.flatnonzero(np.cumsum(inner[:size]) == 0)


def _too_wide(step: NDArray[np.float64], level: int) -> NDArray[np.bool_]:
    """Whether a cell of ``level`` over samples ``step`` (M, 2) apart exceeds `MAX_CELL`."""
    cells = np.array([2 ** (level // 2), 2 ** ((level + 1) // 2)])
    return np.asarray((step * cells > MAX_CELL * (1 + _ROUNDING)).any(1))
