"""Face and hair: one Gaussian per pixel of the head; lids and lips are left to `stretch`.

In: `Surfaces`, `Matte`, `FacePlacement`, `Registration`. Out: `Layer`s.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import pixel_grid, unproject
from avatar_core.lift.coordinates import Registration, head_expression_weight, head_part
from avatar_core.lift.eyes import OverEye
from avatar_core.lift.fill import push_pull
from avatar_core.lift.layer import Layer, surface_steps
from avatar_core.lift.maps import pick
from avatar_core.lift.matte import FAINT, Matte
from avatar_core.lift.pose import FacePlacement
from avatar_core.lift.stretch import SkinMaps, lash_layer, split_layer, stretched_skin, without_lashes
from avatar_core.lift.surfaces import Surfaces

LASH_LIFT = 0.8  # pixels that the lashes lie above the lid
SHADOW_DEPTH = 0.4
"""Pixels that what hangs into the eye's opening lies below the lids: a closing lid slides it behind the lower one."""


def build_skin(
    surfaces: Surfaces,
    matte: Matte,
    picture: NDArray[np.float32],
    over_eye: OverEye,
    face: FacePlacement,
    registered: Registration,
    mean: NDArray[np.floating],
) -> list[Layer]:
    """The head's visible surface.

    Args:
        picture: (S, S, 3) the photo in [0, 1].
        over_eye: lashes and their shadows inside the eyes' openings.
        mean: (478, 3) the mean face.
    """
    openings = face.eyes.any(0) | face.mouth
    region = (matte.alpha > FAINT) & ~face.body
    maps = _maps(surfaces, matte, face, registered, region | openings)
    kind = stretched_skin(face) * region
    plain = np.flatnonzero(region & ~openings & (kind == 0))
    u, distance = pick(maps.u, plain), pick(registered.distance, plain)
    whole = Layer(
        position=pick(maps.points, plain),
        across=pick(maps.across, plain),
        upward=pick(maps.upward, plain),
        colour=pick(maps.colour, plain),
        coverage=pick(matte.alpha * (1 - face.gives_way), plain),
        u=u,
        part=head_part(u, distance, mean),
        neck_weight=np.ones(len(u), np.float32),
        expression_weight=head_expression_weight(distance),
        seen=np.ones(len(u), bool),
    )
    lids, lashes = without_lashes(maps, face)
    lashes &= ~face.eyes.any(0)
    return [
        whole,
        split_layer(maps, lids, kind, face, mean),
        *lash_layer(maps, picture, lashes.astype(np.float32), np.ones_like(over_eye.follow), LASH_LIFT, face, mean),
        *lash_layer(maps, over_eye.colour, over_eye.coverage, over_eye.follow, -SHADOW_DEPTH, face, mean),
    ]


def _maps(
    surfaces: Surfaces, matte: Matte, face: FacePlacement, registered: Registration, mask: NDArray[np.bool_]
) -> SkinMaps:
    x, y = pixel_grid()
    points = unproject(x, y, surfaces.head)
    outside = registered.outside(face.to_head.invert_map(points))
    u = np.where(face.mesh.inside[..., None], registered.u, outside)
    openings = face.eyes.any(0) | face.mouth
    colour = matte.foreground
    if openings.any():
        near = cv2.dilate(openings.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        around = push_pull(colour, (near & ~openings).astype(np.float32))
        colour = np.where(openings[..., None], around, colour)
    across, upward = surface_steps(points, mask)
    return SkinMaps(points, across, upward, colour, u)
