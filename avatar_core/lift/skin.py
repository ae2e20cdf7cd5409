"""Face and hair: one Gaussian per pixel of the head; lids and lips are left to `stretch`.

In: `Surfaces`, `Matte`, `FacePlacement`, `Registration`. Out: one `Layer`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import pixel_grid, unproject
from avatar_core.lift.coordinates import Registration, head_part
from avatar_core.lift.fill import push_pull
from avatar_core.lift.layer import Layer, join, surface_steps
from avatar_core.lift.matte import FAINT, Matte
from avatar_core.lift.pose import FacePlacement
from avatar_core.lift.stretch import SkinMaps, lash_layer, rows_per_pixel, split_layer
from avatar_core.lift.surfaces import Surfaces


def build_skin(
    surfaces: Surfaces, matte: Matte, face: FacePlacement, registered: Registration, mean: NDArray[np.floating]
) -> Layer:
    """The head's visible surface; ``mean`` (478, 3) is the mean face."""
    openings = face.eyes.any(0) | face.mouth
    region = (matte.alpha > FAINT) & ~face.body
    maps = _maps(surfaces, matte, face, registered, region | openings)
    rows = rows_per_pixel(face) * region
    plain = region & ~openings & (rows == 0)
    u = maps.u[plain]
    whole = Layer(
        position=maps.points[plain],
        across=maps.across[plain],
        upward=maps.upward[plain],
        colour=maps.colour[plain],
        coverage=matte.alpha[plain],
        u=u,
        part=head_part(u, registered.distance[plain], mean),
        neck_weight=np.ones(len(u), np.float32),
        seen=np.ones(len(u), bool),
    )
    return join([whole, split_layer(maps, rows, face, mean), *lash_layer(maps, face, mean)])


def _maps(
    surfaces: Surfaces, matte: Matte, face: FacePlacement, registered: Registration, mask: NDArray[np.bool_]
) -> SkinMaps:
    x, y = pixel_grid()
    points = unproject(x, y, surfaces.head)
    outside = face.to_head.invert(points).astype(np.float32) + registered.offset
    u = np.where(face.mesh.inside[..., None], registered.u, outside)
    openings = face.eyes.any(0) | face.mouth
    colour = matte.foreground
    if openings.any():
        near = cv2.dilate(openings.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        around = push_pull(colour, (near & ~openings).astype(np.float32))
        colour = np.where(openings[..., None], around, colour)
    across, upward = surface_steps(points, mask)
    return SkinMaps(points, across, upward, colour, u)
