"""Takes the background's hue off the person's rim.

In: the person's colours, coverage, and the picture behind. Out: colours. Light from a coloured wall, and what a
camera's chroma subsampling smears, tint hair and skin next to the outline; seen from the side, that rim is stretched
into a band.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.fill import continuation
from avatar_core.lift.maps import distance_from, smoothstep

RIM = 0.16  # inter-ocular distances from the outline where colours may be tinted
INNER = 0.97  # coverage of what counts as the person's inside
PALE, VIVID = 0.05, 0.15  # how far the background's colour is from grey: nothing is taken off, all is


def without_spill(
    foreground: NDArray[np.float32],
    alpha: NDArray[np.float32],
    behind: NDArray[np.float32],
    skin: NDArray[np.floating],
    eye_distance: float,
) -> NDArray[np.float32]:
    """``foreground`` (S, S, 3) with no more of the background's hue at the rim than the person has farther in, or skin.

    Args:
        alpha: (S, S) coverage; behind: (S, S, 3) the picture behind; skin: (3,) colour of the face.
    """
    depth = distance_from(alpha < INNER)
    inside = depth > RIM * eye_distance
    near = np.flatnonzero((alpha > 0) & ~inside)
    ground = _chroma(behind.reshape(-1, 3)[near])
    vivid = np.linalg.norm(ground, axis=1, keepdims=True)
    if not inside.any() or not (vivid > PALE).any():
        return foreground
    hue = ground / np.maximum(vivid, 1e-6)
    inner = _chroma(continuation(foreground, inside.astype(np.float32)).reshape(-1, 3)[near])
    own = foreground.reshape(-1, 3)[near]
    allowed = np.maximum((inner * hue).sum(1), (_chroma(skin[None].astype(np.float32)) * hue).sum(1))
    excess = np.maximum((_chroma(own) * hue).sum(1) - np.maximum(allowed, 0), 0)
    share = smoothstep((vivid[:, 0] - PALE) / (VIVID - PALE))
    cleaned = foreground.copy()
    cleaned.reshape(-1, 3)[near] = np.clip(own - (share * excess)[:, None] * hue, 0, 1)
    return cleaned


def _chroma(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours (N, 3) less their grey."""
    return colour - colour.mean(1, keepdims=True)
