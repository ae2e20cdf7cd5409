"""Hair that the photo hides, in the colours of what it shows, led on round the head.

In: `HairPixels` and the template's points. Out: colours on the layout.

Brightness goes on with its slope, as light does that falls off towards the outline (the smoothest surface near what is
seen: biharmonic, least squares with the squared Laplacian of the cells' graph, as the teacher's colours are continued);
hue has no slope to go on with and is held back by a membrane's tension. Neither leaves the range of what is seen.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csc_matrix, diags
from scipy.sparse.linalg import splu

from avatar_core.lift.maps import smoothstep
from avatar_core.models.encoder.hair_pixels import HairPixels
from avatar_core.models.encoder.layout import COLUMNS, ROWS, cell_sums, locate, rays

COARSE_ROWS, COARSE_COLUMNS = ROWS // 2, COLUMNS // 2  # what is smooth needs no more cells
NEAR = 0.3  # canonical units off the template beyond which a pixel is hair that stands or hangs elsewhere
GRAZING, FACING = 0.12, 0.4  # cosines to the view between which a pixel comes to be trusted
ENOUGH = 4.0  # pixels of a cell that tell its colour
DATA, ANCHOR, TENSION = 0.3, 1e-5, 0.3
"""Weights over that of smoothness: of what is seen, of its mean everywhere, and of the hue's steps."""
MIRRORED = 0.1  # how much the other side's colour counts where a side is hidden
UNSEEN, SEEN = 0.05, 0.25  # weights below which it does, and from which a cell tells the range of what is seen
RANGE, BEYOND = (0.02, 0.95), 0.05
"""Quantiles of what is seen that led colours stay within, and by how much they may leave it."""
CLOSEST = 0.02  # canonical units between neighbours, at least
FEWEST = 30  # cells


def led_round(pixels: HairPixels, points: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Colours (`COARSE_ROWS`, `COARSE_COLUMNS`, 3) of all cells; None where the photo shows hardly any hair.

    Args:
        points: (R, C, 3) the template, canonical, on the layout or a finer one.
    """
    rows, columns = points.shape[:2]
    radius = np.linalg.norm(points - rays(rows, columns)[0], axis=-1)
    radius = radius.reshape(COARSE_ROWS, rows // COARSE_ROWS, COARSE_COLUMNS, -1).mean((1, 3))
    place = locate(pixels.points, COARSE_ROWS, COARSE_COLUMNS)
    row, column = place[:, 0].astype(int), place[:, 1].astype(int) % COARSE_COLUMNS
    inside = row < COARSE_ROWS
    inside[inside] = np.abs(place[inside, 2] - radius[row[inside], column[inside]]) < NEAR
    trust = smoothstep((pixels.facing[inside] - GRAZING) / (FACING - GRAZING)).astype(np.float64)
    total, sums = cell_sums(place[inside], pixels.colour[inside], trust, COARSE_ROWS, COARSE_COLUMNS)
    weight = np.minimum(total / ENOUGH, 1)
    if (weight > SEEN).sum() < FEWEST:
        return None
    colour = sums / np.maximum(total, 1e-6)[..., None]
    borrowed = np.where(weight < UNSEEN, MIRRORED * weight[:, ::-1], 0)
    mixed = weight + borrowed
    colour = colour * weight[..., None] + colour[:, ::-1] * borrowed[..., None]
    colour /= np.maximum(mixed, 1e-9)[..., None]
    return _smoothest(colour.reshape(-1, 3), mixed.reshape(-1), radius).reshape(COARSE_ROWS, COARSE_COLUMNS, 3)


def _smoothest(
    colour: NDArray[np.float64], weight: NDArray[np.float64], radius: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Colours (N, 3) of all cells from those (N, 3) that are known by ``weight`` (N,)."""
    bent, stretched = _energies(radius)
    brightness = cv2.cvtColor(colour.astype(np.float32)[None], cv2.COLOR_RGB2GRAY)[0, :, None].astype(np.float64)
    hue = colour - brightness
    led = _within(_nearest_to(bent, brightness, weight), brightness[weight > SEEN])
    rest = _within(_nearest_to(bent + TENSION * stretched, hue, weight), hue[weight > SEEN])
    return np.clip(led + rest, 0, 1).astype(np.float32)


def _within(values: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """``values`` (N, K) held within the range of those that are ``seen`` (M, K), outliers apart."""
    low, high = np.quantile(seen, RANGE, axis=0)
    return np.clip(values, low - BEYOND, high + BEYOND)


def _nearest_to(energy: csc_matrix, values: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values (N, K) of least ``energy`` (N, N) near ``values`` (N, K) where ``weight`` (N,) is above 0."""
    mean = (values * weight[:, None]).sum(0) / max(float(weight.sum()), 1e-9)
    system = (energy + diags(ANCHOR + DATA * weight)).tocsc()
    solver = splu(system, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    return np.stack([solver.solve(column) for column in (DATA * weight[:, None] * values + ANCHOR * mean).T], axis=1)


def _energies(radius: NDArray[np.floating]) -> tuple[csc_matrix, csc_matrix]:
    """Quadratic forms (N, N) of how a map on the cells (R, C) at ``radius`` (R, C) is bent and stretched: squares of
    what each cell differs from the mean of its neighbours, the near ones counting more, and of the differences
    themselves. The cells close round the head and over the crown."""
    rows, columns = radius.shape
    origin, direction = rays(rows, columns)
    place = (origin + direction * radius[..., None]).reshape(-1, 3)
    cell = np.arange(rows * columns).reshape(rows, columns)
    half = columns // 2
    first = np.concatenate([cell.ravel(), cell[:-1].ravel(), cell[0, :half]])
    second = np.concatenate([np.roll(cell, -1, axis=1).ravel(), cell[1:].ravel(), cell[0, half:]])
    near = 1 / np.maximum(np.linalg.norm(place[first] - place[second], axis=1), CLOSEST)
    index = (np.r_[first, second], np.r_[second, first])
    joined = coo_matrix((np.r_[near, near], index), shape=(rows * columns,) * 2).tocsr()
    degree = np.asarray(joined.sum(1)).ravel()
    stretched = diags(degree) - joined
    away = diags(1 / degree) @ stretched
    return (away.T @ away).tocsc(), (stretched / degree.mean()).tocsc()
