"""Cells of a sheet: how they are found, what merging them costs, and what comes out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from avatar_core.avatar import Avatar
from avatar_core.lift.canvas import UNITS_PER_PIXEL, project
from avatar_core.simplify.lattice import Sheets, sheets_of
from avatar_core.simplify.merge import merge
from avatar_core.simplify.tree import cheapest_merges, merge_costs
from tests.simplify.conftest import SIDE, flat_sheet

COUNT = SIDE * SIDE
EVERYTHING = np.ones(COUNT, bool)


def sheets(avatar: Avatar) -> Sheets:
    rest = avatar.rest.numpy()
    return sheets_of(rest, project(rest[:3].T).astype(np.float32), avatar.part.numpy())


def merged(avatar: Avatar, kept: float, price: np.ndarray | None = None) -> Avatar:
    found = sheets(avatar)
    nodes = merge_costs(found, avatar.rest.numpy()[11:].T, np.ones(len(avatar)) if price is None else price)
    return merge(avatar, found, cheapest_merges(nodes, np.ones(len(avatar), bool), kept))


def in_order(avatar: Avatar) -> np.ndarray:
    """Rest attributes sorted by row and column."""
    rest = avatar.rest.numpy()
    return rest[:, np.lexsort((rest[0].round(4), -rest[1].round(4)))]


@pytest.mark.parametrize("step", [1, 2, 3])
def test_the_step_of_a_sheet_is_read_back(avatar: Avatar, step: int) -> None:
    assert np.unique(sheets(flat_sheet(avatar, step)).step).tolist() == [step]


def test_a_quarter_of_a_fine_sheet_is_the_coarser_sheet(avatar: Avatar, sheet: Avatar) -> None:
    lighter, coarse = merged(sheet, 0.25), flat_sheet(avatar, 2, side=SIDE // 2)
    assert len(lighter) == COUNT // 4
    # the thickness lies along axis 2, where the samples do not spread
    assert np.allclose(in_order(lighter), in_order(coarse), atol=1e-4)
    for name in ("f", "m", "neck_weight", "expression_weight"):
        assert torch.allclose(getattr(lighter, name), torch.ones(()))


def test_a_sheet_sampled_every_second_pixel_is_left_alone(avatar: Avatar) -> None:
    assert len(merged(flat_sheet(avatar, 2), 0.25)) == COUNT


def test_what_looks_different_is_merged_last(sheet: Avatar) -> None:
    red = 3 * SIDE + 4
    sheet.rest[11:, red] = torch.tensor([1.0, 0.0, 0.0])
    lighter = merged(sheet, 0.4)
    assert len(lighter) <= 0.4 * COUNT
    colours = lighter.rest[11:].T
    assert int((colours == torch.tensor([1.0, 0.0, 0.0])).all(1).sum()) == 1
    alone = torch.isclose(lighter.rest[:3].T, sheet.rest[:3, red], rtol=0, atol=1e-9).all(1)
    assert torch.equal(lighter.rest[:, alone][:, 0], sheet.rest[:, red])
    assert np.allclose(colours[~(colours[:, 0] > 0.9)], 0.5, atol=1e-6)


def test_a_share_is_met_by_the_cheapest_cells_and_costs_are_monotone(sheet: Avatar) -> None:
    random = np.random.default_rng(0)
    sheet.rest[11:] = torch.from_numpy(random.random((3, COUNT), np.float32))
    found = sheets(sheet)
    nodes = merge_costs(found, sheet.rest.numpy()[11:].T, np.ones(COUNT))
    for finer, coarser in pairwise(nodes):
        inside = np.searchsorted(coarser.start, finer.start, side="right") - 1
        assert (coarser.cost[inside] >= finer.cost).all()
    counts = [len(cheapest_merges(nodes, EVERYTHING, kept)) for kept in (1.0, 0.9, 0.7, 0.5, 0.25, 0.1)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == COUNT // 4  # cells of two pixels a side are the largest
    for count, kept in zip(counts, (1.0, 0.9, 0.7, 0.5), strict=False):
        assert count == pytest.approx(kept * COUNT, abs=1.5)


def test_an_infinite_price_keeps_a_gaussian(sheet: Avatar) -> None:
    price = np.ones(COUNT)
    price[: SIDE * SIDE // 2] = np.inf
    lighter = merged(sheet, 0.1, price)
    kept = {tuple(column) for column in lighter.rest.numpy().T}
    assert all(tuple(column) in kept for column in sheet.rest.numpy()[:, : COUNT // 2].T)
    assert len(lighter) == COUNT // 2 + COUNT // 8


def test_sheets_behind_each_other_and_other_parts_stay_apart(avatar: Avatar, sheet: Avatar) -> None:
    behind, other = flat_sheet(avatar, 1), flat_sheet(avatar, 1, "lower_face")
    behind.rest[2] -= 20 * UNITS_PER_PIXEL
    for second in (behind, other):
        both = flat_sheet(avatar, 1)
        both.rest = torch.cat([sheet.rest, second.rest], 1)
        both.part = torch.cat([sheet.part, second.part])
        both.f = both.m = torch.ones(2 * COUNT, 48)
        both.neck_weight = both.expression_weight = torch.ones(2 * COUNT)
        lighter = merged(both, 0.1)
        assert len(lighter) == COUNT // 2
        assert torch.equal(lighter.rest[2].mul(1e4).round().unique(), both.rest[2].mul(1e4).round().unique())


def test_turned_and_opposite_quaternions_average(sheet: Avatar) -> None:
    turn = np.array([np.cos(0.3), 0.0, np.sin(0.3), 0.0], np.float32)
    sheet.rest[6:10] = torch.from_numpy(turn)[:, None]
    sheet.rest[3] += float(np.log(1 / np.cos(0.6)))  # the step across is longer on the slope
    sheet.rest[6:10, ::3] *= -1
    lighter = merged(sheet, 0.25)
    assert len(lighter) == COUNT // 4
    aligned = np.abs(turn @ lighter.rest[6:10].numpy())
    assert np.allclose(aligned, 1, atol=1e-5)
