"""Puts lower teeth that the photo does not show where a jaw at rest has them.

The lift knows only where lips hide them. How far the jaw is down in the photo follows from its activations: the same
that will move the teeth when it shuts.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core.gaussians import MEAN
from avatar_core.lift.mouth_sheets import ARCH_FRONT_LOWER, LOWER_GUMS, LOWER_TEETH
from avatar_core.lift.pipeline import Draft
from avatar_core.models.networks import RAW_POSITION, MotionNetworks
from avatar_core.tracking.topology import LOWER_LIP_INNER, UPPER_LIP_INNER

INCISORS = ((0.0, -0.75, ARCH_FRONT_LOWER), (0.0, 0.0, 1.0))
"""A point on the lower incisors of the mean face and its normal, canonical."""


def settle_hidden_teeth(
    drafted: Draft, networks: MotionNetworks, at_rest: NDArray[np.float32], source: NDArray[np.float32],
    neutral: NDArray[np.floating], mean: NDArray[np.floating],
) -> None:  # fmt: skip
    """Lower the Gaussians of hidden lower teeth, in place, as far as the jaw is down; none where the photo shows them.

    Args:
        at_rest, source: (A,) activations of the face at rest, and of the photo.
        neutral: (478, 3) the portrait's landmarks without expression, canonical space; mean: (478, 3) the mean face.
    """
    lifted = drafted.result
    row = np.isin(lifted.part, (LOWER_TEETH, LOWER_GUMS)) & ~drafted.seen
    teeth = lifted.part == LOWER_TEETH
    if (teeth & drafted.seen).any() or not teeth.any():
        return
    u, normal = (torch.tensor([values]) for values in INCISORS)
    f, m = networks.describe(u, normal, torch.tensor([LOWER_TEETH]))
    with torch.inference_mode():
        moved = networks.change(f, m, torch.from_numpy(at_rest), torch.from_numpy(source))[0, RAW_POSITION]
    lips = [UPPER_LIP_INNER, LOWER_LIP_INNER]
    skull = float((neutral[lips] - mean[lips])[:, 1].mean())
    to_canonical = np.linalg.inv(lifted.canonical_to_head)
    heights = to_canonical[1, :3] @ lifted.rest[MEAN][:, teeth] + to_canonical[1, 3]
    placed = float((heights - lifted.u[teeth, 1]).mean())
    lowered = min(skull + float(moved[1]) - placed, 0.0)
    lifted.rest[MEAN, row] += (lifted.canonical_to_head[:3, 1] * lowered).astype(np.float32)[:, None]
