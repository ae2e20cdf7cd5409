"""The inside of the mouth: teeth, gums, tongue and socket behind the lips, and what an open mouth shows in the photo.

In: canvas colours and `FacePlacement`. Out: one `Layer`.

The sheets of `mouth_sheets` are moved to the photo's own mouth, the upper half with the skull, the lower half with the
jaw, and so far up or down that teeth end where the photo shows it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import project
from avatar_core.lift.layer import Layer, join
from avatar_core.lift.lining import EDGE_POINTS, lip_lining
from avatar_core.lift.maps import smoothstep
from avatar_core.lift.mouth_jaws import LIP_LINE, Jaws, find_jaws
from avatar_core.lift.mouth_sheets import (
    ENAMEL,
    FIXED,
    LOWER_GUMS,
    LOWER_TEETH,
    SHEET_STEP,
    SOCKET,
    SOCKET_CENTRE,
    SOCKET_COLOUR,
    SOCKET_DEPTH,
    SOCKET_FRONT,
    SOCKET_RADII,
    TONGUE,
    TONGUE_COLOUR,
    UPPER_GUMS,
    UPPER_TEETH,
    Sheet,
    gums,
    socket,
    teeth,
    tongue,
)
from avatar_core.lift.pose import FacePlacement
from avatar_core.lift.shield import behind_cheeks
from avatar_core.lift.shown_mouth import REFERENCE_SKIN, LipFrame, ShownMouth, look_between_lips
from avatar_core.lift.shown_mouth_layers import beside_teeth, curtain, shown_teeth
from avatar_core.tracking.topology import CHEEKS

BEHIND_LIPS = 0.3  # canonical |x|, a little more than the mouth's
LINING_END, LINING_WIDTH = 0.6, 0.85
"""Where the lips' lining ends, in shares of the bowl's depth and width: past its rim, which moves otherwise, and within
the cheeks."""
SOCKET_TOP, SOCKET_BOTTOM, SOCKET_STEP = -0.42, -0.96, 1.6
"""Canonical heights between which the socket lies; its samples' distances in `SHEET_STEP`."""
STRETCHED, WIDEST_STRETCH = 0.25, 3.5
"""Canonical units above and below which it stretches, and how far at most: its samples have to reach as far."""
DARKEST, SHADED = 0.7, 0.47  # shadow beside the socket's colour, the tongue in it beside its own
FRONT_SHADE = 0.9  # of the front teeth's middle
GREY, COLOURED = 0.015, 0.03
"""Saturation of the skin, mean difference of its channels, up to which a photo is grey, and from which it is not."""
LIGHTEST = 95.0  # lightness of teeth
TEETH_BESIDE_SKIN = np.array([1.12, 0.50, 0.55])
"""CIELAB of the front teeth over that of the cheeks, as cameras see both: a little lighter, less red and yellow."""


def build_mouth(
    picture: NDArray[np.float32], skin_height: NDArray[np.float32], face: FacePlacement, mean: NDArray[np.floating]
) -> Layer:
    """Everything behind the lips; ``picture`` (S, S, 3) in [0, 1], ``skin_height`` (S, S), ``mean`` (478, 3)."""
    skin = picture[face.mesh.inside]
    saturation = float((skin.max(-1) - skin.min(-1)).mean())
    inside = _inside(picture, skin_height, face, mean, _light(skin, saturation))
    grey = cv2.cvtColor(inside.colour[None], cv2.COLOR_RGB2GRAY)[0, :, None]
    greyness = 1 - smoothstep(np.array((saturation - GREY) / (COLOURED - GREY)))
    inside.colour += greyness * (grey - inside.colour)
    return inside


def _inside(
    picture: NDArray[np.float32], skin_height: NDArray[np.float32], face: FacePlacement, mean: NDArray[np.floating],
    light: NDArray[np.float64],
) -> Layer:  # fmt: skip
    """`build_mouth` in ``light``, the factor (3,) between neutral light and the photo's."""
    shadow = DARKEST * SOCKET_COLOUR * light
    shown = look_between_lips(picture, face, ENAMEL * light, shadow, SHADED * TONGUE_COLOUR * light)
    jaws = find_jaws(face, np.asarray(mean), shown)
    front = _unseen_enamel(picture, face, light) if shown is None or shown.enamel is None else shown.enamel
    of_teeth = front / (ENAMEL * FRONT_SHADE)
    made = join(
        [
            _placed(face, jaws, sheet, part, light if part in (UPPER_GUMS, LOWER_GUMS, TONGUE) else of_teeth)
            for part, sheet in (
                (UPPER_GUMS, gums(upper=True)), (LOWER_GUMS, gums(upper=False)), (TONGUE, tongue()),
                (UPPER_TEETH, teeth(upper=True)), (LOWER_TEETH, teeth(upper=False)),
            )
            if shown is None or not shown.tells_inside or part != TONGUE  # else the curtain shows it
        ]
    )  # fmt: skip
    lining = lip_lining(picture, face, mean, _socket_rim(jaws), SOCKET_COLOUR * light)
    bowl = _socket(face, jaws, light, shown)
    if shown is None:
        return _concealed([bowl, made, lining], skin_height, face)
    in_front = [shown_teeth(skin_height, face, jaws, shown)]
    if not shown.tells_inside:
        in_front.append(beside_teeth(skin_height, face, mean, jaws, shown))
    behind = [bowl, _hide(made, face, shown), lining, curtain(skin_height, face, jaws, shown, shadow)]
    return join([*in_front, _concealed(behind, skin_height, face)])


def _concealed(layers: list[Layer], skin_height: NDArray[np.float32], face: FacePlacement) -> Layer:
    """What of them lies behind the lips, where it is needed, is seen by the photo, or lies behind the cheeks."""
    layer = join(layers)
    needed = (np.abs(layer.u[:, 0]) < BEHIND_LIPS) | layer.seen
    return layer.take(needed | behind_cheeks(layer.position, skin_height, face))


def _light(skin: NDArray[np.float32], saturation: float) -> NDArray[np.float64]:
    """Factor (3,) that brings colours under neutral light to that of the photo's ``skin`` (N, 3)."""
    brightness = skin.mean(-1)
    lit = skin[brightness >= np.percentile(brightness, 85)].mean(0)
    exposure = np.clip(np.percentile(brightness, 70) / 0.72, 0.35, 1.15) ** 0.7
    if saturation < COLOURED:
        return np.full(3, exposure)
    tint = lit / REFERENCE_SKIN
    return exposure * np.clip(tint / tint.max(), 0.6, 1.0) ** 0.6


def _unseen_enamel(
    picture: NDArray[np.float32], face: FacePlacement, light: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Colour (3,) of front teeth that the photo hides: by the cheeks', and as bright as its ``light`` at least."""
    x, y = face.landmarks[list(CHEEKS), :2].astype(int).clip(0, len(picture) - 1).T
    cheek = np.median(picture[y, x], axis=0)
    beside = cv2.cvtColor(cheek.astype(np.float32)[None, None], cv2.COLOR_RGB2LAB)[0, 0] * TEETH_BESIDE_SKIN
    beside[0] = min(beside[0], LIGHTEST)
    enamel = cv2.cvtColor(beside.astype(np.float32)[None, None], cv2.COLOR_LAB2RGB)[0, 0]
    lit = ENAMEL * FRONT_SHADE * light
    return np.asarray(enamel * max(1.0, float(lit.mean() / max(enamel.mean(), 1e-3))), np.float64)


def _socket_rim(jaws: Jaws) -> NDArray[np.float64]:
    """(2, `EDGE_POINTS`, 3) where the lining ends, round the bowl: above and below, each from the right to the left."""
    angle = np.linspace(np.pi, 0, EDGE_POINTS)
    across = SOCKET_CENTRE[0] + LINING_WIDTH * SOCKET_RADII[0] * np.cos(angle)
    up = LINING_WIDTH * SOCKET_RADII[1] * np.sin(angle)
    back = np.full(EDGE_POINTS, SOCKET_FRONT - SOCKET_DEPTH * LINING_END)
    u = np.stack([np.stack([across, SOCKET_CENTRE[1] + side * up, back], -1) for side in (1, -1)])
    return u + jaws.of_socket(u)


def _socket(face: FacePlacement, jaws: Jaws, light: NDArray[np.float64], shown: ShownMouth | None) -> Layer:
    """The bowl, in the colours of the mouth's inside where the photo tells them."""
    step = SOCKET_STEP * SHEET_STEP
    rows = np.arange(SOCKET_TOP, SOCKET_BOTTOM, -step)
    layer = _placed(face, jaws, socket(rows, step), SOCKET, light)
    between = np.abs(layer.u[:, 1] - LIP_LINE) < STRETCHED
    layer.upward[between] *= np.float32(max(WIDEST_STRETCH / jaws.stretch, 1.0))
    if shown is not None and shown.tells_inside:
        places = project(layer.position)
        layer.colour += shown.at(places, shown.share)[:, None] * (shown.at(places, shown.behind) - layer.colour)
    return layer


def _placed(face: FacePlacement, jaws: Jaws, sheet: Sheet, part: int, light: NDArray[np.floating]) -> Layer:
    """A sheet at the photo's own mouth."""
    if part == SOCKET:
        offset = jaws.of_socket(sheet.u)
    else:
        offset = jaws.upper if part in FIXED else jaws.lower
        raised = dict.fromkeys((UPPER_TEETH, UPPER_GUMS), jaws.upper_teeth)
        raised |= dict.fromkeys((LOWER_TEETH, LOWER_GUMS), jaws.lower_teeth)
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
    they end as it shows them; a tongue behind nothing but teeth stays."""
    places = project(sheets.position)
    gone = shown.at(places, shown.opening) & (shown.tells_inside | (sheets.part != TONGUE))
    if shown.upper.any():
        _, down = LipFrame(face).locate(places[:, 0], places[:, 1])
        gone |= (sheets.part == UPPER_TEETH) & (down >= 1)
    return sheets.take(~gone)
