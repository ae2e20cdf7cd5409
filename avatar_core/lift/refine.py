"""Makes the default view reproduce the photo: colours absorb what the Gaussians' overlap blurs.

Each Gaussian spreads over its neighbours, which softens the picture. The rest view is drawn, and every Gaussian that
shows a pixel takes that pixel's error into its own colour; a few rounds of this invert the blur (Van Cittert 1931).
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core.camera import Camera
from avatar_core.gaussians import COLOR, OPACITY, SCALE, Gaussians
from avatar_core.lift.canvas import CROP_SIZE
from avatar_core.rendering.rasterizer import create

ROUNDS = 2
GAIN = 0.8
LARGEST_CHANGE = 0.12  # of a colour: more would be seen as ringing once the surface moves
_FOLD = 1024  # samples per row: cv2 limits the height of a map


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
    placed = camera.project(rest[:3, columns].T.astype(np.float64), CROP_SIZE, CROP_SIZE).astype(np.float32) - 0.5
    count = len(placed)
    padded = -(-count // _FOLD) * _FOLD
    cells = np.full((2, padded), -1e6, np.float32)
    cells[:, :count] = placed.T
    target, counts = picture * matte[..., None], (matte > 0.5).astype(np.float32)[..., None]
    colours = rest[COLOR][:, columns]
    lowest, highest = np.maximum(colours - LARGEST_CHANGE, 0), np.minimum(colours + LARGEST_CHANGE, 1)
    for _ in range(ROUNDS):
        drawn = rasterizer.render(gaussians, camera, CROP_SIZE, CROP_SIZE).numpy()[..., :3]
        error = (target - drawn) * counts
        taken = cv2.remap(
            error, cells[0].reshape(-1, _FOLD), cells[1].reshape(-1, _FOLD),
            cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
        )  # fmt: skip
        colours = np.clip(colours + GAIN * taken.reshape(padded, 3)[:count].T, lowest, highest)
        active[COLOR, columns] = colours
    rest[COLOR] = active[COLOR]
