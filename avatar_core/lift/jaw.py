"""Where the jaw ends in the picture: the landmarks' jaw line, moved to the edge that is seen there.

In: canvas picture and landmarks. Out: an outline. The detector's jaw line may lie several pixels beside the jaw's own
edge; the strip of neck between them would be torn off with the face as soon as it is seen from the side.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.rendering.jit import kernel
from avatar_core.tracking.topology import JAW_LINE

SPACING, STEP = 1.5, 0.5  # pixels between the outline's points, and between the places that each of them tries
INWARD, OUTWARD = 0.03, 0.06  # inter-ocular distances from the landmarks' line that it may lie
EXPECTED = 0.02  # and where it does where nothing is seen
WINDOW = 4.0  # pixels on both sides whose colours are compared
CLEAR_CONTRAST = 35.0  # RGB distance, 0..255, of an edge that counts half as much as one beyond all doubt
SHADOW_GAIN = 1.0  # how much more an edge counts whose outside is the darker one: the jaw throws a shadow
DOUBT, BEND = 0.25, 0.02  # cost of lying at the end of the reach, and of a step to the next point's place
SMOOTHING = 4.0  # points, of the outline found


def trace_jaw(image: NDArray[np.uint8], landmarks: NDArray[np.floating], unit: float) -> NDArray[np.float64]:
    """The jaw's outline (K, 2) from the image's left to its right, canvas pixels.

    Args:
        image: (S, S, 3); landmarks: (478, 3) canvas pixels; unit: inter-ocular distance in pixels.
    """
    line = np.asarray(landmarks, np.float64)[list(JAW_LINE[1:-1]), :2]
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    even = np.linspace(0, length[-1], max(int(length[-1] / SPACING), 2))
    line = np.stack([np.interp(even, length, line[:, axis]) for axis in range(2)], axis=-1)
    along = np.gradient(line, axis=0)
    along = np.stack([_smooth(along[:, axis], SMOOTHING) for axis in range(2)], axis=-1)
    outward = np.stack([-along[:, 1], along[:, 0]], axis=-1)
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
    outward *= np.sign(np.einsum("kc,kc->", outward, line - line.mean(0)))
    offsets = np.arange(-INWARD * unit, OUTWARD * unit + STEP, STEP)
    cost = _cost(image, line, outward, offsets, unit)
    chosen = offsets[cheapest_path(cost.astype(np.float32), np.float32(BEND))]
    return np.asarray(line + _smooth(chosen, SMOOTHING)[:, None] * outward)


def _cost(
    image: NDArray[np.uint8], line: NDArray[np.float64], outward: NDArray[np.float64], offsets: NDArray[np.float64],
    unit: float,
) -> NDArray[np.float64]:  # fmt: skip
    """(K, O) how little each place of each point looks like the jaw's edge."""
    reach = int(WINDOW / STEP)
    tried = np.concatenate(
        [offsets[0] - STEP * np.arange(reach, 0, -1), offsets, offsets[-1] + STEP * np.arange(1, reach + 1)]
    )
    place = (line[:, None] + tried[:, None] * outward[:, None] - 0.5).astype(np.float32)
    seen = cv2.remap(image, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    sums = np.concatenate([np.zeros((len(line), 1, 3)), np.cumsum(seen.astype(np.float64), axis=1)], axis=1)
    inside = (sums[:, reach : reach + len(offsets)] - sums[:, : len(offsets)]) / reach
    outside = (sums[:, 2 * reach : 2 * reach + len(offsets)] - sums[:, reach : reach + len(offsets)]) / reach
    contrast = np.linalg.norm(inside - outside, axis=-1)
    contrast += SHADOW_GAIN * np.maximum((inside - outside).mean(-1), 0)
    doubt = DOUBT * ((offsets / unit - EXPECTED) / (OUTWARD - EXPECTED)) ** 2
    return doubt - contrast / (contrast + CLEAR_CONTRAST)


@kernel()
def cheapest_path(cost, bend):
    """Index (K,) into each row of ``cost`` (K, O): the path of least cost whose neighbours lie at most one place apart,
    each step costing ``bend`` more."""
    count, places = cost.shape
    total = cost.copy()
    came = np.zeros((count, places), np.int8)
    for k in range(1, count):
        for o in range(places):
            best, step = total[k - 1, o], 0
            if o > 0 and total[k - 1, o - 1] + bend < best:
                best, step = total[k - 1, o - 1] + bend, -1
            if o + 1 < places and total[k - 1, o + 1] + bend < best:
                best, step = total[k - 1, o + 1] + bend, 1
            total[k, o] += best
            came[k, o] = step
    path = np.empty(count, np.int64)
    path[count - 1] = np.argmin(total[count - 1])
    for k in range(count - 1, 0, -1):
        path[k - 1] = path[k] + came[k, path[k]]
    return path


def _smooth(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    row = np.ascontiguousarray(values[None], np.float64)
    return np.asarray(cv2.GaussianBlur(row, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)[0], np.float64)
