"""Colours of what the photo hides: the network's, in the photo's own tones, led on from what it shows.

In: `Prediction`, the template's points, `Guide`, `Relief`. Out: colours on the layout.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.lift.relief import Relief
from avatar_core.models.encoder.appearance import blend_sources, finer, sample
from avatar_core.models.encoder.extent import bare_back
from avatar_core.models.encoder.guide import Guide
from avatar_core.models.encoder.hair_pixels import hair_pixels
from avatar_core.models.encoder.hair_texture import hair_texture, shown_hair
from avatar_core.models.encoder.layout import PRESENT, ROWS, rays
from avatar_core.models.encoder.led_round import led_round
from avatar_core.models.encoder.nape import hair_to_nape, neck_sides
from avatar_core.models.encoder.network import Prediction
from avatar_core.models.encoder.projection import canvas_position
from avatar_core.models.encoder.seam import without_seam

LARGEST_GAIN = 6.0  # of a colour
LED_SHARE = 0.75
"""How far what is hidden before the back of the head has the colours that the photo's hair leads on to, else the
network's: their errors differ, so that together they are nearer than either. Neck and far cheek come after it."""
NEARBY = 8  # of the layout's rows and columns that count as round about


def hidden_colours(
    prediction: Prediction, points: Tensor, present: Tensor, guide: Guide, relief: Relief,
    sides: tuple[float, float],
) -> NDArray[np.float32]:  # fmt: skip
    """Colours (R, C, 3) of the layout's cells at canonical ``points`` (R, C, 3), which the photo does not show
    where they are ``present`` (R, C): between what the network expects and what the hair beside them leads on to.

    Args:
        sides: how far nothing hangs beside the neck, on the sides of canonical -x and +x.
    """
    rows, columns = present.shape
    fine = rows // ROWS
    direction = torch.from_numpy(rays(rows, columns)[1]).float()
    similarity = torch.from_numpy(guide.canonical_to_head).float()[None]
    front, back, coverage = (
        torch.from_numpy(np.ascontiguousarray(np.moveaxis(values, -1, 0)))[None]
        for values in (guide.front, guide.back, guide.coverage[..., None])
    )
    base = finer(prediction.colour[0].movedim(-1, 0), fine).movedim(0, -1)[None]
    rim = sample(back, canvas_position(points[None], similarity))
    pixels = hair_pixels(relief)
    hair = shown_hair(pixels, rows, columns)
    texture = hair_texture(hair)
    base = _in_the_photos_colours(base, present, rim) + torch.from_numpy(texture)
    gates = finer(prediction.gates[0].movedim(-1, 0), fine).movedim(0, -1)[None]
    expected = blend_sources(points[None], direction, similarity, front, back, coverage, base, gates)[0].numpy()
    behind = bare_back(sides, columns)
    led = led_round(pixels, points.numpy())
    if led is not None:
        smooth = finer(torch.from_numpy(led).movedim(-1, 0), rows // len(led)).movedim(0, -1).numpy()
        expected += (LED_SHARE * (1 - behind))[None, :, None] * (smooth + texture - expected)
    neck = neck_sides(relief, rows)
    return without_seam(hair_to_nape(expected, texture, neck, behind), hair, neck.bare)


def _in_the_photos_colours(base: Tensor, present: Tensor, rim: Tensor) -> Tensor:
    """The decoder's colours (1, R, C, 3), scaled so that everywhere their mean round about is that of the person's rim:
    the decoder knows where hair ends and how it is shaded, the photo knows the colours.

    Args:
        rim: (1, R, C, 3) what the lift's far side has at the same places.
    """
    cells = (present > PRESENT).float()
    own, made = (_round_about(values[0].movedim(-1, 0).clamp(min=0), cells) for values in (rim, base))
    gain = (own / made.clamp(min=0.02)).clamp(1 / LARGEST_GAIN, LARGEST_GAIN)
    return base * gain.movedim(0, -1)


def _round_about(values: Tensor, cells: Tensor) -> Tensor:
    """Means (K, R, C) of ``values`` over the ``cells`` (R, C) near each place, closed round the head."""
    rows, columns = cells.shape
    up, side = rows // NEARBY, columns // NEARBY
    weighted = torch.cat([values * cells, cells[None]])
    ring = functional.pad(weighted[None], (side, side, 0, 0), mode="circular")[0].movedim(0, -1)
    size = (2 * side + 1, 2 * up + 1)
    means = cv2.blur(np.ascontiguousarray(ring.numpy()), size, borderType=cv2.BORDER_CONSTANT)[:, side:-side]
    return torch.from_numpy(means[..., :-1] / np.maximum(means[..., -1:], 1e-6)).movedim(-1, 0)
