"""Makes the default view reproduce the photo: colours absorb what the Gaussians' overlap blurs.

Each Gaussian spreads over its neighbours, which softens the picture. The rest view is drawn, and every Gaussian that
shows a pixel takes that pixel's error into its own colour; a few rounds of this invert the blur (Van Cittert 1931).
"""

from __future__ import annotations

import numba
import numpy as np
import torch
from numba import prange
from numpy.typing import NDArray

from avatar_core.camera import Camera
from avatar_core.gaussians import COLOR, OPACITY, SCALE, Gaussians
from avatar_core.lift.canvas import CROP_SIZE, MARGIN_LEFT, MARGIN_TOP, seen_at
from avatar_core.rendering.jit import kernel, one_launch_at_a_time, parallel_kernel, thread_limit
from avatar_core.rendering.rasterizer import create

ROUNDS = 3
GAIN = 0.8
LARGEST_CHANGE = 0.12  # of a colour: more would be seen as ringing once the surface moves


def refine_colours(
    rest: NDArray[np.float32], seen: NDArray[np.bool_], picture: NDArray[np.float32], matte: NDArray[np.float32]
) -> None:
    """Change the colours of ``rest`` (14, N) in place.

    Args:
        seen: (N,) Gaussians that show the photo in the default view; the others keep their colour.
        picture: (512, 512, 3) the person's colours in [0, 1]; matte: (512, 512) their coverage.
    """
    active = rest.copy()
    active[SCALE] = np.exp(active[SCALE])
    active[OPACITY] = 1 / (1 + np.exp(-active[OPACITY]))
    gaussians, camera, rasterizer = Gaussians(torch.from_numpy(active)), Camera.orbit(), create("cpu")
    columns = np.flatnonzero(seen)
    placed = seen_at(np.ascontiguousarray(rest[:3, columns].T)) - np.array([MARGIN_LEFT, MARGIN_TOP], np.float32)
    picture, matte = np.ascontiguousarray(picture), np.ascontiguousarray(matte)
    for _ in range(ROUNDS):
        drawn = rasterizer.render(gaussians, camera, CROP_SIZE, CROP_SIZE).numpy()
        error = errors(picture, matte, drawn)
        with one_launch_at_a_time:
            numba.set_num_threads(thread_limit())
            take_errors(rest[COLOR], active[COLOR], columns, placed, error)
    rest[COLOR] = active[COLOR]


@kernel()
def errors(picture, matte, drawn):
    """What ``drawn`` (H, W, 4) lacks to ``picture`` (H, W, 3) under ``matte`` (H, W), where the person is."""
    error = np.zeros(picture.shape, np.float32)
    for y in range(matte.shape[0]):
        for x in range(matte.shape[1]):
            if matte[y, x] > 0.5:
                for channel in range(3):
                    error[y, x, channel] = picture[y, x, channel] * matte[y, x] - drawn[y, x, channel]
    return error


@parallel_kernel()
def take_errors(first, colours, columns, placed, error):
    """Adds the ``error`` (H, W, 3), bilinear, at the places (M, 2) of Gaussians ``columns`` to their ``colours``
    (3, N), no farther than `LARGEST_CHANGE` from their ``first`` ones."""
    rows, width = error.shape[0], error.shape[1]
    change, zero, one = np.float32(LARGEST_CHANGE), np.float32(0), np.float32(1)
    for i in prange(columns.shape[0]):
        x, y = placed[i, 0] - np.float32(0.5), placed[i, 1] - np.float32(0.5)
        if not (x > -1 and y > -1 and x < width and y < rows):
            continue
        left, top = int(np.floor(x)), int(np.floor(y))
        right_share, lower_share = x - np.float32(left), y - np.float32(top)
        column = columns[i]
        for channel in range(3):
            taken = zero
            for down in range(2):
                for across in range(2):
                    if 0 <= top + down < rows and 0 <= left + across < width:
                        weight = lower_share if down == 1 else one - lower_share
                        weight *= right_share if across == 1 else one - right_share
                        taken += weight * error[top + down, left + across, channel]
            start = first[channel, column]
            lowest, highest = max(start - change, zero), min(start + change, one)
            wanted = colours[channel, column] + np.float32(GAIN) * taken
            colours[channel, column] = min(max(wanted, lowest), highest)
