"""Hair on the back of a head goes down to the nape, and below it is the neck.

Few of the teacher's photos say where hair ends behind, and what the encoder learned of it is skin from half the head's
height on: bald to the eye. Below the crown the back of a head with a bare neck therefore keeps the colour that it has
there; on a bald head that is skin, too. The neck below lies between hair and clothes, whose dark it would take on: it
goes on from what the photo shows at the neck's sides, skin or a collar, into the shade.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import pixel_grid, unproject
from avatar_core.lift.far_side import lit_skin
from avatar_core.lift.maps import median_colour, smoothstep
from avatar_core.lift.relief import Relief
from avatar_core.models.encoder.layout import DOME_SHARE, cell_azimuth, locate, rays
from avatar_core.tracking.topology import CHIN

HAIRLINE, FEATHER = -0.58, 0.14  # canonical y where hair ends at the nape, a little above the lip line; half its edge
BEHIND = (95.0, 125.0)  # degrees from the face's middle between which the nape begins, behind the ears
BAND = 0.3  # of the dome's rows: the lowest ones, whose colour goes on
STRONGEST = 0.08  # of a colour that the texture changes: more is no hair but the edge of an ear
SMOOTH = 0.06  # of the columns over which the crown's colour is a mean, to both sides
SKIN_SHARE, NECK_SHADE = 0.7, 0.65  # how far the nape's colour is its sides', and how bright where those are covered
BACK_SHADE = 0.8  # brightness of the neck's back over that of its sides
NECK_FROM, INTO_SHADE = (74.0, 88.0), (80.0, 145.0)
"""Degrees from the face's middle over which the neck sets in, and over which it goes into the shade."""
JAW_CORNER = (-0.78, -0.66)  # canonical y over which neck becomes cheek, before the ears
SIDE_ACROSS, SIDE_LEVEL = (0.2, 0.6), (-1.3, -0.8)  # canonical |x| and y of the neck's sides as a photo shows them
CHEEK_FROM, CHEEK_LEVEL = 0.45, (-0.75, 0.15)  # canonical |x| and y of the cheeks' outer parts
EVEN = 0.03  # of the rows over which skin gives way to a collar
ABOVE, BELOW = 0.7, 1.0  # inter-ocular distances above and below the chin where the neck may be in the picture
FEWEST_PIXELS = 60
OPAQUE = 0.95


class NeckSides(NamedTuple):
    """What a photo shows beside the neck.

    Args:
        colour: (2, R, 3) on the sides of canonical -x and +x, for each of the layout's rows.
        bare: 1 where it shows skin there, else 0.
    """

    colour: NDArray[np.float32]
    bare: tuple[float, float]


def neck_sides(relief: Relief, rows: int) -> NeckSides:
    """The neck's sides. What hair or clothes cover altogether has the cheek's colour in the shade; what they cover on
    some of the ``rows`` has theirs there."""
    face, colours = relief.face, relief.matte.foreground
    cheeks = _cheeks(relief)
    chin = int(face.landmarks[CHIN, 1])
    part = slice(max(chin - int(ABOVE * face.eye_distance), 0), max(chin + int(BELOW * face.eye_distance), 0))
    opaque = face.body[part] & (relief.matte.alpha[part] > OPAQUE) & relief.canvas.valid[part]
    x, y, height, shown = (values[part][opaque] for values in (*pixel_grid(), relief.surfaces.body, colours))
    lit = lit_skin(colours, face.mesh.inside, part)[opaque]
    place = face.to_head.invert(unproject(x, y, height))
    row = locate(place, rows)[:, 0].astype(int)
    level = (place[:, 1] > SIDE_LEVEL[0]) & (place[:, 1] < SIDE_LEVEL[1])
    sides, bare = np.empty((2, rows, 3), np.float32), [0.0, 0.0]
    for side, sign in enumerate((-1, 1)):
        across = sign * place[:, 0]
        beside = (across > SIDE_ACROSS[0]) & (across < SIDE_ACROSS[1]) & (row < rows)
        own, colour = beside & lit & level, NECK_SHADE * cheeks[side]
        if own.sum() >= FEWEST_PIXELS:
            colour, bare[side] = median_colour(shown[own]), 1.0
        sides[side] = _dressed(colour, shown[beside], lit[beside], row[beside], rows)
    return NeckSides(sides, (bare[0], bare[1]))


def _cheeks(relief: Relief) -> NDArray[np.float32]:
    """Colours (2, 3) of the cheeks' outer parts, canonical -x and +x, none of them brighter than the face: the neck
    below has their light."""
    face = relief.face
    inner = relief.matte.foreground[face.mesh.inside]
    skin = median_colour(inner)
    x, y = pixel_grid()
    place = face.to_head.invert(unproject(*(values[face.mesh.inside] for values in (x, y, relief.surfaces.head))))
    low = (place[:, 1] > CHEEK_LEVEL[0]) & (place[:, 1] < CHEEK_LEVEL[1])
    result = np.stack([skin, skin])
    for side, sign in enumerate((-1, 1)):
        own = low & (sign * place[:, 0] > CHEEK_FROM)
        if own.sum() >= FEWEST_PIXELS:
            cheek = median_colour(inner[own])
            result[side] = cheek * min(1.0, float(skin.sum() / max(cheek.sum(), 1e-3)))
    return result


def _dressed(
    skin: NDArray[np.float32], shown: NDArray[np.float32], lit: NDArray[np.bool_], row: NDArray[np.int64], rows: int
) -> NDArray[np.float32]:
    """(R, 3) ``skin`` (3,) where pixels (N, 3) of each ``row`` (N,) are ``lit`` skin (N,), and the colour of the others
    where they are not. Rows without pixels are like the nearest above them, and skin where there is none."""
    counts = np.zeros((rows, 1, 5), np.float32)  # of all pixels, of those that are no skin, and the latter's colours
    np.add.at(counts[:, 0], row, np.column_stack([np.ones(len(row)), ~lit, shown * ~lit[:, None]]).astype(np.float32))
    size = (1, 2 * int(EVEN * rows) + 1)
    counts = np.asarray(cv2.blur(counts, size, borderType=cv2.BORDER_CONSTANT), np.float32).reshape(rows, 5)
    known = np.flatnonzero(counts[:, 0] > 0)
    if not len(known):
        return np.broadcast_to(skin, (rows, 3))
    like = counts[known[np.clip(np.searchsorted(known, np.arange(rows), side="right") - 1, 0, None)]]
    covered = (like[:, 1] / like[:, 0] * (np.arange(rows) >= known[0]))[:, None]
    return np.asarray(skin + covered * (like[:, 2:] / np.maximum(like[:, 1:2], 1e-6) - skin), np.float32)


def hair_to_nape(
    colour: NDArray[np.float32], texture: NDArray[np.float32], sides: NeckSides, back: NDArray[np.float32]
) -> NDArray[np.float32]:
    """``colour`` (R, C, 3) of the layout's cells with the crown's colours led down the ``back`` (C,) of the head, on
    them the light and shade of ``texture`` (R, C, 3), and below them the neck, as far as it is bare: what covers it at
    the ``sides`` covers it behind."""
    rows, columns = colour.shape[:2]
    dome, reach = int(DOME_SHARE * rows), int(SMOOTH * columns)
    crown = colour[int((1 - BAND) * dome) : dome].mean(0)
    ring = np.concatenate([crown[-reach:], crown, crown[:reach]])[None]
    crown = cv2.blur(ring, (2 * reach + 1, 1), borderType=cv2.BORDER_REPLICATE)[0, reach:-reach]
    level = rays(rows, 1)[0][:, 0, 1]
    above = above_nape(rows) * (np.arange(rows) >= dome)
    azimuth = np.abs(cell_azimuth(columns))
    strands = np.clip(texture.mean(-1, keepdims=True), -STRONGEST, STRONGEST)
    hairy = colour + (above[:, None] * back)[..., None] * (crown[None] + strands - colour)
    below = (1 - above) * (level < HAIRLINE + FEATHER)
    behind = smoothstep((azimuth - BEHIND[0]) / (BEHIND[1] - BEHIND[0]))[None, :]
    beside = smoothstep((JAW_CORNER[1] - level) / (JAW_CORNER[1] - JAW_CORNER[0]))[:, None]
    beside = beside * smoothstep((azimuth - NECK_FROM[0]) / (NECK_FROM[1] - NECK_FROM[0]))[None, :]
    shade = 1 - (1 - BACK_SHADE) * smoothstep((azimuth - INTO_SHADE[0]) / (INTO_SHADE[1] - INTO_SHADE[0]))
    across = left_to_right(columns)[None, :, None]
    neck = (sides.colour[0][:, None] * (1 - across) + sides.colour[1][:, None] * across) * shade[None, :, None]
    share = below[:, None] * bare_round(sides.bare, columns) * np.maximum(SKIN_SHARE * behind, beside)
    return np.asarray(hairy + share[..., None] * (neck - hairy), np.float32)


def above_nape(rows: int) -> NDArray[np.float64]:
    """(R,) 1 above the line where short hair ends behind, 0 below it."""
    level = rays(rows, 1)[0][:, 0, 1]
    return np.asarray(smoothstep((level - (HAIRLINE - FEATHER)) / (2 * FEATHER)), np.float64)


def bare_round(bare: tuple[float, float], columns: int) -> NDArray[np.float64]:
    """(C,) how far the neck is bare, from its sides of canonical -x and +x led round it."""
    return np.asarray(bare[0] + (bare[1] - bare[0]) * left_to_right(columns), np.float64)


def left_to_right(columns: int) -> NDArray[np.float64]:
    """(C,) 0 at the side of canonical -x, 1 at that of +x, smooth round front and back."""
    return np.asarray(0.5 + 0.5 * np.sin(np.radians(cell_azimuth(columns))), np.float64)
