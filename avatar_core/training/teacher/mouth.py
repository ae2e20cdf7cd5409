"""Colours of teeth, gums, tongue and cavity: darker with depth, taken from the photo where it shows them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.tracking.topology import (
    INNER_LIPS,
    LEFT_EYE_OUTER,
    LOWER_LIP_INNER,
    RIGHT_EYE_OUTER,
    UPPER_LIP_INNER,
)
from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher.regions import step
from avatar_core.training.teacher.view import View, nearest_depth, sample
from avatar_core.training.teacher_geometry import EYE_SOCKETS, LOWER_TEETH, UPPER_TEETH

TOOTH, CAVITY, GUM, TONGUE = (
    np.array(rgb) / 255 for rgb in ((226, 211, 187), (90, 36, 36), (150, 76, 74), (170, 84, 82))
)
LOWER_TEETH_SHADE = 0.72
UPPER_DROP, LOWER_DROP = 0.18, 0.25
"""Centimetres by which the model's teeth sit too high behind the lips."""
SHOWN_GAP = 0.06  # open lips, share of the eye distance, above which the photo's own interior is used
VISIBLE_DEPTH = 0.12  # cm


def lower_teeth(base: NDArray[np.float32]) -> None:
    """Move both rows of teeth of ``base`` (V, 3) to where they belong, in place."""
    base[UPPER_TEETH, 1] -= UPPER_DROP
    base[LOWER_TEETH, 1] -= LOWER_DROP


def colour_mouth(
    model: TeacherModel, source: NDArray[np.floating], view: View, picture: NDArray[np.float32],
    landmarks: NDArray[np.floating], level: float,
) -> NDArray[np.float32]:  # fmt: skip
    """(m, 3) colours in [0, 1] of the mouth samples; ``source`` (V, 3) as in the photo, ``level`` of the face."""
    samples = model.mouth
    depth = samples.position[:, 2]
    sideways = 0.62 + 0.38 * np.clip(np.abs(samples.normal[:, 2]), 0, 1)
    tongue = samples.tongue[:, None]
    tissue = tongue * TONGUE + (1 - tongue) * GUM
    tissue_shade = samples.tongue * (0.10 + 0.75 * step(depth, 4.5, 10.2))
    tissue_shade += (1 - samples.tongue) * (0.08 + 0.72 * step(depth, 5.5, 10.6))
    tooth_shade = (0.16 + 0.84 * step(depth, 6.8, 10.5)) * sideways
    tooth_shade = np.where(samples.lower, tooth_shade * LOWER_TEETH_SHADE, tooth_shade)
    cavity_shade = 0.08 + 0.75 * step(depth, 6.0, 10.8)
    colour = np.where(samples.tooth[:, None], TOOTH * tooth_shade[:, None], CAVITY * cavity_shade[:, None])
    colour = np.where(samples.gum[:, None], tissue * tissue_shade[:, None], colour)
    colour *= np.clip((level / 0.67) ** 0.75, 0.45, 1.1)
    gap = np.linalg.norm(landmarks[UPPER_LIP_INNER, :2] - landmarks[LOWER_LIP_INNER, :2])
    if gap > SHOWN_GAP * np.linalg.norm(landmarks[RIGHT_EYE_OUTER, :2] - landmarks[LEFT_EYE_OUTER, :2]):
        _take_from_photo(model, source, view, picture, landmarks, colour)
    return np.clip(colour, 0, 1).astype(np.float32)


def _take_from_photo(
    model: TeacherModel, source: NDArray[np.floating], view: View, picture: NDArray[np.float32],
    landmarks: NDArray[np.floating], colour: NDArray[np.float64],
) -> None:  # fmt: skip
    samples = model.mouth
    opening = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(opening, [np.round(landmarks[list(INNER_LIPS), :2]).astype(np.int32)], (1,))
    inner = np.asarray(cv2.erode(opening, np.ones((3, 3), np.uint8)), np.float32)
    triangles = model.triangles[
        (model.triangles.max(1) < EYE_SOCKETS.start) | (model.triangles.min(1) >= EYE_SOCKETS.stop)
    ]
    pixels, depth = view.project(samples.at(source))
    behind = depth - nearest_depth(view, source, triangles, pixels)
    visible = (behind < VISIBLE_DEPTH) & (sample(inner, pixels) > 0.5)
    shown = sample(picture, pixels)
    teeth = visible & samples.tooth
    if teeth.sum() > 30:
        gain = np.median(shown[teeth], axis=0) / np.maximum(np.median(colour[teeth], axis=0), 1e-3)
        colour[samples.tooth] *= np.clip(gain, 0.5, 1.4)
    colour[visible] = shown[visible]
