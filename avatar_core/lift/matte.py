"""Separates the person from the background: coverage, colours free of background, and the picture behind.

In: canvas picture (S, S, 3) uint8 and masks of the face. Out: `Matte`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import Canvas
from avatar_core.lift.fill import continuation, push_pull
from avatar_core.lift.maps import distance_from, median_colour, smoothstep
from avatar_core.rendering.jit import kernel
from avatar_core.tracking.solutions import solution

GUIDED_RADIUS = 10  # pixels
GUIDED_EPSILON = 4e-5 * 255**2
LOWEST, SPAN = 0.34, 0.56
"""The guided filter leaves a grey veil: coverage is its value from LOWEST to LOWEST + SPAN, as a smoothstep."""
CLOTHES_LOWEST, CLOTHES_SPAN = 0.28, 0.2
"""The same below the jaw, where its value is even and the ground is plain: cloth and what is worn end sharply, only
hair does not."""
CALM = 0.05, 0.06  # deviation of the ground's colours from their means round about: up to which it is plain, or not
GROUND, GROUND_REACH, GROUND_BLUR = 0.1, (5, 31), 6.0
"""Probability below which there is ground; twice the distances from the person between which it is looked at, and the
blur of its means, in quarters of the canvas's resolution."""
EVEN_SPAN, EVEN = 7, 0.1  # pixels across which a value is looked at, and its deviation there up to which it is even
BAND = 6  # pixels on both sides of the rim where colour decides
LOW_CONTRAST, HIGH_CONTRAST = 0.02, 0.10
"""Squared RGB distance of person and background from which colour is believed, and believed fully."""
COLOUR_SHARE = 0.85
COLOUR_RADIUS = 3  # pixels, of the filter that smooths it
BETWEEN, BETWEEN_RAMP = (0.1, 0.95), 0.12
"""Place between outside and inside at which an evenly coloured area is neither, and over what this sets in."""
BODY_BLUR = 4.0  # pixels over which head becomes body
SKIN_STRIDE = 5  # one of so many pixels of the face is enough for its median colour
SKIN_SPREAD = 0.14  # RGB distance from the face's median colour that still counts as skin
SURELY_THERE = 0.4  # coverage from which a pixel of the skin's hue may be skin for certain
DARKEST_SKIN, SKIN_HUE = 0.5, 0.6
"""Brightness against the face's from which the hues of pixel and background are looked at, and the part of the way from
the background's hue to the face's where skin begins: ears are paler or redder than the face."""
LOW_HUE, HIGH_HUE, HUE_SPREAD = 0.002, 0.005, 0.02
"""Squared distances of hues, as shares of the three channels: of the background from the face from which hues are
believed, and believed fully; off the line between them that skin may lie."""
OWN_FROM, OWN_FULLY = 0.5, 0.88  # coverage between which a rim pixel's colour is trusted to be the person's
BACKGROUND_BLUR = 3.0  # pixels
INPAINT_CLEARANCE = 15  # pixels that the picture behind keeps from the person
FACE_INSET = 11  # pixels, twice what the mesh may reach over the face's edge
FADE_OUTSIDE = 110.0  # pixels beyond the photo's edge where the person has faded out
FAINT = 0.02  # coverage below which a pixel gets no Gaussian
COARSE_BLUR, FINE_BLUR = 91, 7  # pixels, sides of the two scales of blur fusion
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
    with solution("selfie_segmentation").SelfieSegmentation(model_selection=0) as model:
        return np.array(model.process(image).segmentation_mask, np.float32)


def cut_out(canvas: Canvas, face: NDArray[np.bool_], body: NDArray[np.bool_] | None = None) -> Matte:
    """The matte of the person whose face mesh covers ``face`` (S, S), the background's hue still on its rim; ``body``
    (S, S) is what lies below the jaw, if that is known."""
    below = np.zeros_like(face) if body is None else body
    alpha = coverage(canvas, face, below, segment(canvas.image))
    return Matte(alpha, person_colours(canvas, alpha, face), picture_behind(canvas, alpha))


def person_colours(canvas: Canvas, alpha: NDArray[np.float32], face: NDArray[np.bool_]) -> NDArray[np.float32]:
    """`Matte.foreground` of a person of coverage ``alpha`` (S, S) whose face mesh covers ``face`` (S, S)."""
    picture = canvas.image.astype(np.float32) / np.float32(255)
    foreground, certain = _split_colours(picture, alpha), _sure_face(face)
    core = (cv2.erode((alpha > CORE_COVERAGE).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0) | certain
    own = np.maximum(np.clip((alpha - OWN_FROM) / (OWN_FULLY - OWN_FROM), 0, 1), certain)
    return mix(push_pull(foreground, core.astype(np.float32)), foreground, own)


def skin_colour(picture: NDArray[np.float32], face: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Median colour (3,) of the ``face`` (S, S) in a picture (S, S, 3)."""
    return median_colour(picture[face][::SKIN_STRIDE])


@kernel()
def mix(first, second, share):
    """``first`` (S, S, 3) where ``share`` (S, S) is 0, ``second`` where it is 1."""
    result = np.empty_like(first)
    for y in range(share.shape[0]):
        for x in range(share.shape[1]):
            for channel in range(3):
                own = first[y, x, channel]
                result[y, x, channel] = own + share[y, x] * (second[y, x, channel] - own)
    return result


def _sure_face(face: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The face mesh less its edge, where landmarks may lie beside the face."""
    return cv2.erode(face.astype(np.uint8), np.ones((FACE_INSET, FACE_INSET), np.uint8)) > 0


def coverage(
    canvas: Canvas, face: NDArray[np.bool_], body: NDArray[np.bool_], probability: NDArray[np.float32]
) -> NDArray[np.float32]:
    """`Matte.alpha` (S, S) of the person whose face mesh covers ``face`` (S, S), from what `segment` gives.

    Args:
        body: (S, S) below the jaw.
    """
    filtered = cv2.ximgproc.guidedFilter(canvas.image, probability, GUIDED_RADIUS, GUIDED_EPSILON)
    refined = np.asarray(filtered, np.float32)
    below = np.asarray(cv2.GaussianBlur(body.astype(np.float32), (0, 0), BODY_BLUR), np.float32)
    alpha = smoothstep((refined - LOWEST) / SPAN)
    sharp = smoothstep((refined - CLOTHES_LOWEST) / CLOTHES_SPAN)
    calm = _calmness(canvas.image, refined, canvas.valid)
    alpha += calm * below * _evenness(refined) * np.maximum(sharp - alpha, 0)
    alpha = _sharpen_by_colour(canvas.image, alpha, canvas.valid, face, below)
    certain = _sure_face(face)
    alpha = np.where(certain, np.float32(1), alpha).astype(np.float32)
    _, component = cv2.connectedComponents((alpha > 0.15).astype(np.uint8))
    keep = np.zeros(int(component.max()) + 1, bool)
    keep[component[face & (alpha > 0.15)]] = True
    keep[0] = False
    in_photo = 1 - smoothstep(distance_from(canvas.valid) / FADE_OUTSIDE)
    return np.asarray(alpha * keep[component] * in_photo, np.float32)


def _calmness(image: NDArray[np.uint8], refined: NDArray[np.float32], valid: NDArray[np.bool_]) -> float:
    """1 where the ground round a person of probability ``refined`` (S, S) is plain or out of focus, 0 where things
    stand there, which a doubtful segmentation would take for clothes."""
    size = (image.shape[1] // 4, image.shape[0] // 4)
    picture = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    person = cv2.resize((refined > GROUND).astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    beside, away = (cv2.dilate(person.astype(np.uint8), np.ones((side, side), np.uint8)) > 0 for side in GROUND_REACH)
    ground = away & ~beside & (cv2.resize(valid.astype(np.uint8), size) > 0)
    share = ground.astype(np.float32)
    if not ground.any():
        return 0.0
    blurred, total = (cv2.GaussianBlur(values, (0, 0), GROUND_BLUR) for values in (picture * share[..., None], share))
    off = (picture - blurred / np.maximum(total, 1e-6)[..., None])[ground]
    return float(1 - smoothstep((np.sqrt(np.mean(off * off)) - CALM[0]) / (CALM[1] - CALM[0])))


def _evenness(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(S, S) 1 where ``values`` (S, S) hardly change and near there, 0 where they do."""
    size = (EVEN_SPAN, EVEN_SPAN)
    mean = cv2.blur(values, size)
    deviation = np.sqrt(np.maximum(cv2.blur(values * values, size) - mean * mean, 0))
    even = smoothstep((EVEN - deviation) / (0.5 * EVEN))
    return np.asarray(cv2.dilate(even, np.ones((EVEN_SPAN - 2, EVEN_SPAN - 2), np.uint8)), np.float32)


def _sharpen_by_colour(
    image: NDArray[np.uint8], alpha: NDArray[np.float32], valid: NDArray[np.bool_], face: NDArray[np.bool_],
    below: NDArray[np.float32],
) -> NDArray[np.float32]:  # fmt: skip
    """Coverage near the rim from each pixel's place between the colours inside and outside, where those differ.

    Skin-coloured pixels keep what they had, an ear next to dark hair is not background, or gain by their place between
    the face's colour and the one outside. ``below`` (S, S) the jaw a colour evenly between the two is another one of
    the person's.
    """
    picture = image.astype(np.float32) / np.float32(255)
    brush = np.ones((2 * BAND + 1, 2 * BAND + 1), np.uint8)
    inside = cv2.erode((alpha > 0.9).astype(np.uint8), brush) > 0
    clear = cv2.dilate((alpha > 0.1).astype(np.uint8), brush) == 0
    outside = clear & valid
    if not inside.any() or not outside.any():
        return alpha
    band = ~inside & ~clear
    ahead, behind = (continuation(picture, known.astype(np.float32)) for known in (inside, outside))
    skin = skin_colour(picture, face)
    reached = cv2.dilate(band.astype(np.uint8), np.ones((4 * COLOUR_RADIUS + 1, 4 * COLOUR_RADIUS + 1), np.uint8)) > 0
    share, trust = believe_colour(picture, ahead, behind, skin, reached)
    between = smoothstep((share - BETWEEN[0]) / BETWEEN_RAMP) * smoothstep((BETWEEN[1] - share) / BETWEEN_RAMP)
    trust = trust * (1 - below * between * _evenness(share))
    by_colour = cv2.ximgproc.guidedFilter(image, share, COLOUR_RADIUS, GUIDED_EPSILON)
    mixed = alpha + np.float32(COLOUR_SHARE) * trust * (by_colour - alpha)
    within = cv2.erode(mixed, np.ones((3, 3), np.uint8))  # the rim itself stays soft
    mixed = np.maximum(mixed, believe_skin(picture, behind, skin, reached) * smoothstep(within / SURELY_THERE))
    return np.where(band, np.clip(mixed, 0, 1), alpha)


@kernel()
def believe_colour(picture, ahead, behind, skin, chosen):
    """Where each pixel's colour stands from ``behind`` (0) to ``ahead`` (1), and how far that is to be believed; all
    pictures (S, S, 3), ``skin`` (3,). Both are 0 where a pixel is not ``chosen`` (S, S)."""
    rows, columns = picture.shape[0], picture.shape[1]
    share, trust = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.float32)
    zero, one = np.float32(0), np.float32(1)
    for y in range(rows):
        for x in range(columns):
            if not chosen[y, x]:
                continue
            contrast = along = from_skin = zero
            for c in range(3):
                axis = ahead[y, x, c] - behind[y, x, c]
                contrast += axis * axis
                along += (picture[y, x, c] - behind[y, x, c]) * axis
                from_skin += (picture[y, x, c] - skin[c]) ** 2
            place = min(max(along / max(contrast, np.float32(1e-4)), zero), one)
            off_axis = zero
            for c in range(3):
                behind_here = behind[y, x, c]
                off = picture[y, x, c] - behind_here - place * (ahead[y, x, c] - behind_here)
                off_axis += off * off
            share[y, x] = place
            believed = (contrast - np.float32(LOW_CONTRAST)) * np.float32(1 / (HIGH_CONTRAST - LOW_CONTRAST))
            believed = min(max(believed, zero), one)
            if believed > 0:
                believed *= np.exp(-off_axis / (np.float32(0.25) * contrast + np.float32(1e-4)))
                believed *= one - np.exp(-from_skin * np.float32(1 / (2 * SKIN_SPREAD**2)))
            trust[y, x] = believed
    return share, trust


@kernel()
def believe_skin(picture, behind, skin, chosen):
    """Where each pixel's hue stands from that of ``behind`` (0) to that of ``skin`` (`SKIN_HUE` of the way and beyond:
    1), as far as that is to be believed: pixel and background are bright enough, their hues differ, and the pixel's
    lies between them or beyond the skin's. 0 where a pixel is not ``chosen``. Arguments as in `believe_colour`."""
    rows, columns = picture.shape[0], picture.shape[1]
    share = np.zeros((rows, columns), np.float32)
    zero, one = np.float32(0), np.float32(1)
    level = max(skin[0] + skin[1] + skin[2], np.float32(1e-3))
    darkest = np.float32(DARKEST_SKIN) * level
    for y in range(rows):
        for x in range(columns):
            if not chosen[y, x]:
                continue
            bright = picture[y, x, 0] + picture[y, x, 1] + picture[y, x, 2]
            ground = behind[y, x, 0] + behind[y, x, 1] + behind[y, x, 2]
            if bright < darkest or ground < darkest:
                continue
            contrast = along = off_axis = zero
            for c in range(3):
                axis = skin[c] / level - behind[y, x, c] / ground
                contrast += axis * axis
                along += (picture[y, x, c] / bright - behind[y, x, c] / ground) * axis
            place = along / max(contrast, np.float32(1e-6))
            for c in range(3):
                axis = skin[c] / level - behind[y, x, c] / ground
                off = picture[y, x, c] / bright - behind[y, x, c] / ground - place * axis
                off_axis += off * off
            believed = (contrast - np.float32(LOW_HUE)) * np.float32(1 / (HIGH_HUE - LOW_HUE))
            believed = min(max(believed, zero), one) * np.exp(-off_axis / np.float32(HUE_SPREAD))
            share[y, x] = min(max(place * np.float32(1 / SKIN_HUE), zero), one) * believed
    return share


def _split_colours(picture: NDArray[np.float32], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Foreground (S, S, 3) of mixed pixels: blur fusion in two scales (Forte 2021)."""
    foreground, background = _fuse_large(picture, alpha)
    weighted, complement = shares(foreground, background, alpha)
    blurred = [cv2.blur(values, (FINE_BLUR, FINE_BLUR)) for values in (weighted, complement, alpha)]
    return fuse(picture, alpha, *blurred)[0]


def _fuse_large(
    picture: NDArray[np.float32], alpha: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The first scale of `_split_colours`: its means are smooth, so they are taken at half size."""
    size = picture.shape[1::-1]
    weighted, complement = shares(picture, picture, alpha)
    blurred = []
    for values in (weighted, complement, alpha):
        small = cv2.resize(values, (size[0] // 2, size[1] // 2), interpolation=cv2.INTER_AREA)
        blurred.append(cv2.resize(cv2.blur(small, (COARSE_BLUR // 2, COARSE_BLUR // 2)), size))
    return fuse(picture, alpha, *blurred)


@kernel()
def shares(foreground, background, alpha):
    """``foreground`` times ``alpha`` and ``background`` times its complement."""
    weighted, complement = np.empty_like(foreground), np.empty_like(background)
    for y in range(alpha.shape[0]):
        for x in range(alpha.shape[1]):
            for channel in range(3):
                weighted[y, x, channel] = foreground[y, x, channel] * alpha[y, x]
                complement[y, x, channel] = background[y, x, channel] * (np.float32(1) - alpha[y, x])
    return weighted, complement


@kernel()
def fuse(picture, alpha, weighted, complement, share):
    """A step of blur fusion: foreground and background from the blurred ``weighted``, ``complement`` and ``share``."""
    foreground, background = np.empty_like(picture), np.empty_like(picture)
    one, tiny = np.float32(1), np.float32(1e-5)
    for y in range(alpha.shape[0]):
        for x in range(alpha.shape[1]):
            own = alpha[y, x]
            inside, outside = one / (share[y, x] + tiny), one / (one - share[y, x] + tiny)
            for channel in range(3):
                ahead, behind = weighted[y, x, channel] * inside, complement[y, x, channel] * outside
                rest = picture[y, x, channel] - (own * ahead + (one - own) * behind)
                foreground[y, x, channel] = min(max(ahead + own * rest, np.float32(0)), one)
                background[y, x, channel] = behind
    return foreground, background


def picture_behind(canvas: Canvas, alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """`Matte.background`: the person of coverage ``alpha`` (S, S) replaced by a smooth continuation of what surrounds
    them."""
    picture = canvas.image.astype(np.float32) / np.float32(255)
    known = (distance_from(alpha > FAINT) > INPAINT_CLEARANCE) & canvas.valid
    if not known.any():
        known = alpha < 0.5
    share = known.astype(np.float32)
    return mix(continuation(picture, share, BACKGROUND_BLUR), picture, share)
