"""One photo and its fit -> `TeacherAvatar`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_core.tracking.topology import INNER_LIPS, LEFT_EYE_RING, LEFT_IRIS, RIGHT_EYE_RING, RIGHT_IRIS
from avatar_core.training.teacher.avatar import TeacherAvatar
from avatar_core.training.teacher.colours import colour_skin
from avatar_core.training.teacher.eyes import colour_eyes
from avatar_core.training.teacher.fit import TeacherFit, check_landmarks, gaze_of
from avatar_core.training.teacher.hair import thicken
from avatar_core.training.teacher.lids import closing, keep_off_eyeballs, lid_colours
from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher.mouth import colour_mouth, lower_teeth
from avatar_core.training.teacher.relief import build_relief
from avatar_core.training.teacher.view import View, continued_colours
from avatar_core.training.teacher_geometry import EYE_SOCKETS, GUMS_AND_TONGUE, LOWER_TEETH, MOUTH_SOCKET, SKIN

TRUSTED, UNTRUSTED_SHARE = 0.3, 0.35
"""Landmarks below this trust correct the surface by this share of their residual only."""
LARGEST_CORRECTION = 0.5  # cm
INTERIOR_SHARE = 0.6  # of the lips' correction that gums and teeth follow


def build_teacher_avatar(
    model: TeacherModel, fit: TeacherFit, image: NDArray[np.uint8], matte: NDArray[np.float32],
    landmarks: NDArray[np.floating], intrinsics: NDArray[np.floating], valid: NDArray[np.bool_] | None = None,
) -> TeacherAvatar:  # fmt: skip
    """Geometry corrected by the landmarks' residual, hair, colours, lids, eyes, mouth and clothes of one portrait.

    Args:
        fit: of `fit_portrait` for the same ``landmarks`` and ``intrinsics``.
        image: (H, W, 3) uint8 RGB; matte: (H, W) coverage by the person in [0, 1].
        landmarks: (478, 3) in the image's pixels, centres at .5; intrinsics: (3, 3) pixels.
        valid: (H, W) bool, where the photo has pixels; hair that its edge cuts is then completed. None: everywhere.

    Raises:
        ValueError: a shape does not fit or a landmark is not finite.
    """
    check_landmarks(landmarks, intrinsics)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or matte.shape != image.shape[:2]:
        raise ValueError(f"image must be uint8 (H, W, 3) and matte (H, W), got {image.shape} and {matte.shape}")
    view = View(fit.rotation, fit.translation, np.asarray(intrinsics, np.float64), *image.shape[:2])
    picture = continued_colours(image, matte)
    base, eye_centres = _corrected(model, fit, view)
    gaze = np.array(
        [
            gaze_of(
                landmarks[iris, :2], eye_centres[eye], model.eye_radius, fit.rotation, fit.translation, view.intrinsics
            )
            for eye, iris in enumerate((RIGHT_IRIS, LEFT_IRIS))
        ]
    )
    expressed = np.tensordot(fit.activations.astype(np.float32), model.expression, 1)
    hair = thicken(model, base + expressed, matte, view, valid)
    base[SKIN] += hair
    source = base + expressed
    keep_off_eyeballs(model, source, eye_centres)
    skin = colour_skin(model, source, view, picture, matte)
    return TeacherAvatar(
        model=model,
        fit=fit,
        base=base,
        hair=hair,
        eye_centres=eye_centres,
        lid_closing=closing(model, base),
        skin_colour=skin.colour,
        seen=skin.seen,
        under_colour=skin.vertex,
        mouth_colour=colour_mouth(model, source, view, picture, landmarks, skin.level),
        eye_colour=colour_eyes(picture, landmarks, eye_centres, model.eye_radius, gaze, view, skin.level),
        lids=lid_colours(model, skin),
        relief=build_relief(model, source, view, picture, matte, landmarks),
        source_gaze=gaze,
        camera=view.camera(),
    )


def _corrected(model: TeacherModel, fit: TeacherFit, view: View) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Vertices (V, 3) at zero activations and eye centres (2, 3), moved in the camera's plane by the residual."""
    depth = view.project(model.basis.points(fit.identity, fit.activations))[1]
    move = np.zeros((len(depth), 3))
    move[:, :2] = fit.residual * (depth / view.intrinsics[0, 0])[:, None]
    move = move @ view.rotation * np.where(model.basis.trust > TRUSTED, 1.0, UNTRUSTED_SHARE)[:, None]
    move *= np.minimum(1, LARGEST_CORRECTION / np.maximum(np.linalg.norm(move, axis=1, keepdims=True), 1e-9))
    base = model.shape(fit.identity)
    base[SKIN] += model.spline @ move.astype(np.float32)
    lids = np.stack([move[list(ring)].mean(0) for ring in (RIGHT_EYE_RING, LEFT_EYE_RING)])
    lips = move[list(INNER_LIPS)].mean(0)
    base[MOUTH_SOCKET] += lips
    base[GUMS_AND_TONGUE.start : LOWER_TEETH.stop] += INTERIOR_SHARE * lips
    base[EYE_SOCKETS] += np.where(model.neutral[EYE_SOCKETS, :1] < 0, lids[0], lids[1])
    lower_teeth(base)
    return base, model.eyes_of(fit.identity) + lids
