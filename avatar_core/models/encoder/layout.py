"""The canonical layout of the template layer: a capsule round head and neck, cut into rows and columns.

Rays leave the head's centre in all directions above it, and the neck's axis sideways below it; a surface is one radius
per ray. Rows go from the crown down, columns once round from the back over the subject's right side (image left), the
face in the middle, the subject's left side and to the back again. Canonical space: unit inter-ocular distance, x right
in the image, y up, z to the viewer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS = 80, 120
PRESENT = 0.4  # presence from which a cell is filled
CENTRE = np.array([0.0, 0.28, -0.78])
BOTTOM = -1.75
DOME_SHARE = 0.48  # of the rows: those above the centre
FACE_AZIMUTH, EYE_AZIMUTH, THROAT_AZIMUTH = 26.0, 44.0, 80.0  # degrees to both sides of the face's middle
EYE_BAND, THROAT_LEVEL = -0.25, -0.55  # canonical y: lower end of the eyes, upper end of the throat
FOREHEAD_ELEVATION = 0.45  # of a right angle


def rays(rows: int = ROWS, columns: int = COLUMNS) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Origins and unit directions (rows, columns, 3) at the cells' centres."""
    level = (np.arange(rows) + 0.5) / rows
    elevation = np.where(level < DOME_SHARE, 0.5 * np.pi * (1 - level / DOME_SHARE), 0.0)
    below = np.clip((level - DOME_SHARE) / (1 - DOME_SHARE), 0, 1) * (CENTRE[1] - BOTTOM)
    azimuth = 2 * np.pi * (np.arange(columns) + 0.5) / columns - np.pi
    origin = np.broadcast_to(CENTRE, (rows, columns, 3)).copy()
    origin[..., 1] -= below[:, None]
    flat = np.cos(elevation)[:, None]
    direction = np.stack(
        [
            flat * np.sin(azimuth),
            np.broadcast_to(np.sin(elevation)[:, None], (rows, columns)),
            flat * np.cos(azimuth),
        ],
        axis=-1,
    )
    return origin, direction


def locate(points: NDArray[np.floating], rows: int = ROWS, columns: int = COLUMNS) -> NDArray[np.float64]:
    """Row, column (cell centres at .5, rows not clipped below) and radius (N, 3) of canonical ``points`` (N, 3)."""
    away = np.asarray(points, np.float64) - CENTRE
    flat = np.hypot(away[:, 0], away[:, 2])
    above = away[:, 1] > 0
    elevation = np.arctan2(np.maximum(away[:, 1], 0), flat)
    down = DOME_SHARE + np.maximum(-away[:, 1], 0) / (CENTRE[1] - BOTTOM) * (1 - DOME_SHARE)
    level = np.where(above, DOME_SHARE * (1 - elevation / (0.5 * np.pi)), down)
    turn = (np.arctan2(away[:, 0], away[:, 2]) + np.pi) / (2 * np.pi)
    radius = np.where(above, np.linalg.norm(away, axis=1), flat)
    return np.stack([level * rows, turn * columns, radius], axis=-1)


def cell_sums(
    place: NDArray[np.floating], values: NDArray[np.float32], weight: NDArray[np.float64], rows: int, columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Total weight (rows, columns) and weighted sums (rows, columns, K) of ``values`` (N, K) over each cell.

    Args:
        place: (N, 2 or more) as `locate` gives it, rows within the layout; weight: (N,).
    """
    cell = place[:, 0].astype(int) * columns + place[:, 1].astype(int) % columns
    total = np.asarray(np.bincount(cell, weight, minlength=rows * columns), np.float64)
    sums = np.stack([np.bincount(cell, weight * channel, minlength=rows * columns) for channel in values.T], axis=-1)
    return total.reshape(rows, columns), np.asarray(sums.reshape(rows, columns, -1), np.float64)


def cell_means(
    place: NDArray[np.floating], values: NDArray[np.float32], rows: int, columns: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Means (rows, columns, K) of ``values`` (N, K) at ``place`` over each cell, and which cells have any."""
    count, sums = cell_sums(place, values, np.ones(len(place)), rows, columns)
    return (sums / np.maximum(count, 1)[..., None]).astype(np.float32), count > 0


def cell_azimuth(columns: int = COLUMNS) -> NDArray[np.float64]:
    """(columns,) degrees from the face's middle, positive to the image's right."""
    return (360.0 * (np.arange(columns) + 0.5) / columns) - 180.0


def usable(rows: int = ROWS, columns: int = COLUMNS) -> NDArray[np.bool_]:
    """(rows, columns) cells that the template may fill: not the middle of the face, where lids and lips move, and not
    the throat, which lies behind the chin."""
    origin, _ = rays(rows, columns)
    level = origin[..., 1]
    azimuth = np.abs(cell_azimuth(columns))[None, :]
    elevation = (1 - (np.arange(rows)[:, None] + 0.5) / rows / DOME_SHARE).clip(0, 1)
    dome = elevation > 0
    face = (azimuth < FACE_AZIMUTH) & (elevation < FOREHEAD_ELEVATION)
    eyes = (azimuth < EYE_AZIMUTH) & ~dome & (level > EYE_BAND)
    throat = (azimuth < THROAT_AZIMUTH) & ~dome & (level < THROAT_LEVEL)
    return ~(face | eyes | throat)
