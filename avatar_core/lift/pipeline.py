"""One photo with detected landmarks -> Gaussians at rest, in one call.

    result = lift(image, landmarks, face_model)

or in two, for who has other work to do beside the second:

    drafted = draft(image, landmarks, face_model)
    drafted.paint()

Everything that `Avatar` holds except features and motion bases, which the motion networks derive from ``u``,
``normal`` and ``part``.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import CANVAS_SIZE, inner_crop, seen_at
from avatar_core.lift.eyes import build_eyes
from avatar_core.lift.facing import facing, mean_front
from avatar_core.lift.layer import Layer, join, to_gaussians
from avatar_core.lift.maps import smoothstep
from avatar_core.lift.matte import Matte
from avatar_core.lift.mouth import build_mouth
from avatar_core.lift.pose import PIVOT
from avatar_core.lift.refine import refine_colours
from avatar_core.lift.relief import Refiner, Relief, build_relief
from avatar_core.lift.skin import build_skin
from avatar_core.lift.torso import body_colour, build_back, build_body, hidden_height, hide_body
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.topology import LANDMARK_COUNT

STILL = 0.05  # share of the expression's motion below which a Gaussian follows the head alone
OPAQUE, OUTLINE_SPAN = 0.9, 5  # coverage within the outline, and twice the pixels that this keeps from it
BORDER_FADE = 40.0  # pixels at the canvas's sides and bottom over which the body fades out

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class LiftResult:
    """A portrait as Gaussians at rest.

    Args:
        rest: (14, N) float32, pre-activation, in the order of `Avatar.rest`; head space.
        u: (N, 3) canonical coordinate on (or round) the mean face.
        normal: (N, 3) outward unit normal to describe each Gaussian by, canonical axes.
        part: (N,) uint8, index into `PART_NAMES`.
        neck_weight, expression_weight: (N,) in [0, 1], see `Avatar`.
        landmarks: (478, 3) head space.
        canonical_to_head: (4, 4) similarity; pivot: (3,) head space.
        background: (512, 512, 3) uint8, the picture behind the person; crop: (512, 512, 3) uint8, what was lifted.
        matte: (512, 512) coverage by the person; valid: (512, 512) bool, where the photo has pixels.
        image_to_crop: (2, 3) photo pixels to crop pixels, pixel centres at .5.
    """

    rest: NDArray[np.float32]
    u: NDArray[np.float32]
    normal: NDArray[np.float32]
    part: NDArray[np.uint8]
    neck_weight: NDArray[np.float32]
    expression_weight: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    canonical_to_head: NDArray[np.float64]
    pivot: NDArray[np.float64]
    background: NDArray[np.uint8]
    crop: NDArray[np.uint8]
    matte: NDArray[np.float32]
    valid: NDArray[np.bool_]
    image_to_crop: NDArray[np.float64]

    def __len__(self) -> int:
        return int(self.rest.shape[1])


@dataclass(frozen=True)
class Draft:
    """A lifted portrait whose colours are as yet those of the photo, softened by the Gaussians' overlap.

    Args:
        result: final but for the colours in ``rest``, and the places of what nothing shows.
        seen: (N,) bool, Gaussians that show the photo in the default view, the person's very outline left out.
        foreground: (512, 512, 3) the person's colours in [0, 1].
    """

    result: LiftResult
    seen: NDArray[np.bool_]
    foreground: NDArray[np.float32]

    def paint(self) -> LiftResult:
        """The portrait with colours, changed in place, whose default view is the photo."""
        refine_colours(self.result.rest, self.seen, self.foreground, self.result.matte)
        return self.result


def lift(
    image: NDArray[np.uint8], landmarks: NDArray[np.floating], face_model: FaceModel, refiner: Refiner | None = None
) -> LiftResult:
    """A portrait as Gaussians, painted; see `draft` for arguments and errors."""
    return draft(image, landmarks, face_model, refiner=refiner).paint()


def draft(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.floating],
    face_model: FaceModel,
    progress: Progress | None = None,
    refiner: Refiner | None = None,
) -> Draft:
    """A portrait's Gaussians, lifted but not yet painted.

    Args:
        image: (H, W, 3) RGB.
        landmarks: (478, 3) MediaPipe landmarks in its pixels: x right, y down, z away in the same unit as x.
        face_model: gives the mean face that coordinates refer to.
        progress: called with a stage's name and the share done, 0..1.
        refiner: corrects the relief and adds what the photo hides; without it geometry alone decides.

    Raises:
        ValueError: image or landmarks have another shape, or the landmarks are not finite.
    """
    _check(image, landmarks)
    report = progress or (lambda stage, share: None)
    relief = build_relief(image, landmarks, face_model, report)
    report("surface", 0.6)
    face, matte, registered = relief.face, relief.matte, relief.registered
    behind = hide_body(matte, face)
    with ThreadPoolExecutor(2) as beside:
        colouring = beside.submit(body_colour, behind, matte, face)
        front = beside.submit(mean_front, face_model.mean)
        refined = None if refiner is None else refiner.refine(relief)
        relief = relief if refined is None else refined.relief
        surfaces, mean = relief.surfaces, face_model.mean
        picture = relief.canvas.image.astype(np.float32) / np.float32(255)
        height = hidden_height(surfaces, behind, face)
        backside = beside.submit(build_back, surfaces, matte, face, behind, height, relief.far_colour)
        hidden = None if refined is None else beside.submit(refined.hidden_layers, backside.result)
        eyes, over_eye = build_eyes(picture, surfaces.head, face, mean)
        mouth = beside.submit(build_mouth, picture, surfaces.head, face, mean)
        body = beside.submit(build_body, surfaces, matte, face, registered, behind, height, colouring.result())
        skin = build_skin(surfaces, matte, picture, over_eye, face, registered, mean)
        far = [backside.result()] if hidden is None else hidden.result()
        report("mouth", 0.85)
        layers = [
            *skin,
            *eyes,
            mouth.result(),
            *body.result(),
            *far,
        ]
    return _drafted(join(layers), relief, front.result())


def _drafted(layer: Layer, relief: Relief, front: NDArray[np.float32]) -> Draft:
    """All samples as Gaussians."""
    canvas, matte, face = relief.canvas, relief.matte, relief.face
    layer = _fade_borders(layer)
    rest, normal = to_gaussians(layer)
    moves = layer.expression_weight.astype(np.float32)
    result = LiftResult(
        rest=rest,
        u=layer.u.astype(np.float32),
        normal=facing(normal @ face.to_head.rotation.astype(np.float32), layer.u, layer.part, front),
        part=layer.part,
        neck_weight=layer.neck_weight.astype(np.float32),
        expression_weight=np.where(moves < STILL, np.float32(0), moves),
        landmarks=face.head.astype(np.float32),
        canonical_to_head=face.to_head.matrix(),
        pivot=face.to_head.apply(PIVOT),
        background=np.round(255 * np.clip(inner_crop(matte.background), 0, 1)).astype(np.uint8),
        crop=np.ascontiguousarray(inner_crop(canvas.image)),
        matte=np.ascontiguousarray(inner_crop(matte.alpha)),
        valid=np.ascontiguousarray(inner_crop(canvas.valid)),
        image_to_crop=canvas.image_to_crop,
    )
    return Draft(result, layer.seen & _off_outline(matte, layer.position), inner_crop(matte.foreground))


def _off_outline(matte: Matte, position: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(N,) which head-space points do not lie on the person's outline: what a colour takes up there, half of it the
    ground's, shows as a line once the outline is seen from the side."""
    inside = cv2.erode((matte.alpha > OPAQUE).astype(np.uint8), np.ones((OUTLINE_SPAN, OUTLINE_SPAN), np.uint8)) > 0
    x, y = np.clip(seen_at(position).astype(int), 0, CANVAS_SIZE - 1).T
    return np.asarray(inside[y, x])


def _check(image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image must be uint8 (H, W, 3), got {image.dtype} {image.shape}")
    if landmarks.shape != (LANDMARK_COUNT, 3):
        raise ValueError(f"landmarks must be ({LANDMARK_COUNT}, 3), got {landmarks.shape}")
    if not np.isfinite(landmarks).all():
        raise ValueError("landmarks hold a value that is not finite")


def _fade_borders(layer: Layer) -> Layer:
    """Lets the person fade out towards the canvas's sides and bottom, so that a moving bust has no cut edge."""
    x, y = seen_at(layer.position).T
    inset = np.minimum(np.minimum(x, CANVAS_SIZE - x), CANVAS_SIZE - y)
    layer.coverage = layer.coverage * smoothstep(inset / np.float32(BORDER_FADE))
    return layer
