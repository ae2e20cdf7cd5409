"""Face and hair: one Gaussian per pixel of the head, several where lids and lips will stretch.

In: `Surfaces`, `Matte`, `FacePlacement`. Out: one `Layer`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import pixel_grid, unproject
from avatar_core.lift.coordinates import head_part, outside_distance, registration
from avatar_core.lift.fill import push_pull
from avatar_core.lift.layer import Layer, join, surface_steps
from avatar_core.lift.matte import Matte
from avatar_core.lift.mesh import polygon_mask
from avatar_core.lift.pose import FacePlacement
from avatar_core.lift.surfaces import Surfaces
from avatar_core.tracking.topology import INNER_LIPS, LEFT_EYE_RING, OUTER_LIPS, RIGHT_EYE_RING

FAINT = 0.02  # coverage below which a pixel gets no Gaussian
UPPER_LID_REACH, LOWER_LID_REACH = 0.13, 0.06  # inter-ocular distances from the lid margin
UPPER_LID_ROWS, LOWER_LID_ROWS, LIP_ROWS = 6, 3, 2
"""Samples per pixel along the vertical: a closing lid's few pixels of skin must cover the whole eye."""


@dataclass(frozen=True)
class SkinMaps:
    """What every sample of the head is interpolated from: points, colour and u (S, S, 3), alpha (S, S)."""

    points: NDArray[np.float32]
    colour: NDArray[np.float32]
    u: NDArray[np.float32]
    alpha: NDArray[np.float32]


def build_skin(surfaces: Surfaces, matte: Matte, face: FacePlacement, mean: NDArray[np.floating]) -> Layer:
    """The head's visible surface; ``mean`` (478, 3) is the mean face."""
    maps = _maps(surfaces, matte, face, mean)
    openings = face.eyes.any(0) | face.mouth
    region = (matte.alpha > FAINT) & ~face.body
    dense = _dense_rows(face) * region
    across, upward = surface_steps(maps.points, region | openings)
    distance = outside_distance(face)
    plain = region & ~openings & (dense == 0)
    layers = [_layer(maps, across, upward, distance, mean, plain)]
    rings = (RIGHT_EYE_RING, LEFT_EYE_RING) + ((INNER_LIPS,) if face.mouth.any() else ())
    outlines = [face.landmarks[list(ring), :2] for ring in rings]
    for rows in sorted({int(value) for value in np.unique(dense)} - {0}):
        layers.append(_dense_layer(maps, across, upward, mean, dense == rows, rows, outlines))
    return join(layers)


def _maps(surfaces: Surfaces, matte: Matte, face: FacePlacement, mean: NDArray[np.floating]) -> SkinMaps:
    x, y = pixel_grid()
    points = unproject(x, y, surfaces.head)
    u_inside, offset = registration(face, mean)
    u_outside = face.to_head.invert(points).astype(np.float32) + offset
    u = np.where(face.mesh.inside[..., None], u_inside, u_outside)
    openings = face.eyes.any(0) | face.mouth
    colour = matte.foreground
    if openings.any():
        near = cv2.dilate(openings.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        lids = push_pull(colour, (near & ~openings).astype(np.float32))
        colour = np.where(openings[..., None], lids, colour)
    return SkinMaps(points, colour, u, matte.alpha)


def _dense_rows(face: FacePlacement) -> NDArray[np.uint8]:
    """(S, S) how many rows of samples a pixel is split into; 0 where one sample does."""
    size = face.mouth.shape[0]
    rows = np.zeros((size, size), np.uint8)
    lips = polygon_mask(face.landmarks[list(OUTER_LIPS), :2], size)
    rows[lips] = LIP_ROWS
    _, y = pixel_grid(size)
    x = y.T
    for opening, ring in zip(face.eyes, (RIGHT_EYE_RING, LEFT_EYE_RING), strict=True):
        if not opening.any():
            continue
        distance = cv2.distanceTransform((~opening).astype(np.uint8), cv2.DIST_L2, 5) / face.eye_distance
        (x0, y0), (x1, y1) = sorted((tuple(face.landmarks[ring[0], :2]), tuple(face.landmarks[ring[8], :2])))
        level = y0 + (x - x0) * (y1 - y0) / max(x1 - x0, 1.0)
        rows[(distance < LOWER_LID_REACH) & (y >= level)] = LOWER_LID_ROWS
        rows[(distance < UPPER_LID_REACH) & (y < level)] = UPPER_LID_ROWS
    return rows


def _layer(
    maps: SkinMaps, across: NDArray[np.float32], upward: NDArray[np.float32], distance: NDArray[np.float32],
    mean: NDArray[np.floating], chosen: NDArray[np.bool_],
) -> Layer:  # fmt: skip
    u = maps.u[chosen]
    return Layer(
        position=maps.points[chosen],
        across=across[chosen],
        upward=upward[chosen],
        colour=maps.colour[chosen],
        coverage=maps.alpha[chosen],
        u=u,
        part=head_part(u, distance[chosen], mean),
        neck_weight=np.ones(len(u), np.float32),
    )


def _dense_layer(
    maps: SkinMaps, across: NDArray[np.float32], upward: NDArray[np.float32], mean: NDArray[np.floating],
    chosen: NDArray[np.bool_], rows: int, outlines: list[NDArray[np.floating]],
) -> Layer:  # fmt: skip
    """Pixels split into ``rows`` samples each; samples inside an opening's outline are left out."""
    y, x = np.nonzero(chosen)
    shift = (np.arange(rows, dtype=np.float32) + 0.5) / rows - 0.5
    sample_x = np.repeat(x.astype(np.float32), rows)
    sample_y = (y[:, None].astype(np.float32) + shift[None, :]).reshape(-1)
    outside = np.ones(len(sample_x), bool)
    for outline in outlines:
        outside &= ~_within(sample_x + 0.5, sample_y + 0.5, outline)
    sample_x, sample_y = sample_x[outside], sample_y[outside]
    u = _interpolate(maps.u, sample_x, sample_y)
    return Layer(
        position=_interpolate(maps.points, sample_x, sample_y),
        across=_interpolate(across, sample_x, sample_y),
        upward=_interpolate(upward, sample_x, sample_y) / rows,
        colour=_interpolate(maps.colour, sample_x, sample_y),
        coverage=np.ones(len(sample_x), np.float32),
        u=u,
        part=head_part(u, np.zeros(len(u), np.float32), mean),
        neck_weight=np.ones(len(u), np.float32),
    )


def _interpolate(values: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bilinear values (N, C) of a map at pixel indices (x, y); rows are folded because cv2 limits a map's height."""
    width = 1024
    padded = -(-len(x) // width) * width
    both = np.zeros((2, padded), np.float32)
    both[0, : len(x)], both[1, : len(x)] = x, y
    sampled = cv2.remap(values, both[0].reshape(-1, width), both[1].reshape(-1, width), cv2.INTER_LINEAR)
    return np.ascontiguousarray(sampled.reshape(padded, -1)[: len(x)], np.float32)


def _within(x: NDArray[np.float32], y: NDArray[np.float32], outline: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether points lie inside a polygon (K, 2), by the even-odd rule."""
    inside = np.zeros(len(x), bool)
    near = (x >= outline[:, 0].min()) & (x <= outline[:, 0].max())
    near &= (y >= outline[:, 1].min()) & (y <= outline[:, 1].max())
    px, py = x[near], y[near]
    hits = np.zeros(len(px), bool)
    for (ax, ay), (bx, by) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if ay == by:
            continue
        crosses = ((ay > py) != (by > py)) & (px < ax + (py - ay) * (bx - ax) / (by - ay))
        hits ^= crosses
    inside[near] = hits
    return inside


