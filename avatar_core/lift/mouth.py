"""The inside of the mouth: teeth, gums, tongue and socket behind the lips, and what an open mouth shows in the photo.

In: canvas colours and `FacePlacement`. Out: one `Layer`.

The shapes are given as parametric sheets on the mean face, where the motion networks expect them (teeth in arches
behind the lips, upper edges at the lip line), and moved to the photo's own mouth: the upper half with the skull, the
lower half with the jaw.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.avatar import PART_NAMES
from avatar_core.lift.canvas import UNITS_PER_PIXEL, project, unproject
from avatar_core.lift.fill import push_pull
from avatar_core.lift.layer import Layer, join, surface_steps
from avatar_core.lift.lining import EDGE_POINTS, lip_lining
from avatar_core.lift.pose import FacePlacement
from avatar_core.lift.shield import behind_cheeks
from avatar_core.tracking.topology import CHIN, INNER_LIPS, LOWER_LIP_INNER, UPPER_LIP_INNER

UPPER_GUMS, LOWER_GUMS, TONGUE, SOCKET, UPPER_TEETH, LOWER_TEETH = (
    PART_NAMES.index(name)
    for name in ("upper_gums", "lower_gums", "tongue", "mouth_socket", "upper_teeth", "lower_teeth")
)

LIP_LINE = -0.70  # canonical y where the lips meet on the mean face
ARCH_FRONT_UPPER, ARCH_FRONT_LOWER = 0.246, 0.222  # canonical z of the front teeth
FIXED = (UPPER_GUMS, UPPER_TEETH)  # to the skull: no expression moves them
UPPER_EDGE, LOWER_EDGE = -0.740, -0.722  # canonical y of the biting edges
GUM_TOP, GUM_BOTTOM = -0.46, -0.93
TOOTH_BORDERS = np.array([0.0, 0.090, 0.160, 0.240, 0.315, 0.385])
"""Arc length from the midline to the borders between teeth: incisors, canine, premolars (8.5, 6.5, 7.5, 7, 7 mm)."""
CROWN_HEIGHTS = np.array([0.112, 0.100, 0.108, 0.094, 0.088])
EDGE_RISES = np.array([0.0, 0.008, 0.002, 0.012, 0.018])
LOWER_TOOTH_SCALE, LOWER_TEETH_SHADE = 0.82, 0.93
ENAMEL, GUM_COLOUR, TONGUE_COLOUR, SOCKET_COLOUR = (
    np.array(rgb) for rgb in ((0.90, 0.84, 0.75), (0.60, 0.32, 0.31), (0.62, 0.33, 0.32), (0.25, 0.10, 0.095))
)
REFERENCE_SKIN = np.array([0.93, 0.76, 0.67])  # lit skin under neutral light, to which the colours above belong

SOCKET_CENTRE, SOCKET_RADII = (0.0, -0.69), (0.54, 0.28)
SOCKET_FRONT, SOCKET_DEPTH = 0.10, 0.60
BEHIND_LIPS = 0.3  # canonical |x|, a little more than the mouth's
SOCKET_RIM = 0.3  # of the bowl's depth: the rest would come out through an opening cheek
LINING_END, LINING_WIDTH = 0.6, 0.85
"""Where the lips' lining ends, in shares of the bowl's depth and width: past its rim, which moves otherwise, and within
the cheeks."""
LIP_CLEARANCE = 0.03  # inter-ocular distances between the lips' inside and the teeth
SHEET_STEP = 0.8  # pixels between samples
SMILE_GAP = 0.18  # inter-ocular distances of lip gap up to which visible teeth are nearly all upper ones
DEPTH_OF_SHADOW = 0.14  # inter-ocular distances that tongue and shadows lie behind the teeth
MOST_SATURATED_TOOTH, FAINTEST_TOOTH, FEWEST_TOOTH_PIXELS = 0.42, 0.75, 40
"""Colours between the lips that are teeth: how saturated at most, how bright beside lit enamel at least."""
FRONT_SHADE = 0.9  # of the front teeth's middle
SMOOTH_SHADOW = 5  # pixels over which single ones lie as deep as their neighbours
CLENCHED_BORDER = 0.9  # share of the gap, from the upper lip, that they then fill
JAW_POINTS = (CHIN, 175, 199, 200)
LOWER_LIP_POINTS = (14, 15, 16, 17)


@dataclass(frozen=True)
class _Offsets:
    """Canonical translations (3,) from the mean face to the photo: of the skull's half, of the jaw's half."""

    upper: NDArray[np.float64]
    lower: NDArray[np.float64]


def build_mouth(
    picture: NDArray[np.float32], skin_height: NDArray[np.float32], face: FacePlacement, mean: NDArray[np.floating]
) -> Layer:
    """Everything behind the lips; ``picture`` (S, S, 3) in [0, 1], ``skin_height`` (S, S), ``mean`` (478, 3)."""
    offsets = _offsets(face, np.asarray(mean))
    light = _light(picture, face)
    enamel = _photographed_enamel(picture, face, ENAMEL * light)
    of_teeth = light if enamel is None else enamel / (ENAMEL * FRONT_SHADE)
    sheets = [
        _sheet(face, offsets, of_teeth if part in (UPPER_TEETH, LOWER_TEETH) else light, part, *shape)
        for part, shape in (
            (SOCKET, _socket()), (UPPER_GUMS, _gums(upper=True)), (LOWER_GUMS, _gums(upper=False)),
            (TONGUE, _tongue()), (UPPER_TEETH, _teeth(upper=True)), (LOWER_TEETH, _teeth(upper=False)),
        )
    ]  # fmt: skip
    lining = lip_lining(picture, face, mean, _socket_rim(offsets), SOCKET_COLOUR * light)
    made, lining = (_concealed(layer, skin_height, face) for layer in (join(sheets), lining))
    if not face.mouth.any():
        return join([made, lining])
    hidden = _hide(made, face, teeth_seen=enamel is not None)
    return join([hidden, _photographed(picture, skin_height, face, offsets), lining])


def _concealed(layer: Layer, skin_height: NDArray[np.float32], face: FacePlacement) -> Layer:
    """What of it lies behind the lips, where it is needed, or behind the cheeks."""
    return layer.take(behind_cheeks(layer.position, skin_height, face) | (np.abs(layer.u[:, 0]) < BEHIND_LIPS))


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


def _photographed_enamel(
    picture: NDArray[np.float32], face: FacePlacement, expected: NDArray[np.float64]
) -> NDArray[np.floating] | None:
    """Colour (3,) of the teeth that the photo shows, None where it shows none; ``expected`` (3,) in its light."""
    colour = picture[face.mouth]
    if not len(colour):
        return None
    brightness, high = colour.mean(-1), colour.max(-1)
    saturation = (high - colour.min(-1)) / np.maximum(high, 1e-3)
    bright = (brightness > np.percentile(brightness, 60)) & (saturation < MOST_SATURATED_TOOTH)
    if bright.sum() < FEWEST_TOOTH_PIXELS or brightness[bright].mean() < FAINTEST_TOOTH * expected.mean():
        return None
    return np.median(colour[bright], axis=0)


Sheet = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], float]
"""u (H, W, 3), colour (H, W, 3), kept (H, W), share of the jaw's motion."""


def _arch(x: NDArray[np.floating], front: float) -> NDArray[np.float64]:
    """Canonical z of a dental arch."""
    return front - 2.2 * x**2 - 16.0 * x**4


def _arch_grid(front: float, half_width: float, low: float, high: float) -> tuple[NDArray[np.float64], ...]:
    """Grid on the arch with rows from ``high`` to ``low``: arc length from the midline, u (H, W, 3)."""
    step = SHEET_STEP / 100.0
    x = np.arange(-half_width, half_width + step, step)
    z = _arch(x, front)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    length -= np.interp(0.0, x, length)
    even = np.arange(length[0], length[-1], step)
    x = np.interp(even, length, x)
    y = np.arange(high, low, -step)
    grid_x, grid_y = np.meshgrid(x, y)
    return np.abs(np.broadcast_to(even, grid_x.shape)), np.stack([grid_x, grid_y, _arch(grid_x, front)], -1)


def _teeth(*, upper: bool) -> Sheet:
    """Crowns, each with rounded corners and darker borders."""
    if upper:
        arc, u = _arch_grid(ARCH_FRONT_UPPER, 0.27, UPPER_EDGE - 0.01, -0.55)
        from_edge, size = u[..., 1] - UPPER_EDGE, 1.0
    else:
        arc, u = _arch_grid(ARCH_FRONT_LOWER, 0.25, -0.84, LOWER_EDGE + 0.01)
        from_edge, size = LOWER_EDGE - u[..., 1], LOWER_TOOTH_SCALE
    arc = arc / size
    tooth = np.clip(np.searchsorted(TOOTH_BORDERS, arc, side="right") - 1, 0, len(CROWN_HEIGHTS) - 1)
    start, end = TOOTH_BORDERS[tooth], TOOTH_BORDERS[tooth + 1]
    across = 2 * np.abs((arc - start) / (end - start) - 0.5)
    from_edge = from_edge - 0.010 * across**4 - EDGE_RISES[tooth]
    height = CROWN_HEIGHTS[tooth] * (1.0 if upper else 0.85) - 0.03 * across**2
    kept = (from_edge > 0) & (from_edge < height) & (arc < TOOTH_BORDERS[-1])
    border = 1 - 0.22 * across**8
    inward = 1 - 0.78 * np.clip(arc / 0.42, 0, 1) ** 2
    vertical = 1.0 - 0.22 * np.clip(from_edge / height, 0, 1)
    shade = np.clip(border * inward * vertical, 0, 1) * (1.0 if upper else LOWER_TEETH_SHADE)
    colour = ENAMEL ** (1 + 0.6 * (1 - shade[..., None])) * shade[..., None]
    return u, colour, kept, 0.0 if upper else 1.0


def _gums(*, upper: bool) -> Sheet:
    """Gums just behind the crowns, as far as the lips can bare them."""
    if upper:
        arc, u = _arch_grid(ARCH_FRONT_UPPER - 0.012, 0.28, -0.66, GUM_TOP)
    else:
        arc, u = _arch_grid(ARCH_FRONT_LOWER - 0.012, 0.26, GUM_BOTTOM, -0.75)
    shade = 0.85 * (1 - 0.7 * np.clip(arc / 0.42, 0, 1) ** 2)
    return u, GUM_COLOUR * shade[..., None], np.ones(arc.shape, bool), 0.0 if upper else 1.0


def _tongue() -> Sheet:
    """The tongue's upper side from the tip backwards, and its rounded front."""
    step = 1.2 * SHEET_STEP / 100.0
    along, side = np.meshgrid(np.arange(0, 1, step / 0.75), np.arange(-1, 1, step / 0.2), indexing="ij")
    along = along[::-1]
    half_width = 0.20 * np.sqrt(np.clip(along / 0.45, 0, 1)) + 0.005
    z = 0.10 - 0.62 * along
    y = -0.76 + 0.10 * np.sin(np.clip(along / 0.75, 0, 1) * np.pi / 2) - 0.07 * side**2 + 0.012 * np.abs(side) ** 0.5
    u = np.stack([side * half_width, y, z], -1)
    shade = (1 - 0.35 * side**2) * (1 - 0.65 * np.clip(along, 0, 1))
    return u, TONGUE_COLOUR * shade[..., None], np.ones(shade.shape, bool), 1.0


def _socket() -> Sheet:
    """A dark bowl that closes the mouth at the back and the sides."""
    step = 1.6 * SHEET_STEP / 100.0
    x, y = np.meshgrid(np.arange(-0.53, 0.53, step), np.arange(-0.42, -0.96, -step))
    (middle_x, middle_y), (half_width, half_height) = SOCKET_CENTRE, SOCKET_RADII
    bowl = np.sqrt(np.clip(1 - ((x - middle_x) / half_width) ** 2, 0, 1))
    bowl *= np.sqrt(np.clip(1 - ((y - middle_y) / half_height) ** 2, 0, 1))
    u = np.stack([x, y, SOCKET_FRONT - SOCKET_DEPTH * bowl], -1)
    shade = 1.0 - 0.65 * bowl
    return u, SOCKET_COLOUR * shade[..., None], bowl > SOCKET_RIM, 0.5


def _socket_rim(offsets: _Offsets) -> NDArray[np.float64]:
    """(2, `EDGE_POINTS`, 3) where the lining ends, round the bowl: above and below, each from the right to the left."""
    angle = np.linspace(np.pi, 0, EDGE_POINTS)
    across = SOCKET_CENTRE[0] + LINING_WIDTH * SOCKET_RADII[0] * np.cos(angle)
    up = LINING_WIDTH * SOCKET_RADII[1] * np.sin(angle)
    back = np.full(EDGE_POINTS, SOCKET_FRONT - SOCKET_DEPTH * LINING_END)
    u = np.stack([np.stack([across, SOCKET_CENTRE[1] + side * up, back], -1) for side in (1, -1)])
    return u + _socket_offset(u, offsets)


def _socket_offset(u: NDArray[np.floating], offsets: _Offsets) -> NDArray[np.float64]:
    """Translations (..., 3) of the socket's points: above with the skull, below with the jaw."""
    share = np.clip((LIP_LINE + 0.1 - u[..., 1:2]) / 0.2, 0, 1)
    return offsets.upper * (1 - share) + offsets.lower * share


def _sheet(
    face: FacePlacement, offsets: _Offsets, light: NDArray[np.float64], part: int, u: NDArray[np.float64],
    colour: NDArray[np.float64], kept: NDArray[np.bool_], jaw_share: float,
) -> Layer:  # fmt: skip
    if part == SOCKET:
        offset = _socket_offset(u, offsets)
    else:
        offset = offsets.upper * (1 - jaw_share) + offsets.lower * jaw_share
    position = face.to_head.apply(u + offset).astype(np.float32)
    across = np.gradient(position, axis=1)
    upward = -np.gradient(position, axis=0)
    count = int(kept.sum())
    return Layer(
        position=position[kept],
        across=across[kept],
        upward=upward[kept],
        colour=np.clip(colour[kept] * light, 0, 1).astype(np.float32),
        coverage=np.ones(count, np.float32),
        u=u[kept].astype(np.float32),
        part=np.full(count, part, np.uint8),
        neck_weight=np.ones(count, np.float32),
        expression_weight=np.full(count, part not in FIXED, np.float32),
        seen=np.zeros(count, bool),
    )


def _hide(sheet: Layer, face: FacePlacement, *, teeth_seen: bool) -> Layer:
    """Without what would show through the open mouth: there the photo itself knows better (the socket stays). Where it
    shows the teeth, they end as it shows them."""
    placed = project(sheet.position)
    cells = np.clip(placed[:, :2].astype(int), 0, len(face.mouth) - 1)
    gone = face.mouth[cells[:, 1], cells[:, 0]] & (sheet.part != SOCKET)
    if teeth_seen:
        gone |= (sheet.part == UPPER_TEETH) & (_share_down(face, placed[:, 0], placed[:, 1]) >= 1)
    return sheet.take(~gone)


def _photographed(
    picture: NDArray[np.float32], skin_height: NDArray[np.float32], face: FacePlacement, offsets: _Offsets
) -> Layer:
    """The photo's own pixels between the lips, and a little further under them."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    wide = cv2.dilate(face.mouth.astype(np.uint8), disc) > 0
    rows, columns = (slice(int(v.min()) - 2, int(v.max()) + 3) for v in np.nonzero(wide))
    mouth, wide = face.mouth[rows, columns], wide[rows, columns]
    certain = cv2.erode(mouth.astype(np.uint8), np.ones((2, 2), np.uint8)) > 0
    patch = push_pull(picture[rows, columns], certain.astype(np.float32))
    patch = np.where(mouth[..., None], picture[rows, columns], patch)
    y, x = np.nonzero(wide)
    centre_x, centre_y = x + columns.start + 0.5, y + rows.start + 0.5
    down = _share_down(face, centre_x, centre_y)
    part, lowered, dark = _recognise(patch[y, x], down, face)
    shadow = np.zeros(wide.shape, np.uint8)
    shadow[y, x] = dark & ~lowered  # what the jaw lowers would float in the opening mouth
    deep = cv2.medianBlur(shadow, SMOOTH_SHADOW)[y, x] > 0

    flat = unproject(centre_x, centre_y, np.full(len(x), face.head[UPPER_LIP_INNER, 2] / UNITS_PER_PIXEL))
    seen = face.to_head.invert(flat)
    offset = np.where(lowered[:, None], offsets.lower, offsets.upper)
    u = seen - offset
    front = np.where(lowered, ARCH_FRONT_LOWER, ARCH_FRONT_UPPER)
    u[:, 2] = _arch(np.clip(u[:, 0], -0.28, 0.28), 0.0) + front - np.where(deep, DEPTH_OF_SHADOW, 0.0)
    height = face.height_of(u + offset)
    height = np.minimum(height, skin_height[rows, columns][y, x] - 0.5 * LIP_CLEARANCE * face.eye_distance)
    surface = np.zeros((*wide.shape, 3), np.float32)
    surface[y, x] = unproject(centre_x, centre_y, height)
    across, upward = surface_steps(surface, wide)
    return Layer(
        position=surface[y, x],
        across=across[y, x],
        upward=upward[y, x],
        colour=patch[y, x],
        coverage=np.ones(len(x), np.float32),
        u=u.astype(np.float32),
        part=part,
        neck_weight=np.ones(len(x), np.float32),
        expression_weight=(~np.isin(part, FIXED)).astype(np.float32),
        seen=mouth[y, x],
    )


def _share_down(face: FacePlacement, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
    """0 at the upper lip, 1 at the lower lip."""
    upper = face.landmarks[list(INNER_LIPS[:11]), :2]
    lower = face.landmarks[[INNER_LIPS[0], *INNER_LIPS[:9:-1]], :2]
    top, bottom = np.interp(x, upper[:, 0], upper[:, 1]), np.interp(x, lower[:, 0], lower[:, 1])
    return np.clip((y - top) / np.maximum(bottom - top, 1.0), 0, 1)


def _recognise(
    colour: NDArray[np.float32], down: NDArray[np.floating], face: FacePlacement
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels between the lips (N,): part labels, whether they move with the jaw, whether they are no teeth.

    All are bound rigidly to one of the jaws, tongue and shadows too: what stretches between the jaws would smear.
    """
    brightness, high = colour.mean(-1), colour.max(-1)
    saturation = (high - colour.min(-1)) / np.maximum(high, 1e-3)
    reference = np.percentile(brightness, 92)
    gap = np.linalg.norm(face.canonical[UPPER_LIP_INNER] - face.canonical[LOWER_LIP_INNER])
    lowered = down > (CLENCHED_BORDER if gap < SMILE_GAP else 0.5)
    part = np.where(lowered, LOWER_TEETH, UPPER_TEETH)
    deep = (brightness < 0.55 * reference) | (saturation > MOST_SATURATED_TOOTH)
    return part.astype(np.uint8), lowered, deep
