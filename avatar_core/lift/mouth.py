"""The inside of the mouth: teeth, gums, tongue and socket behind the lips, and what an open mouth shows in the photo.

In: canvas colours and `FacePlacement`. Out: one `Layer`.

The sheets of `mouth_sheets` are moved to the photo's own mouth, the upper half with the skull, the lower half with the
jaw, and so far up or down that teeth end where the photo shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.avatar import PART_NAMES
from avatar_core.lift.canvas import UNITS_PER_PIXEL, project, unproject
from avatar_core.lift.layer import Layer, join, surface_steps
from avatar_core.lift.lining import EDGE_POINTS, lip_lining
from avatar_core.lift.maps import lattice
from avatar_core.lift.mouth_sheets import (
    ARCH_FRONT_LOWER,
    ARCH_FRONT_UPPER,
    ENAMEL,
    LOWER_EDGE,
    SHEET_STEP,
    SOCKET_CENTRE,
    SOCKET_COLOUR,
    SOCKET_DEPTH,
    SOCKET_FRONT,
    SOCKET_RADII,
    TONGUE_COLOUR,
    UPPER_EDGE,
    Sheet,
    arch,
    gums,
    socket,
    socket_depth,
    teeth,
    tongue,
)
from avatar_core.lift.pose import FacePlacement
from avatar_core.lift.shield import behind_cheeks
from avatar_core.lift.shown_mouth import REFERENCE_SKIN, LipFrame, ShownMouth, look_between_lips
from avatar_core.tracking.topology import CHIN, LOWER_LIP_INNER, UPPER_LIP_INNER

UPPER_GUMS, LOWER_GUMS, TONGUE, SOCKET, UPPER_TEETH, LOWER_TEETH = (
    PART_NAMES.index(name)
    for name in ("upper_gums", "lower_gums", "tongue", "mouth_socket", "upper_teeth", "lower_teeth")
)

LIP_LINE = -0.70  # canonical y where the lips meet on the mean face
FIXED = (UPPER_GUMS, UPPER_TEETH)  # to the skull: no expression moves them
BEHIND_LIPS = 0.3  # canonical |x|, a little more than the mouth's
LINING_END, LINING_WIDTH = 0.6, 0.85
"""Where the lips' lining ends, in shares of the bowl's depth and width: past its rim, which moves otherwise, and within
the cheeks."""
LIP_CLEARANCE = 0.03  # inter-ocular distances between the lips' inside and the teeth
TELLING_GAP = (0.05, 0.12)  # canonical units between the lips from which upper teeth would be seen, and surely
HIDDEN_EDGE, MOST_SHIFT = 0.005, 0.12
"""Canonical units that teeth which the photo does not show keep behind the lip, and how far teeth are moved at most."""
SOCKET_TOP, SOCKET_BOTTOM, SOCKET_STEP = -0.42, -0.96, 1.6
"""Canonical heights between which the socket lies; its samples' distances in `SHEET_STEP`."""
DEPTH_OF_CURTAIN = 0.14  # inter-ocular distances behind the teeth
NEAR_LIPS = 7  # pixels, twice the distance to the opening beyond which every other pixel of the curtain does
SOCKET_SEAM = 0.1  # canonical units above and below which the socket goes with the skull and with the jaw
STRETCHED, WIDEST_STRETCH = 0.25, 3.5
"""Canonical units above and below which it stretches, and how far at most: its samples have to reach as far."""
CURTAIN_HEIGHTS = (2.0, -3.0, 1000)  # canonical y, more than any curtain's, at which the socket's motion is tabulated
CURTAIN_STRETCH = 1.3  # of the curtain's samples, which the photo's own view shows and the socket backs
DARKEST, SHADED = 0.7, 0.6  # shadow beside the socket's colour, the tongue in it beside its own
ARCH_ROUNDS, WIDEST_ARCH = 8, 0.28  # of meeting an arch along a ray; canonical |x| that arches bend up to
FRONT_SHADE = 0.9  # of the front teeth's middle
JAW_POINTS = (CHIN, 175, 199, 200)
LOWER_LIP_POINTS = (14, 15, 16, 17)


@dataclass(frozen=True)
class _Offsets:
    """Canonical translations (3,) from the mean face to the photo: of the skull's half, of the jaw's half; and how much
    farther up the rows of teeth stand."""

    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper_teeth: float = 0.0
    lower_teeth: float = 0.0


def build_mouth(
    picture: NDArray[np.float32], skin_height: NDArray[np.float32], face: FacePlacement, mean: NDArray[np.floating]
) -> Layer:
    """Everything behind the lips; ``picture`` (S, S, 3) in [0, 1], ``skin_height`` (S, S), ``mean`` (478, 3)."""
    light = _light(picture, face)
    shown = look_between_lips(
        picture, face, ENAMEL * light, DARKEST * SOCKET_COLOUR * light, SHADED * TONGUE_COLOUR * light
    )
    offsets = _teeth_in_place(_offsets(face, np.asarray(mean)), face, shown)
    of_teeth = light if shown is None or shown.enamel is None else shown.enamel / (ENAMEL * FRONT_SHADE)
    made = join(
        [
            _placed(face, offsets, sheet, part, light if part in (UPPER_GUMS, LOWER_GUMS, TONGUE) else of_teeth)
            for part, sheet in (
                (UPPER_GUMS, gums(upper=True)), (LOWER_GUMS, gums(upper=False)), (TONGUE, tongue()),
                (UPPER_TEETH, teeth(upper=True)), (LOWER_TEETH, teeth(upper=False)),
            )
            if shown is None or part != TONGUE  # in an open mouth the curtain shows it
        ]
    )  # fmt: skip
    lining = lip_lining(picture, face, mean, _socket_rim(offsets), SOCKET_COLOUR * light)
    bowl = _socket(face, offsets, light, shown)
    if shown is None:
        return _concealed([bowl, made, lining], skin_height, face)
    made, curtain = _hide(made, face, shown), _curtain(skin_height, face, offsets, shown)
    teeth_shown = _shown_teeth(skin_height, face, offsets, shown)
    return join([teeth_shown, _concealed([bowl, made, lining, curtain], skin_height, face)])


def _concealed(layers: list[Layer], skin_height: NDArray[np.float32], face: FacePlacement) -> Layer:
    """What of them lies behind the lips, where it is needed, is seen by the photo, or lies behind the cheeks."""
    layer = join(layers)
    needed = (np.abs(layer.u[:, 0]) < BEHIND_LIPS) | layer.seen
    return layer.take(needed | behind_cheeks(layer.position, skin_height, face))


def _offsets(face: FacePlacement, mean: NDArray[np.floating]) -> _Offsets:
    lips = [UPPER_LIP_INNER, LOWER_LIP_INNER]
    upper = (face.neutral[lips] - mean[lips]).mean(0)
    upper[0] = (face.neutral[[0, 17]] - mean[[0, 17]])[:, 0].mean()
    upper[2] = min(upper[2], float((face.canonical[lips[0]] - mean[lips[0]])[2])) - LIP_CLEARANCE
    moved = face.canonical - face.neutral
    jaw = 0.3 * moved[list(LOWER_LIP_POINTS)].mean(0) + 0.7 * moved[list(JAW_POINTS)].mean(0)
    gap = face.canonical[lips[0], 1] - face.canonical[lips[1], 1]
    jaw[1] = min(jaw[1], 0.0) if gap > 0.02 else 0.0
    jaw[2] = min(jaw[2], 0.0)
    return _Offsets(upper, upper + jaw)


def _teeth_in_place(offsets: _Offsets, face: FacePlacement, shown: ShownMouth | None) -> _Offsets:
    """The rows of teeth where the photo has them: at their biting edges, or out of its sight."""
    if shown is None:
        return offsets
    above, below = (float(face.canonical[index, 1]) for index in (UPPER_LIP_INNER, LOWER_LIP_INNER))
    upper, lower = UPPER_EDGE + offsets.upper[1], LOWER_EDGE + offsets.lower[1]
    raised = max(above + HIDDEN_EDGE - upper, 0.0) if not shown.upper.any() else 0.0
    raised *= float(np.interp(above - below, TELLING_GAP, (0, 1)))
    if shown.upper_end is not None:
        raised = above + shown.upper_end * (below - above) - upper
    lowered = min(below - HIDDEN_EDGE - lower, 0.0) if not shown.lower.any() else 0.0
    if shown.lower_start is not None:
        lowered = above + shown.lower_start * (below - above) - lower
    upper_teeth, lower_teeth = np.clip([raised, lowered], -MOST_SHIFT, MOST_SHIFT)
    return _Offsets(offsets.upper, offsets.lower, float(upper_teeth), float(lower_teeth))


def _light(picture: NDArray[np.float32], face: FacePlacement) -> NDArray[np.float64]:
    """Factor (3,) that brings colours under neutral light to the photo's light."""
    skin = picture[face.mesh.inside]
    brightness = skin.mean(-1)
    lit = skin[brightness >= np.percentile(brightness, 85)].mean(0)
    exposure = np.clip(np.percentile(brightness, 70) / 0.72, 0.35, 1.15) ** 0.7
    saturation = float((skin.max(-1) - skin.min(-1)).mean())
    if saturation < 0.03:
        return np.full(3, exposure)
    tint = lit / REFERENCE_SKIN
    return exposure * np.clip(tint / tint.max(), 0.6, 1.0) ** 0.6


def _socket_rim(offsets: _Offsets) -> NDArray[np.float64]:
    """(2, `EDGE_POINTS`, 3) where the lining ends, round the bowl: above and below, each from the right to the left."""
    angle = np.linspace(np.pi, 0, EDGE_POINTS)
    across = SOCKET_CENTRE[0] + LINING_WIDTH * SOCKET_RADII[0] * np.cos(angle)
    up = LINING_WIDTH * SOCKET_RADII[1] * np.sin(angle)
    back = np.full(EDGE_POINTS, SOCKET_FRONT - SOCKET_DEPTH * LINING_END)
    u = np.stack([np.stack([across, SOCKET_CENTRE[1] + side * up, back], -1) for side in (1, -1)])
    return u + _socket_offset(u, offsets)


def _share_below(height: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far the socket goes with the jaw at canonical heights."""
    return np.clip((LIP_LINE + SOCKET_SEAM - height) / (2 * SOCKET_SEAM), 0, 1)


def _socket_offset(u: NDArray[np.floating], offsets: _Offsets) -> NDArray[np.float64]:
    """Translations (..., 3) of the socket's points: above with the skull, below with the jaw."""
    share = _share_below(u[..., 1:2])
    return offsets.upper * (1 - share) + offsets.lower * share


def _socket(face: FacePlacement, offsets: _Offsets, light: NDArray[np.float64], shown: ShownMouth | None) -> Layer:
    """The bowl, near what the photo shows in its colours."""
    step = SOCKET_STEP * SHEET_STEP
    rows = np.arange(SOCKET_TOP, SOCKET_BOTTOM, -step)
    layer = _placed(face, offsets, socket(rows, step), SOCKET, light)
    between = np.abs(layer.u[:, 1] - LIP_LINE) < STRETCHED
    layer.upward[between] *= np.float32(max(WIDEST_STRETCH / _stretch(offsets), 1.0))
    if shown is not None:
        places = project(layer.position)
        layer.colour += shown.at(places, shown.share)[:, None] * (shown.at(places, shown.behind) - layer.colour)
    return layer


def _stretch(offsets: _Offsets) -> float:
    """How far the photo's open mouth stretches what lies between skull and jaw."""
    return 1 + _drop(offsets) / (2 * SOCKET_SEAM)


def _drop(offsets: _Offsets) -> float:
    return max(float(offsets.upper[1] - offsets.lower[1]), 0.0)


def _curtain(skin_height: NDArray[np.float32], face: FacePlacement, offsets: _Offsets, shown: ShownMouth) -> Layer:
    """What the photo shows behind the teeth, one sheet across the mouth and under the lips that stretches with the
    jaws like the socket."""
    near = cv2.dilate(shown.opening.astype(np.uint8), np.ones((NEAR_LIPS, NEAR_LIPS), np.uint8)) > 0
    sparse = (shown.share > 0) & lattice(near.shape, 2)
    chosen = near | sparse
    y, x = np.nonzero(chosen)
    surface = np.zeros((*chosen.shape, 3), np.float32)
    placed, surface[y, x] = _onto_arch(
        x + shown.left, y + shown.top, np.broadcast_to(offsets.upper, (len(x), 3)),
        np.full(len(x), ARCH_FRONT_UPPER - DEPTH_OF_CURTAIN), skin_height, LIP_CLEARANCE, face,
    )  # fmt: skip
    heights = np.linspace(*CURTAIN_HEIGHTS)
    u = placed.copy()
    u[:, 1] = np.interp(-placed[:, 1], _drop(offsets) * _share_below(heights) - heights, heights)
    u[:, 2] = socket_depth(u[:, 0], u[:, 1])
    across, upward = (
        np.where(near[..., None], fine, coarse)[y, x]
        for fine, coarse in zip(surface_steps(surface, near), surface_steps(surface, sparse, 2), strict=True)
    )
    return Layer(
        position=surface[y, x],
        across=across,
        upward=upward * np.float32(max(CURTAIN_STRETCH / _stretch(offsets), 1.0)),
        colour=shown.behind[y, x],
        coverage=np.ones(len(x), np.float32),
        u=u.astype(np.float32),
        part=np.full(len(x), SOCKET, np.uint8),
        neck_weight=np.ones(len(x), np.float32),
        expression_weight=np.ones(len(x), np.float32),
        seen=(shown.opening & ~shown.upper & ~shown.lower)[y, x],
    )


def _placed(face: FacePlacement, offsets: _Offsets, sheet: Sheet, part: int, light: NDArray[np.floating]) -> Layer:
    """A sheet at the photo's own mouth."""
    if part == SOCKET:
        offset = _socket_offset(sheet.u, offsets)
    else:
        offset = offsets.upper if part in FIXED else offsets.lower
        raised = dict.fromkeys((UPPER_TEETH, UPPER_GUMS), offsets.upper_teeth)
        raised |= dict.fromkeys((LOWER_TEETH, LOWER_GUMS), offsets.lower_teeth)
        offset = offset + np.array([0.0, raised.get(part, 0.0), 0.0])
    position = face.to_head.apply(sheet.u + offset).astype(np.float32)
    across = np.gradient(position, axis=1)
    upward = -np.gradient(position, axis=0)
    kept = sheet.kept
    count = int(kept.sum())
    return Layer(
        position=position[kept],
        across=across[kept],
        upward=upward[kept],
        colour=np.clip(sheet.colour[kept] * light, 0, 1).astype(np.float32),
        coverage=np.ones(count, np.float32),
        u=sheet.u[kept].astype(np.float32),
        part=np.full(count, part, np.uint8),
        neck_weight=np.ones(count, np.float32),
        expression_weight=np.full(count, part not in FIXED, np.float32),
        seen=np.zeros(count, bool),
    )


def _hide(sheets: Layer, face: FacePlacement, shown: ShownMouth) -> Layer:
    """Without what would show through the open mouth: there the photo itself knows better. Where it shows the teeth,
    they end as it shows them."""
    places = project(sheets.position)
    gone = shown.at(places, shown.opening)
    if shown.upper.any():
        _, down = LipFrame(face).locate(places[:, 0], places[:, 1])
        gone |= (sheets.part == UPPER_TEETH) & (down >= 1)
    return sheets.take(~gone)


def _shown_teeth(skin_height: NDArray[np.float32], face: FacePlacement, offsets: _Offsets, shown: ShownMouth) -> Layer:
    """The photo's own teeth, and a little further under the lips: on the arch, each row bound to its jaw."""
    chosen = shown.upper | shown.lower
    y, x = np.nonzero(chosen)
    lowered = shown.lower[y, x]
    surface = np.zeros((*chosen.shape, 3), np.float32)
    u, surface[y, x] = _onto_arch(
        x + shown.left, y + shown.top, np.where(lowered[:, None], offsets.lower, offsets.upper),
        np.where(lowered, ARCH_FRONT_LOWER, ARCH_FRONT_UPPER), skin_height, 0.5 * LIP_CLEARANCE, face,
    )  # fmt: skip
    across, upward = surface_steps(surface, chosen)
    part = np.where(lowered, LOWER_TEETH, UPPER_TEETH).astype(np.uint8)
    return Layer(
        position=surface[y, x],
        across=across[y, x],
        upward=upward[y, x],
        colour=shown.teeth[y, x],
        coverage=np.ones(len(x), np.float32),
        u=u.astype(np.float32),
        part=part,
        neck_weight=np.ones(len(x), np.float32),
        expression_weight=(~np.isin(part, FIXED)).astype(np.float32),
        seen=shown.opening[y, x],
    )


def _onto_arch(
    column: NDArray[np.integer], row: NDArray[np.integer], offset: NDArray[np.floating], front: NDArray[np.floating],
    skin_height: NDArray[np.float32], clearance: float, face: FacePlacement,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:  # fmt: skip
    """What the canvas's pixels ``column``, ``row`` (N,) show on dental arches: coordinates u (N, 3) and head space.

    Args:
        offset: (N, 3) from u to the photo's canonical space; front: (N,) canonical z of the arches' middle.
        clearance: inter-ocular distances that they keep behind the skin.
    """
    x, y = column + 0.5, row + 0.5
    height = np.full(len(x), face.head[UPPER_LIP_INNER, 2] / UNITS_PER_PIXEL)
    towards = float(face.to_head.rotation[2, 2])
    for _ in range(ARCH_ROUNDS):  # steps of less than Newton's, which would not settle on an arch's steep sides
        u = face.to_head.invert(unproject(x, y, height)) - offset
        wanted = arch(np.clip(u[:, 0], -WIDEST_ARCH, WIDEST_ARCH), front)
        height = height + (wanted - u[:, 2]) * face.eye_distance * towards
    u = face.to_head.invert(unproject(x, y, height)) - offset
    u[:, 2] = arch(np.clip(u[:, 0], -WIDEST_ARCH, WIDEST_ARCH), front)
    height = np.minimum(height, skin_height[row, column] - clearance * face.eye_distance)
    return u, unproject(x, y, height).astype(np.float32)
