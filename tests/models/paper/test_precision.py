"""What bfloat16 costs: the bound that inference in reduced precision is held to.

On rule-made weights, whose every layer is noise at full bandwidth; in shares of the standard deviation of the output.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core.models.paper.networks import PaperNetworks
from avatar_core.models.paper.runtime import PaperRuntime
from tests.models.paper import rule

PLANES_RMS, PLANES_MAX = 0.02, 0.08
CODE_RMS, CODE_MAX = 0.04, 0.15


def errors(reference: NDArray[np.generic], actual: NDArray[np.floating]) -> tuple[float, float]:
    """Root mean square and largest error in standard deviations of ``reference``."""
    error = np.abs(actual.astype(np.float64) - reference) / np.std(reference)
    return float(np.sqrt(np.mean(error**2))), float(error.max())


def test_bfloat16_stays_within_its_bound(imported: Path, golden: dict[str, NDArray[np.generic]]) -> None:
    networks = PaperNetworks.load(imported)
    runtime = PaperRuntime(networks, torch.device("cpu"), torch.bfloat16)
    with torch.inference_mode():
        planes = runtime.networks.encoder(rule.image(512).bfloat16()).float().contiguous().flatten()
        code = runtime.networks.motion_encoder(rule.image(224).bfloat16())[0].float()
    rms, largest = errors(golden["p.planes"], planes[torch.from_numpy(golden["pos.planes"]).long()].numpy())
    assert rms < PLANES_RMS and largest < PLANES_MAX
    rms, largest = errors(golden["m.out"], code.numpy())
    assert rms < CODE_RMS and largest < CODE_MAX
