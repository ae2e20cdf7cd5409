"""Takes the background's hue off the person's rim.

In: the person's colours, coverage, and the picture behind. Out: colours. Light from a coloured wall, and what a
camera's chroma subsampling smears, tint hair and skin next to the outline; seen from the side, that rim is stretched
into a band.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.fill import continuation
from avatar_core.lift.maps import distance_from, dot, pick, smoothstep
from avatar_core.lift.matte import CORE_COVERAGE

RIM = 0.16  # inter-ocular distances from the outline where colours may be tinted
PALE, VIVID = 0.05, 0.15  # how far the background's colour is from grey: nothing is taken off, all is
LIT = 1.6  # how much brighter than farther in, or than the face, a rim may be and still be allowed as vivid a colour


def without_spill(
    foreground: NDArray[np.float32],
    alpha: NDArray[np.float32],
    valid: NDArray[np.bool_],
    behind: NDArray[np.float32],
    skin: NDArray[np.float32],
    eye_distance: float,
) -> NDArray[np.float32]:
    """``foreground`` (S, S, 3) with no more of the background's hue at the rim than the person has farther in, or skin.

    Args:
        alpha: (S, S) coverage; valid: (S, S) where the photo has pixels; behind: (S, S, 3) the picture behind.
        skin: (3,) colour of the face; eye_distance: pixels.
    """
    inside = distance_from((alpha < CORE_COVERAGE) & valid) > RIM * eye_distance
    near = np.flatnonzero((alpha > 0) & ~inside)
    ground = _chroma(pick(behind, near))
    vivid = np.sqrt(dot(ground, ground))
    if not inside.any() or not (vivid > PALE).any():
        return foreground
    hue = ground / np.maximum(vivid, 1e-6)[:, None]
    own = pick(foreground, near)
    inner = pick(continuation(foreground, inside.astype(np.float32)), near)
    allowed = np.maximum(_as_bright(inner, own, hue), _as_bright(skin[None], own, hue))
    excess = np.maximum(dot(_chroma(own), hue) - np.maximum(allowed, 0), 0)
    share = smoothstep((vivid - PALE) / (VIVID - PALE))
    cleaned = foreground.copy()
    cleaned.reshape(-1, 3)[near] = np.clip(own - (share * excess)[:, None] * hue, 0, 1)
    return cleaned


def _chroma(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours (N, 3) less their grey."""
    return colour - colour.mean(1, keepdims=True)


def _as_bright(colour: NDArray[np.float32], own: NDArray[np.float32], hue: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,) how much of the ``hue`` (N, 3) ``colour`` (N or 1, 3) would have, were it as bright as ``own`` (N, 3)."""
    gain = np.minimum(own.mean(1) / np.maximum(colour.mean(1), 0.02), LIT)
    return gain * dot(np.broadcast_to(_chroma(colour), hue.shape), hue)
