"""Canonical coordinates, part labels and neck weights of pixels: what the motion networks and the pose need to know.

In: head-space points of a canvas map and `FacePlacement`. Out: maps or rows of u, part, neck weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_core.avatar import PART_NAMES
from avatar_core.lift.fill import nearest, push_pull
from avatar_core.lift.maps import distance_from, smoothstep
from avatar_core.lift.pose import FacePlacement
from avatar_core.models.anatomy import skin_part
from avatar_core.rendering.jit import kernel

LOWER_FACE, HAIR, BODY = (PART_NAMES.index(name) for name in ("lower_face", "hair", "body"))

OUTLINE_CONTACT = 0.07  # inter-ocular distances round the mesh that move as its outline does
OUTLINE_REACH = 0.6  # inter-ocular distances over which the outline's registration is carried outwards
HAIR_DISTANCE = 0.45  # from the face mesh: beyond it skin is no longer moved by the face
CROWN = 0.85  # canonical y of the hair line at the latest
NECK_LOW, NECK_HIGH = -1.95, -1.0
"""Canonical y where the neck stops following the head, and where it follows it fully."""
SHOULDER_START, SHOULDER_SLOPE = 0.6, 0.5
"""Beyond this |x| the neck turns into shoulders, which count as lower by this slope."""
HAIR_FADE = 0.4  # beyond HAIR_DISTANCE, over which the face's motion dies away
JAW_CONTACT, JAW_FADE = 0.1, 0.2  # from the face mesh: skin that moves with the jaw, and where that ends
THROAT_WIDTH, THROAT_LOW, THROAT_FADE = 0.75, -1.9, 0.4
"""|x| and y of the skin below the chin that the jaw pulls along, and how gradually that begins inside of them."""


@dataclass(frozen=True)
class Registration:
    """How pixels map to the mean face.

    Args:
        u: (S, S, 3) exact inside the mesh; outside it that of the nearest point of the outline.
        offset: (S, S, 3) from canonical position to u outside the mesh, fading away.
        distance: (S, S) to the mesh in inter-ocular distances, 0 inside.
    """

    u: NDArray[np.float32]
    offset: NDArray[np.float32]
    distance: NDArray[np.float32]

    def outside(self, canonical: NDArray[np.float32]) -> NDArray[np.float32]:
        """u (S, S, 3) of the canonical positions (S, S, 3) of all pixels; next to the mesh it leans on the outline, so
        that skin beside the jaw moves with it instead of tearing off."""
        return lean(canonical, self.offset, self.u, self.distance)


@kernel()
def lean(canonical, offset, u, distance):
    result = np.empty_like(canonical)
    for y in range(distance.shape[0]):
        for x in range(distance.shape[1]):
            away = distance[y, x] * np.float32(1 / OUTLINE_CONTACT)
            share = np.exp(-away * away) if away < np.float32(10) else np.float32(0)
            for channel in range(3):
                free = canonical[y, x, channel] + offset[y, x, channel]
                result[y, x, channel] = free + share * (u[y, x, channel] - free)
    return result


def register(face: FacePlacement, mean: NDArray[np.floating]) -> Registration:
    """Where every pixel lies on the mean face (478, 3): exact inside the mesh, a smooth continuation outside."""
    inside = face.mesh.inside
    u = face.mesh.interpolate(mean)
    residual = u - face.mesh.interpolate(face.canonical)
    offset = push_pull(residual, inside.astype(np.float32))
    distance = distance_from(inside) / np.float32(face.eye_distance)
    offset *= np.exp(-((distance / np.float32(OUTLINE_REACH)) ** 2))[..., None]
    return Registration(nearest(u, inside), offset, distance)


def head_part(u: NDArray[np.floating], distance: NDArray[np.floating], mean: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Labels (N,) of head samples: skin near the face, hair away from it."""
    hair = (distance > HAIR_DISTANCE) | (u[:, 1] > CROWN)
    return np.where(hair, HAIR, skin_part(u, mean)).astype(np.uint8)


def head_expression_weight(distance: NDArray[np.floating]) -> NDArray[np.float32]:
    """Share (N,) of the expression's motion that head samples at ``distance`` (N,) from the face mesh follow."""
    return 1 - smoothstep((distance - HAIR_DISTANCE) / HAIR_FADE)


def body_expression_weight(u: NDArray[np.floating], distance: NDArray[np.floating]) -> NDArray[np.float32]:
    """Share (N,) of the expression's motion that samples below the jaw follow: the throat and what touches the jaw
    move with it, clothes do not.

    Args:
        u: (N, 3) canonical coordinate; distance: (N,) to the face mesh, inter-ocular distances.
    """
    throat = smoothstep((THROAT_WIDTH - np.abs(u[:, 0])) / THROAT_FADE)
    throat = throat * smoothstep((u[:, 1] - THROAT_LOW) / THROAT_FADE)
    return np.maximum(throat, 1 - smoothstep((distance - JAW_CONTACT) / JAW_FADE))


def body_part(expression_weight: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Labels (N,) of samples below the jaw, from how much they move with the expression."""
    return np.where(expression_weight > 0, LOWER_FACE, BODY).astype(np.uint8)


def neck_weight(canonical: NDArray[np.floating]) -> NDArray[np.float32]:
    """Share (...,) of the head's rotation that canonical points (..., 3) follow: falls smoothly down the neck."""
    sideways = np.maximum(np.abs(canonical[..., 0]) - SHOULDER_START, 0)
    level = canonical[..., 1] - SHOULDER_SLOPE * sideways
    return smoothstep((level - NECK_LOW) / (NECK_HIGH - NECK_LOW))
