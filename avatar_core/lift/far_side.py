"""Colours of the far side: what lies near the silhouette, continued.

In: coverage, colours and `FacePlacement`. Out: a map of the canvas, made at half its size: the far side has no detail.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.coordinates import Registration
from avatar_core.lift.fill import push_pull
from avatar_core.lift.maps import median_colour, smoothstep
from avatar_core.lift.pose import FacePlacement
from avatar_core.rendering.jit import kernel
from avatar_core.tracking.topology import CHIN

FOLD_LENGTH, FOLD_START, FOLD_SHARE = 0.2, 3.0, 0.75
"""How far in from the rim its texture is taken (inter-ocular distances; the first pixels are soft), and how much of
it is used."""
CHEEK_WIDTH = 0.14  # inter-ocular distances beside the face mesh that may still be cheek, not hair
FOREHEAD = 10
SKIN_DEVIATION = 2.2  # robust standard deviations from the face's median colour
DARKEST_SKIN, SKIN_STRIDE = 0.5, 5  # of the face's brightness; one of so many of its pixels is enough for that
RIM_INSET = 0.04  # inter-ocular distances: nearer to the rim some background is left in the colours
RIM_BAND = 0.26  # inter-ocular distances from the silhouette whose colours the far side takes
COLLAR_FROM, COLLAR_TO = 0.2, 0.6
"""Inter-ocular distances below the chin where, seen from behind, hair and nape give way to clothes."""
NECK_WIDTH, SHOULDER_RISE = 0.55, 0.8
"""Beyond this distance from the chin's middle clothes begin higher by this slope."""
CLOTHES_FROM = 0.3
FEWEST_RIM_PIXELS = 50


def far_side_colour(
    alpha: NDArray[np.float32], foreground: NDArray[np.float32], face: FacePlacement, registered: Registration
) -> NDArray[np.float32]:
    """Colours (S, S, 3) of the far side: the rim's hair folded inwards over and over, smooth where there is none."""
    size = alpha.shape[::-1]
    half = (size[0] // 2, size[1] // 2)
    alpha, foreground = (
        np.asarray(cv2.resize(full, half, interpolation=cv2.INTER_AREA), np.float32) for full in (alpha, foreground)
    )
    unit = np.float32(face.eye_distance / 2)
    x, y = np.arange(half[0], dtype=np.float32)[None, :], np.arange(half[1], dtype=np.float32)[:, None]
    across, down = (
        (x - np.float32(face.landmarks[CHIN, 0] / 2)) / unit,
        (y - np.float32(face.landmarks[CHIN, 1] / 2)) / unit,
    )
    level = down + np.float32(SHOULDER_RISE) * np.maximum(np.abs(across) - np.float32(NECK_WIDTH), 0)
    hair, clothes = _rim(alpha, foreground, face, registered.distance[::2, ::2], across, down, level)
    body = smoothstep((level - COLLAR_FROM) / (COLLAR_TO - COLLAR_FROM))
    above, below = (push_pull(foreground, chosen.astype(np.float32)) for chosen in (hair, clothes))
    smooth = above + body[..., None] * (below - above)
    outside = (alpha > 0.9).astype(np.uint8)
    distance, label = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    source = folded_places(distance, label, np.float32(FOLD_LENGTH) * unit, np.float32(FOLD_START))
    folded = cv2.remap(foreground, source[0], source[1], cv2.INTER_LINEAR)
    certain = cv2.GaussianBlur((hair | clothes).astype(np.float32), (0, 0), 1.0)
    share = FOLD_SHARE * np.clip(2 * cv2.remap(certain, source[0], source[1], cv2.INTER_LINEAR) - 1, 0, 1)
    share = share * (1 - np.abs(body - cv2.remap(body, source[0], source[1], cv2.INTER_LINEAR)))
    colour = smooth * (1 - share[..., None]) + folded * share[..., None]
    return np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_LINEAR), np.float32)


@kernel()
def folded_places(distance, label, fold, start):
    """x and y (2, S, S), pixel indices, where each pixel takes its texture from: between ``start`` and ``start + fold``
    pixels in from the rim, on the way to its nearest pixel there (``distance`` away, with the same label)."""
    rows, columns = distance.shape
    edge = np.zeros(rows * columns + 2, np.int32)
    for y in range(rows):
        for x in range(columns):
            if distance[y, x] == 0:
                edge[label[y, x]] = y * columns + x
    source = np.empty((2, rows, columns), np.float32)
    for y in range(rows):
        for x in range(columns):
            away = distance[y, x]
            turns = (away + fold) / (np.float32(2) * fold)
            depth = start + abs((turns - np.floor(turns)) * np.float32(2) * fold - fold)
            ratio = depth / max(away, np.float32(1))
            edge_y, edge_x = np.float32(edge[label[y, x]] // columns), np.float32(edge[label[y, x]] % columns)
            source[0, y, x] = edge_x + (np.float32(x) - edge_x) * ratio
            source[1, y, x] = edge_y + (np.float32(y) - edge_y) * ratio
    return source


def _rim(
    alpha: NDArray[np.float32], foreground: NDArray[np.float32], face: FacePlacement, distance: NDArray[np.float32],
    across: NDArray[np.float32], down: NDArray[np.float32], level: NDArray[np.float32],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:  # fmt: skip
    """Hair and, below the jaw, whatever else lies near the silhouette above the collar's ``level``; and clothes: where
    the far side's colours come from. Above the jaw skin counts at the crown alone: there it is a bald head, or a cap or
    hair of that colour, and not an ear or a temple; below it is the neck's side, and the nape has its colour.

    Args:
        alpha, foreground, distance: maps at half the canvas's size, ``distance`` that of `Registration`.
        across, down: (1, W) and (H, 1) inter-ocular distances from the chin.
    """
    unit = face.eye_distance / 2
    opaque, body = alpha > 0.9, face.body[::2, ::2]
    crown = down < (face.landmarks[FOREHEAD, 1] - face.landmarks[CHIN, 1]) / face.eye_distance
    away = (distance > CHEEK_WIDTH) | (crown & (distance > 0.02))
    depth = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    clean = depth > RIM_INSET * unit
    near = opaque & clean & (depth < RIM_BAND * unit)
    rim = near & away & ~body
    skin = skin_coloured(foreground, face.mesh.inside[::2, ::2])
    hair = rim & (crown | ~skin)
    head = hair if hair.sum() > 0.15 * rim.sum() else rim
    head = head | (near & body & (level < 0.5 * (COLLAR_FROM + COLLAR_TO)))
    clothes = opaque & clean & body & (down > CLOTHES_FROM)
    if head.sum() + clothes.sum() <= FEWEST_RIM_PIXELS:
        head = clothes = opaque
    elif head.sum() <= FEWEST_RIM_PIXELS:
        head = clothes
    elif clothes.sum() <= FEWEST_RIM_PIXELS:
        clothes = head
    return head, clothes


def skin_coloured(foreground: NDArray[np.float32], face: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels (H, W) of the colours that ``foreground`` (H, W, 3) has in the ``face`` (H, W)."""
    return _close_to_skin(foreground, foreground[face])


def lit_skin(foreground: NDArray[np.float32], face: NDArray[np.bool_], rows: slice = slice(None)) -> NDArray[np.bool_]:
    """`skin_coloured` in some ``rows``, less what is much darker than the face: on a face half in the shade hair and
    black clothes pass for skin."""
    samples, part = foreground[face][::SKIN_STRIDE], foreground[rows]
    bright = part.mean(-1) > DARKEST_SKIN * float(median_colour(samples).mean())
    return np.asarray(bright & _close_to_skin(part, samples))


def _close_to_skin(colours: NDArray[np.float32], samples: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which ``colours`` (H, W, 3) are like ``samples`` (N, 3) of skin."""
    middle = median_colour(samples)
    spread = 1.5 * median_colour(np.abs(samples - middle)) + np.float32(0.03)
    return np.asarray(close_to(colours, middle, 1 / spread, 3 * SKIN_DEVIATION**2))


@kernel()
def close_to(colours, middle, scale, limit):
    """(S, S) whether the scaled squared distance of ``colours`` (S, S, 3) from ``middle`` (3,) is below ``limit``."""
    close = np.empty(colours.shape[:2], np.bool_)
    for y in range(colours.shape[0]):
        for x in range(colours.shape[1]):
            total = np.float32(0)
            for channel in range(3):
                total += ((colours[y, x, channel] - middle[channel]) * scale[channel]) ** 2
            close[y, x] = total < limit
    return close
