"""Hair on the back of a head goes down to the nape, and below it is skin.

Few of the teacher's photos say where hair ends behind, and what the encoder learned of it is skin from half the head's
height on: bald to the eye. Below the crown the back therefore keeps the colour that it has there; on a bald head that
is skin, too. The neck below lies between hair and clothes, whose dark it would take on: it goes on from the colours of
the neck's sides in the photo into the shade.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import pixel_grid, unproject
from avatar_core.lift.far_side import lit_skin
from avatar_core.lift.maps import median_colour, smoothstep
from avatar_core.lift.relief import Relief
from avatar_core.models.encoder.layout import DOME_SHARE, cell_azimuth, rays
from avatar_core.tracking.topology import CHIN

HAIRLINE, FEATHER = -0.58, 0.14  # canonical y where hair ends at the nape, a little above the lip line; half its edge
BEHIND = (95.0, 125.0)  # degrees from the face's middle between which that begins, behind the ears
BAND = 0.3  # of the dome's rows: the lowest ones, whose colour goes on
STRONGEST = 0.08  # of a colour that the texture changes: more is no hair but the edge of an ear
SKIN_SHARE, NECK_SHADE = 0.7, 0.65  # how far the neck's colour is the face's, and how bright beside it
SMOOTH = 0.06  # of the columns over which that is a mean, to both sides
NECK_FROM, INTO_SHADE = (74.0, 88.0), (80.0, 145.0)
"""Degrees from the face's middle over which the neck sets in, and over which its side's colour gives way to shade."""
JAW_CORNER = (-0.78, -0.66)  # canonical y over which neck becomes cheek, before the ears
SIDE_ACROSS, SIDE_LEVEL = (0.2, 0.6), (-1.3, -0.8)  # canonical |x| and y of the neck's sides as a photo shows them
ABOVE, BELOW = 0.7, 1.0  # inter-ocular distances above and below the chin where that may be in the picture
FEWEST_PIXELS = 60
OPAQUE = 0.95


def neck_sides(relief: Relief, skin: NDArray[np.float32]) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Colours (2, 3) of the neck's sides, canonical -x and +x, and 1 where the photo shows skin there, else 0: where
    hair or clothes cover it the colour is ``skin`` (3,), the face's, in the shade."""
    face, colours = relief.face, relief.matte.foreground
    result, bare_sides = np.stack([NECK_SHADE * skin] * 2).astype(np.float32), [0.0, 0.0]
    chin = int(face.landmarks[CHIN, 1])
    rows = slice(max(chin - int(ABOVE * face.eye_distance), 0), max(chin + int(BELOW * face.eye_distance), 0))
    bare = face.body[rows] & (relief.matte.alpha[rows] > OPAQUE) & relief.canvas.valid[rows]
    chosen = np.flatnonzero(bare & lit_skin(colours, face.mesh.inside, rows))
    maps = (*pixel_grid(), relief.surfaces.body, colours)
    x, y, height, shown = (values[rows].reshape(-1, *values.shape[2:])[chosen] for values in maps)
    place = face.to_head.invert(unproject(x, y, height))
    level = (place[:, 1] > SIDE_LEVEL[0]) & (place[:, 1] < SIDE_LEVEL[1])
    for side, sign in enumerate((-1, 1)):
        across = sign * place[:, 0]
        own = level & (across > SIDE_ACROSS[0]) & (across < SIDE_ACROSS[1])
        if own.sum() >= FEWEST_PIXELS:
            result[side], bare_sides[side] = median_colour(shown[own]), 1.0
    return result, (bare_sides[0], bare_sides[1])


def hair_to_nape(
    colour: NDArray[np.float32], texture: NDArray[np.float32], skin: NDArray[np.float32], sides: NDArray[np.float32],
    bare: tuple[float, float] = (1.0, 1.0),
) -> NDArray[np.float32]:  # fmt: skip
    """``colour`` (R, C, 3) of the layout's cells with the crown's colours led down behind, on them the light and shade
    of ``texture`` (R, C, 3), and below them from the neck's ``sides`` (2, 3) on ``skin`` (3,) in the shade, as far as
    the neck is ``bare`` on the sides of -x and +x: what covers it there covers it behind."""
    rows, columns = colour.shape[:2]
    dome, reach = int(DOME_SHARE * rows), int(SMOOTH * columns)
    crown = colour[int((1 - BAND) * dome) : dome].mean(0)
    ring = np.concatenate([crown[-reach:], crown, crown[:reach]])[None]
    crown = cv2.blur(ring, (2 * reach + 1, 1), borderType=cv2.BORDER_REPLICATE)[0, reach:-reach]
    level = rays(rows, 1)[0][:, 0, 1]
    above = above_nape(rows) * (np.arange(rows) >= dome)
    azimuth = np.abs(cell_azimuth(columns))
    behind = smoothstep((azimuth - BEHIND[0]) / (BEHIND[1] - BEHIND[0]))[None, :]
    strands = np.clip(texture.mean(-1, keepdims=True), -STRONGEST, STRONGEST)
    hairy = colour + (above[:, None] * behind)[..., None] * (crown[None] + strands - colour)
    below = (1 - above) * (level < HAIRLINE + FEATHER)
    beside = smoothstep((JAW_CORNER[1] - level) / (JAW_CORNER[1] - JAW_CORNER[0]))[:, None]
    beside = beside * smoothstep((azimuth - NECK_FROM[0]) / (NECK_FROM[1] - NECK_FROM[0]))[None, :]
    shaded = smoothstep((azimuth - INTO_SHADE[0]) / (INTO_SHADE[1] - INTO_SHADE[0]))[:, None]
    side = sides[(cell_azimuth(columns) > 0).astype(int)]
    neck = side + shaded * (NECK_SHADE * skin - side)
    share = below[:, None] * bare_round(bare, columns) * np.maximum(SKIN_SHARE * behind, beside)
    return np.asarray(hairy + share[..., None] * (neck[None] - hairy), np.float32)


def above_nape(rows: int) -> NDArray[np.float64]:
    """(R,) 1 above the line where short hair ends behind, 0 below it."""
    level = rays(rows, 1)[0][:, 0, 1]
    return np.asarray(smoothstep((level - (HAIRLINE - FEATHER)) / (2 * FEATHER)), np.float64)


def bare_round(bare: tuple[float, float], columns: int) -> NDArray[np.float64]:
    """(C,) how far the neck is bare, from its sides of canonical -x and +x led round it."""
    left_to_right = 0.5 + 0.5 * np.sin(np.radians(cell_azimuth(columns)))
    return np.asarray(bare[0] + (bare[1] - bare[0]) * left_to_right, np.float64)
