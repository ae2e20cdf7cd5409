"""The maps between a photo and its Gaussians, and who may correct them.

In: photo and landmarks. Out: `Relief`: the canvas with its matte, the placed face, height maps and registration. A
`Refiner` (the learned encoder) returns a better `Relief` and sheets of what the photo hides; without one the lift is
pure geometry.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import Canvas, cut_canvas
from avatar_core.lift.coordinates import Registration, register
from avatar_core.lift.far_side import far_side_colour
from avatar_core.lift.head_or_body import settle_body
from avatar_core.lift.layer import Layer
from avatar_core.lift.matte import Matte, coverage, person_colours, picture_behind, segment, skin_colour
from avatar_core.lift.pose import FacePlacement, place_face
from avatar_core.lift.spill import without_spill
from avatar_core.lift.surfaces import Surfaces, build_surfaces
from avatar_core.tracking.face_model import FaceModel


@dataclass(frozen=True)
class Relief:
    """A portrait before its surfaces are cut into samples; maps are those of the canvas, ``far_colour`` (S, S, 3) the
    colours of the far side."""

    canvas: Canvas
    matte: Matte
    face: FacePlacement
    surfaces: Surfaces
    registered: Registration
    far_colour: NDArray[np.float32]


@dataclass(frozen=True)
class Refinement:
    """What a refiner gives back.

    Args:
        relief: the corrected relief.
        hidden_layers: the sheets of what the photo hides; given what waits for the lift's far side, which is among
            them as far as nothing better stands for it. May run beside other work.
    """

    relief: Relief
    hidden_layers: Callable[[Callable[[], Layer]], list[Layer]]


class Refiner(Protocol):
    """Improves the lift."""

    def refine(self, relief: Relief) -> Refinement:
        """The better relief of a photo and what it hides."""


def build_relief(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.floating],
    face_model: FaceModel,
    report: Callable[[str, float], None],
) -> Relief:
    """Crop, matte and heights of a photo (H, W, 3) with landmarks (478, 3) in its pixels, made by three threads."""
    report("crop", 0.0)
    canvas = cut_canvas(image, landmarks)
    with ThreadPoolExecutor(2) as beside:
        probability = beside.submit(segment, canvas.image)
        face = place_face(canvas, face_model)
        inside = face.mesh.inside
        registering = beside.submit(register, face, face_model.mean)
        report("matte", 0.15)
        alpha = coverage(canvas, inside, face.body, probability.result())
        face = settle_body(face, alpha)
        continuing = beside.submit(picture_behind, canvas, alpha)
        raising = beside.submit(build_surfaces, alpha, face)
        colours = person_colours(canvas, alpha, inside)
        skin, behind = skin_colour(colours, inside), continuing.result()
        foreground = without_spill(colours, alpha, canvas.valid, behind, skin, face.eye_distance)
        report("relief", 0.4)
        registered = registering.result()
        far_colour = far_side_colour(alpha, foreground, face, registered)
        return Relief(canvas, Matte(alpha, foreground, behind), face, raising.result(), registered, far_colour)
