"""Hair on the back of a head goes down to the nape, and below it is skin.

Few of the teacher's photos say where hair ends behind, and what the encoder learned of it is skin from half the head's
height on: bald to the eye. Below the crown the back therefore keeps the colour that it has there; on a bald head that
is skin, too. The neck below lies between hair and clothes, whose dark it would take on.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.maps import smoothstep
from avatar_core.models.encoder.layout import DOME_SHARE, cell_azimuth, rays

HAIRLINE, FEATHER = -0.58, 0.14  # canonical y where hair ends at the nape, a little above the lip line; half its edge
BEHIND = (95.0, 125.0)  # degrees from the face's middle between which that begins, behind the ears
BAND = 0.3  # of the dome's rows: the lowest ones, whose colour goes on
STRONGEST = 0.08  # of a colour that the texture changes: more is no hair but the edge of an ear
SKIN_SHARE, NECK_SHADE = 0.7, 0.65  # how far the neck's colour is the face's, and how bright beside it
SMOOTH = 0.06  # of the columns over which that is a mean, to both sides


def hair_to_nape(
    colour: NDArray[np.float32], texture: NDArray[np.float32], skin: NDArray[np.float32]
) -> NDArray[np.float32]:
    """``colour`` (R, C, 3) of the layout's cells with the crown's colours led down behind, on them the light and shade
    of ``texture`` (R, C, 3), and below them ``skin`` (3,) in the shade."""
    rows, columns = colour.shape[:2]
    dome, reach = int(DOME_SHARE * rows), int(SMOOTH * columns)
    crown = colour[int((1 - BAND) * dome) : dome].mean(0)
    ring = np.concatenate([crown[-reach:], crown, crown[:reach]])[None]
    crown = cv2.blur(ring, (2 * reach + 1, 1), borderType=cv2.BORDER_REPLICATE)[0, reach:-reach]
    level = rays(rows, columns)[0][:, 0, 1]
    above = smoothstep((level - (HAIRLINE - FEATHER)) / (2 * FEATHER)) * (np.arange(rows) >= dome)
    azimuth = np.abs(cell_azimuth(columns))
    behind = smoothstep((azimuth - BEHIND[0]) / (BEHIND[1] - BEHIND[0]))[None, :]
    strands = np.clip(texture.mean(-1, keepdims=True), -STRONGEST, STRONGEST)
    hairy = colour + (above[:, None] * behind)[..., None] * (crown[None] + strands - colour)
    below = (1 - above) * (level < HAIRLINE + FEATHER)
    return np.asarray(
        hairy + (SKIN_SHARE * below[:, None] * behind)[..., None] * (NECK_SHADE * skin - hairy), np.float32
    )
