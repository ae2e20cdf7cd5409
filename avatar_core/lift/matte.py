"""Separates the person from the background: coverage, colours free of background, and the picture behind.

In: canvas picture (S, S, 3) uint8 and masks of the face. Out: `Matte`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import Canvas
from avatar_core.lift.fill import push_pull
from avatar_core.lift.maps import distance_from, dot, smoothstep

GUIDED_RADIUS = 10  # pixels
GUIDED_EPSILON = 4e-5 * 255**2
LOWEST, SPAN = 0.34, 0.56
"""The guided filter leaves a grey veil: coverage is its value from LOWEST to LOWEST + SPAN, as a smoothstep."""
BAND = 6  # pixels on both sides of the rim where colour decides
LOW_CONTRAST, HIGH_CONTRAST = 0.02, 0.10
"""Squared RGB distance of person and background from which colour is believed, and believed fully."""
COLOUR_SHARE = 0.85
SKIN_SPREAD = 0.14  # RGB distance from the face's median colour that still counts as skin
OWN_FROM, OWN_FULLY = 0.5, 0.88  # coverage between which a rim pixel's colour is trusted to be the person's
FACE_INSET = 11  # pixels, twice what the mesh may reach over the face's edge
FADE_OUTSIDE = 110.0  # pixels beyond the photo's edge where the person has faded out
FAINT = 0.02  # coverage below which a pixel gets no Gaussian
CORE_COVERAGE = 0.97  # above it a pixel's own colour is the person's


@dataclass(frozen=True)
class Matte:
    """alpha (S, S) coverage; foreground (S, S, 3) the person's colours in [0, 1], continued outwards past the rim;
    background (S, S, 3) the picture behind, continued across the person."""

    alpha: NDArray[np.float32]
    foreground: NDArray[np.float32]
    background: NDArray[np.float32]


def segment(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Raw person probability (H, W) of MediaPipe's selfie segmentation."""
    os.environ.setdefault("GLOG_minloglevel", "3")  # MediaPipe's C++ side logs every start-up to stderr
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    with SelfieSegmentation(model_selection=0) as model:
        return np.array(model.process(image).segmentation_mask, np.float32)


def cut_out(canvas: Canvas, face: NDArray[np.bool_]) -> Matte:
    """The matte of the person whose face mesh covers ``face`` (S, S)."""
    picture = canvas.image.astype(np.float32) / np.float32(255)
    alpha = _coverage(canvas, face)
    foreground, _ = _split_colours(picture, alpha)
    core = (cv2.erode((alpha > CORE_COVERAGE).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0) | _sure_face(face)
    inward = push_pull(foreground, core.astype(np.float32))
    own = np.clip((alpha - OWN_FROM) / (OWN_FULLY - OWN_FROM), 0, 1)
    own = np.maximum(own, _sure_face(face))[..., None]
    colours = foreground * own + inward * (1 - own)
    return Matte(alpha, np.clip(colours, 0, 1), _inpaint(picture, alpha, canvas.valid))


def _sure_face(face: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The face mesh less its edge, where landmarks may lie beside the face."""
    return cv2.erode(face.astype(np.uint8), np.ones((FACE_INSET, FACE_INSET), np.uint8)) > 0


def _coverage(canvas: Canvas, face: NDArray[np.bool_]) -> NDArray[np.float32]:
    probability = segment(canvas.image)
    refined = cv2.ximgproc.guidedFilter(canvas.image, probability, GUIDED_RADIUS, GUIDED_EPSILON)
    alpha = _sharpen_by_colour(canvas.image, smoothstep((refined - LOWEST) / SPAN), canvas.valid, face)
    certain = _sure_face(face)
    alpha = np.where(certain, np.float32(1), alpha).astype(np.float32)
    _, component = cv2.connectedComponents((alpha > 0.15).astype(np.uint8))
    keep = np.zeros(int(component.max()) + 1, bool)
    keep[np.unique(component[face & (alpha > 0.15)])] = True
    keep[0] = False
    in_photo = 1 - smoothstep(distance_from(canvas.valid) / FADE_OUTSIDE)
    return np.asarray(alpha * keep[component] * in_photo, np.float32)


def _sharpen_by_colour(
    image: NDArray[np.uint8], alpha: NDArray[np.float32], valid: NDArray[np.bool_], face: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Coverage near the rim from each pixel's place between the colours inside and outside, where those differ.

    Skin-coloured pixels keep what they had: an ear next to dark hair is not background.
    """
    picture = image.astype(np.float32) / np.float32(255)
    brush = np.ones((2 * BAND + 1, 2 * BAND + 1), np.uint8)
    inside = cv2.erode((alpha > 0.9).astype(np.uint8), brush) > 0
    outside = (cv2.dilate((alpha > 0.1).astype(np.uint8), brush) == 0) & valid
    if not inside.any() or not outside.any():
        return alpha
    band = ~inside & ~(cv2.dilate((alpha > 0.1).astype(np.uint8), brush) == 0)
    ahead, behind = push_pull(picture, inside.astype(np.float32)), push_pull(picture, outside.astype(np.float32))
    axis = ahead - behind
    contrast = dot(axis, axis)
    share = np.clip(dot(picture - behind, axis) / np.maximum(contrast, 1e-4), 0, 1)
    off_axis = picture - behind - share[..., None] * axis
    trust = np.clip((contrast - LOW_CONTRAST) / (HIGH_CONTRAST - LOW_CONTRAST), 0, 1)
    trust *= np.exp(-dot(off_axis, off_axis) / (0.25 * contrast + 1e-4))
    from_skin = picture - np.median(picture[face], axis=0)
    trust *= 1 - np.exp(-dot(from_skin, from_skin) / (2 * SKIN_SPREAD**2))
    by_colour = cv2.ximgproc.guidedFilter(image, share.astype(np.float32), 3, GUIDED_EPSILON)
    mixed = alpha + COLOUR_SHARE * trust * (by_colour - alpha)
    return np.where(band, np.clip(mixed, 0, 1), alpha).astype(np.float32)


def _split_colours(
    picture: NDArray[np.float32], alpha: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Foreground and background of mixed pixels: blur fusion in two scales (Forte 2021)."""
    share = alpha[..., None]
    foreground = background = picture
    for side in (91, 7):
        share_mean = cv2.blur(alpha, (side, side))[..., None]
        ahead = cv2.blur(foreground * share, (side, side)) / (share_mean + 1e-5)
        behind = cv2.blur(background * (1 - share), (side, side)) / (1 - share_mean + 1e-5)
        mixed = share * ahead + (1 - share) * behind
        foreground = np.clip(ahead + share * (picture - mixed), 0, 1)
        background = behind
    return foreground, background


def _inpaint(picture: NDArray[np.float32], alpha: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The picture with the person replaced by a smooth continuation of what surrounds them."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (31, 31))
    known = (cv2.dilate((alpha > 0.02).astype(np.uint8), disc) == 0) & valid
    if not known.any():
        known = alpha < 0.5
    filled = push_pull(picture, known.astype(np.float32))
    return np.where(known[..., None], filled, cv2.GaussianBlur(filled, (0, 0), 3)).astype(np.float32)
