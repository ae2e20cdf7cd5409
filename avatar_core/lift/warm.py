"""Compiling the lift's kernels before they are needed."""

from __future__ import annotations

import numpy as np

from avatar_core.lift import (
    canvas,
    coordinates,
    facing,
    far_side,
    fill,
    jaw,
    layer,
    matte,
    mesh,
    poisson,
    refine,
    torso,
)
from avatar_core.tracking.topology import LANDMARK_COUNT

_SIDE = 64  # large enough for the solver to use its coarser grids
_SMALL = 4


def compile_kernels() -> None:
    """Compile, or load from the disk cache, by working on next to nothing."""
    role = np.full((_SIDE, _SIDE), poisson.HEAD, np.uint8)
    role[0] = poisson.FIXED
    poisson.solve(role, np.zeros(role.shape, np.float32), np.ones(role.shape, np.float32))

    picture, plane = np.zeros((_SMALL, _SMALL, 3), np.float32), np.zeros((_SMALL, _SMALL), np.float32)
    everywhere, labels = np.ones((_SMALL, _SMALL), bool), np.zeros((_SMALL, _SMALL), np.int32)
    points, one, colour = np.zeros((1, 3), np.float32), np.float32(1), np.ones(3, np.float32)
    mesh.draw_mesh(np.zeros((LANDMARK_COUNT, 3)), _SMALL).interpolate(np.zeros((LANDMARK_COUNT, 3)))
    fill.push_pull(picture, plane)
    fill.nearest(picture, everywhere)
    fill.fold_rows(picture, everywhere)
    canvas.unproject(plane, plane, plane)
    canvas.approach(picture, picture, plane, one)
    canvas.seen_at(points)
    layer.surface_steps(picture, everywhere)
    layer.extents_and_axes(points, points, 1.0)
    facing.take_normals(points, points, everywhere[0], np.zeros((_SMALL, _SMALL, 4), np.float32), colour[:2])
    jaw.cheapest_path(plane, one)
    coordinates.lean(picture, picture, picture, plane)
    matte.mix(picture, picture, plane)
    matte.believe_colour(picture, picture, picture, colour, everywhere)
    matte.believe_skin(picture, picture, colour, everywhere)
    matte.shares(picture, picture, plane)
    matte.fuse(picture, plane, picture, picture, plane)
    far_side.folded_places(plane, labels, one, one)
    torso.mix_hidden(picture, everywhere, picture, picture, plane, plane)
    torso.follow_edge(picture, picture, picture, picture, everywhere, plane, one)
    far_side.close_to(picture, colour, colour, 1.0)
    refine.errors(picture, plane, np.zeros((_SMALL, _SMALL, 4), np.float32))
    refine.take_errors(
        np.zeros((3, 1), np.float32), np.zeros((3, 1), np.float32), np.zeros(1, np.int64), points[:, :2].copy(), picture
    )
