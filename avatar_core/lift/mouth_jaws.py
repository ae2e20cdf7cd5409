"""Where the jaws of a photo's mouth stand, beside the mean face's, and the rows of teeth on them.

In: `FacePlacement`, what the open mouth shows. Out: `Jaws`, which what lies behind the lips is hung on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.mouth_sheets import LOWER_EDGE, UPPER_EDGE
from avatar_core.lift.pose import FacePlacement
from avatar_core.lift.shown_mouth import ShownMouth
from avatar_core.tracking.topology import CHIN, LOWER_LIP_INNER, UPPER_LIP_INNER

LIP_LINE = -0.70  # canonical y where the lips meet on the mean face
LIP_CLEARANCE = 0.03  # inter-ocular distances between the lips' inside and the teeth
TELLING_GAP = (0.05, 0.12)  # canonical units between the lips where upper teeth begin to be seen, and surely are
HIDDEN_EDGE, MOST_SHIFT = 0.005, 0.12
"""Canonical units that teeth which the photo does not show keep behind the lip, and how far teeth are moved at most."""
SOCKET_SEAM = 0.1  # canonical units off `LIP_LINE` from which the socket goes wholly with the skull, or with the jaw
JAW_POINTS = (CHIN, 175, 199, 200)
LOWER_LIP_POINTS = (14, 15, 16, 17)


@dataclass(frozen=True)
class Jaws:
    """Canonical translations (3,) from the mean face to the photo: of the skull's half, of the jaw's half; and how much
    farther up the rows of teeth stand, canonical units."""

    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper_teeth: float
    lower_teeth: float

    @property
    def drop(self) -> float:
        """Canonical units that the photo's jaw is down."""
        return max(float(self.upper[1] - self.lower[1]), 0.0)

    @property
    def stretch(self) -> float:
        """How far the photo's open mouth stretches what lies between skull and jaw."""
        return 1 + self.drop / (2 * SOCKET_SEAM)

    def of_socket(self, u: NDArray[np.floating]) -> NDArray[np.float64]:
        """Translations (..., 3) of the socket's points: above with the skull, below with the jaw."""
        share = share_below(u[..., 1:2])
        return self.upper * (1 - share) + self.lower * share


def share_below(height: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far the socket goes with the jaw at canonical heights."""
    return np.clip((LIP_LINE + SOCKET_SEAM - height) / (2 * SOCKET_SEAM), 0, 1)


def find_jaws(face: FacePlacement, mean: NDArray[np.floating], shown: ShownMouth | None) -> Jaws:
    """The jaws of ``face``, beside the ``mean`` face (478, 3); teeth where the photo has them: at their biting edges,
    or out of its sight."""
    lips = [UPPER_LIP_INNER, LOWER_LIP_INNER]
    upper = (face.neutral[lips] - mean[lips]).mean(0)
    upper[0] = (face.neutral[[0, 17]] - mean[[0, 17]])[:, 0].mean()
    upper[2] = min(upper[2], float((face.canonical[lips[0]] - mean[lips[0]])[2])) - LIP_CLEARANCE
    moved = face.canonical - face.neutral
    jaw = 0.3 * moved[list(LOWER_LIP_POINTS)].mean(0) + 0.7 * moved[list(JAW_POINTS)].mean(0)
    gap = face.canonical[lips[0], 1] - face.canonical[lips[1], 1]
    jaw[1] = min(jaw[1], 0.0) if gap > 0.02 else 0.0
    jaw[2] = min(jaw[2], 0.0)
    return Jaws(upper, upper + jaw, *_rows_of_teeth(upper[1], upper[1] + jaw[1], face, shown))


def _rows_of_teeth(skull: float, jaw: float, face: FacePlacement, shown: ShownMouth | None) -> tuple[float, float]:
    """How much farther up than the ``skull`` and the ``jaw`` the rows of teeth stand, canonical units."""
    if shown is None:
        return 0.0, 0.0
    above, below = (float(face.canonical[index, 1]) for index in (UPPER_LIP_INNER, LOWER_LIP_INNER))
    upper, lower = UPPER_EDGE + skull, LOWER_EDGE + jaw
    raised = max(above + HIDDEN_EDGE - upper, 0.0) if not shown.upper.any() else 0.0
    raised *= float(np.interp(above - below, TELLING_GAP, (0, 1)))
    if shown.upper_end is not None:
        raised = above + shown.upper_end * (below - above) - upper
    lowered = min(below - HIDDEN_EDGE - lower, 0.0) if not shown.lower.any() else 0.0
    if shown.lower_start is not None:
        lowered = above + shown.lower_start * (below - above) - lower
    upper_teeth, lower_teeth = np.clip([raised, lowered], -MOST_SHIFT, MOST_SHIFT)
    return float(upper_teeth), float(lower_teeth)
