"""Where the photo's hair ends and the template's begins, light and colour go on without a seam.

In: the template's colours on the layout, `ShownHair`. Out: those colours, changed by what the photo's hair beside them
is brighter or darker, less the farther they are from it: the smooth membrane of seamless cloning (Perez et al. 2003,
"Poisson Image Editing", 3), on the logarithm, so that shading stays.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.fill import push_pull
from avatar_core.lift.maps import distance_from
from avatar_core.models.encoder.hair_texture import ShownHair, means_round_about
from avatar_core.models.encoder.nape import above_nape, bare_round

COARSE = 0.04  # of the rows: both are compared by their means over so much to every side
REACH = 0.4  # of the rows over which the photo's light fades out
DARKEST = 0.02  # of a colour: what is darker says nothing of a ratio
LARGEST_CHANGE = 1.2  # of a colour's logarithm


def without_seam(colour: NDArray[np.float32], hair: ShownHair, bare: tuple[float, float]) -> NDArray[np.float32]:
    """``colour`` (R, C, 3) of the layout's cells, led over from that of the photo's ``hair``.

    Args:
        bare: how far nothing hangs beside the neck, on the sides of canonical -x and +x; skin there stays as it is.
    """
    rows, columns = hair.known.shape
    beyond = columns // 4
    own, shown = (np.pad(values, ((0, 0), (beyond, beyond), (0, 0)), mode="wrap") for values in (colour, hair.colour))
    known = np.pad(hair.known, ((0, 0), (beyond, beyond)), mode="wrap")
    light, own_light = (np.maximum(means_round_about(each, known, COARSE), DARKEST) for each in (shown, own))
    ratio = np.log(light / own_light).clip(-LARGEST_CHANGE, LARGEST_CHANGE)
    sure = np.asarray(cv2.erode(known, np.ones((3, 3), np.uint8)), np.float32)
    if not sure.any():
        return colour
    change = push_pull(ratio, sure)[:, beyond:-beyond]
    away = distance_from(sure > 0)[:, beyond:-beyond]
    hairy = 1 - (1 - above_nape(rows))[:, None] * bare_round(bare, columns)
    share = hairy * np.exp(-((away / (REACH * rows)) ** 2))
    return np.asarray(colour * np.exp(share[..., None] * change), np.float32)
