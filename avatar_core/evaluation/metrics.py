"""Picture and landmark metrics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity


def psnr(picture: NDArray[np.uint8], reference: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None) -> float:
    """Peak signal-to-noise ratio in dB of uint8 pictures (H, W, 3), over ``mask`` (H, W) when given."""
    error = (picture.astype(np.float64) - reference.astype(np.float64)) ** 2
    mean = float(error[mask].mean() if mask is not None else error.mean())
    return 10.0 * float(np.log10(255.0**2 / max(mean, 1e-9)))


def ssim(picture: NDArray[np.uint8], reference: NDArray[np.uint8]) -> float:
    """Structural similarity of uint8 pictures (H, W, 3)."""
    return float(structural_similarity(picture, reference, channel_axis=2))


def correlation_and_slope(driver: NDArray[np.float64], shown: NDArray[np.float64]) -> tuple[float, float]:
    """Pearson correlation, and slope of ``shown`` over ``driver`` by least squares."""
    if len(driver) < 3 or driver.std() < 1e-9 or shown.std() < 1e-9:
        return float("nan"), float("nan")
    centred_driver, centred_shown = driver - driver.mean(), shown - shown.mean()
    slope = float((centred_driver * centred_shown).sum() / (centred_driver**2).sum())
    return float(np.corrcoef(driver, shown)[0, 1]), slope


def jitter(tracks: NDArray[np.float64]) -> float:
    """RMS frame-to-frame step of points (frames, points, dims), in the unit of the points."""
    return float(np.sqrt((np.diff(tracks, axis=0) ** 2).sum(-1).mean()))
