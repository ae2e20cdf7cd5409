"""Neck, shoulders and clothes, continued unseen behind the jaw; and the far side of head and body.

In: `Surfaces`, `Matte`, `FacePlacement`. Out: `Layer`s.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.avatar import PART_NAMES
from avatar_core.lift.canvas import CANVAS_SIZE, CROP_SIZE, MARGIN_LEFT, MARGIN_TOP, pixel_grid, seen_at, unproject
from avatar_core.lift.coordinates import (
    Registration,
    body_expression_weight,
    body_part,
    neck_weight,
)
from avatar_core.lift.far_side import lit_skin
from avatar_core.lift.fill import continuation, nearest
from avatar_core.lift.layer import Layer, surface_steps
from avatar_core.lift.maps import distance_from, lattice, median_colour, pick, smoothstep
from avatar_core.lift.matte import FAINT, Matte
from avatar_core.lift.pose import FACING, FacePlacement
from avatar_core.lift.surfaces import NECK_CENTRE_Z, NECK_HALF_WIDTH, Surfaces
from avatar_core.rendering.jit import kernel
from avatar_core.tracking.topology import CHIN

BEHIND_JAW = 0.4  # inter-ocular distances that the body goes on behind head and hair
THROAT_SHADE, SHADE_REACH = 0.8, 0.6  # behind the chin, so many inter-ocular distances from what is seen of the throat
SAME_HAIR = 0.15  # RGB distance up to which what is above and below the jaw's level is the same hair, hanging
THROAT_SPREAD = 0.3  # RGB distance from the throat's median colour that still counts as throat
THROAT_BAND = 0.3  # inter-ocular distances below the jaw where the throat's colour is looked for
MESH_CLEARANCE, CLEARANCE_RAMP = 0.15, 0.12
"""How far the hidden throat stays behind the face, and over which distance from its edge that is reached."""
THROAT_CONTACT = 0.2  # how far behind the jaw the hidden throat moves with the edge of the visible one
LOWER_LIP, FOREHEAD, NOSE_BASE = 17, 10, 2
LIPS_INSIDE = (13, 14)
MARGIN_STRIDE = 3  # outside the default view every third pixel does, both ways
BACK_CLEARANCE, BACK_JOIN = 0.3, 0.35
"""How far the far side keeps behind the near one, and from what distance from the silhouette, where they meet
(inter-ocular distances)."""
BACK_STRIDE = 4
SMALLEST_PIECE = 0.03  # share of the far side's samples below which a piece of it that is left alone goes, too
HIDDEN_STRIDE = 2  # one of so many pixels of what is hidden is enough, both ways
JAW_TRACE = 3.0  # pixels below the jaw where the photo mixes it into the neck: a line, once the head turns
HIDDEN_FADE = 8.0  # pixels over which what is hidden fades out where it ends, away from what is visible
HIDDEN_INSET, JOINT, SOLID = 4.0, 2.0, 0.9
"""Pixels that what is hidden keeps from the person's soft outline, where it would be seen as steps; but not within
`JOINT` pixels of body of so much coverage, which it joins."""
SMALL_PERSON = 130_000  # pixels of the canvas
BACK_INSET = 9  # pixels, twice the distance the far side keeps from the soft rim
FACE_CLEARANCE, STEEP_SPAN = 5.0, 9
"""Pixels that the hidden body keeps behind head and hair, and behind all of them within so many pixels: beside a wall
as steep as an ear's it would else show through."""
SOCKET_REACH, SOCKET_ROOM = np.array([0.62, 0.38], np.float32), 0.75
"""Inter-ocular distances round the mouth, and by how much what lies behind it stays clear of the mouth's socket."""
BACK = PART_NAMES.index("back")


@dataclass(frozen=True)
class HiddenBody:
    """Where the body is seen and where it goes on behind the head, all (S, S): visible, the part of ``visible`` that is
    next to the head and has something of its colour, hidden, the part of ``hidden`` that is the neck's column; away
    (S, S) pixels to what is visible."""

    visible: NDArray[np.bool_]
    tinged: NDArray[np.bool_]
    hidden: NDArray[np.bool_]
    column: NDArray[np.bool_]
    away: NDArray[np.float32]


def hide_body(matte: Matte, face: FacePlacement) -> HiddenBody:
    """How the body goes on behind the head."""
    x, y = pixel_grid()
    visible = (matte.alpha > FAINT) & face.body
    away = distance_from(visible)
    hidden, column = _behind_head(visible, away, matte, face, x, y)
    tinged = visible & (distance_from((face.mesh.inside | (face.jaw_edge > 0)) & ~face.body) <= JAW_TRACE)
    return HiddenBody(visible, tinged, hidden, column, away)


def build_body(
    surfaces: Surfaces,
    matte: Matte,
    face: FacePlacement,
    registered: Registration,
    behind: HiddenBody,
    height: NDArray[np.float32],
    colour: NDArray[np.float32],
) -> list[Layer]:
    """The body's visible surface and what a turned head uncovers of it, there with the ``height`` (S, S) of
    `hidden_height` and in the ``colour`` (S, S, 3) of `body_colour`; where that ends, it fades out."""
    x, y = pixel_grid()
    visible, hidden = behind.visible, behind.hidden
    points = unproject(x, y, np.where(hidden, height, surfaces.body))
    from_end = distance_from(~(visible | hidden) & (behind.away > HIDDEN_FADE))
    coverage = np.where(hidden, np.minimum(from_end / np.float32(HIDDEN_FADE), 1), matte.alpha)
    canonical_map = face.to_head.invert_map(points)
    u_map = _body_u(canonical_map, behind, registered, face)
    region = visible | hidden
    inner = np.zeros_like(region)
    inner[MARGIN_TOP : MARGIN_TOP + CROP_SIZE, MARGIN_LEFT : MARGIN_LEFT + CROP_SIZE] = True
    layers: list[Layer] = []
    hidden_stride = 1 if _is_small(matte) else HIDDEN_STRIDE
    for mask, stride in ((inner & visible, 1), (inner & ~visible, hidden_stride), (~inner, MARGIN_STRIDE)):
        across, upward = surface_steps(points, region, stride)
        chosen = np.flatnonzero(region & mask & lattice(region.shape, stride))
        canonical, u = pick(canonical_map, chosen), pick(u_map, chosen)
        moves = body_expression_weight(u, pick(registered.distance, chosen))
        layers.append(
            Layer(
                position=pick(points, chosen),
                across=pick(across, chosen),
                upward=pick(upward, chosen),
                colour=pick(colour, chosen),
                coverage=pick(coverage, chosen),
                u=u,
                part=body_part(moves),
                neck_weight=neck_weight(canonical),
                expression_weight=moves,
                seen=pick(visible & inner, chosen),
            )
        )
    return layers


def build_back(
    surfaces: Surfaces,
    matte: Matte,
    face: FacePlacement,
    behind: HiddenBody,
    height: NDArray[np.float32],
    colour: NDArray[np.float32],
) -> Layer:
    """The far side of the person in the colours (S, S, 3) of `far_side_colour`."""
    x, y = pixel_grid()
    front = np.where(face.body, surfaces.body, surfaces.head)
    front = np.where(behind.hidden, height, front)
    opaque = (matte.alpha > 0.9).astype(np.uint8)
    inwards = cv2.distanceTransform(opaque, cv2.DIST_L2, 5) / np.float32(BACK_JOIN * face.eye_distance)
    clearance = np.float32(BACK_CLEARANCE * face.eye_distance) * smoothstep(inwards)
    points = unproject(x, y, np.minimum(surfaces.back, front - clearance))
    solid = cv2.erode(opaque, np.ones((BACK_INSET, BACK_INSET), np.uint8)) > 0
    stride = 2 if _is_small(matte) else BACK_STRIDE
    across, upward = surface_steps(points, solid, stride)
    chosen = np.flatnonzero(solid & lattice(solid.shape, stride))
    canonical = face.to_head.invert_map(pick(points, chosen))
    count = len(canonical)
    return Layer(
        position=pick(points, chosen),
        across=-pick(across, chosen),
        upward=pick(upward, chosen),
        colour=pick(colour, chosen),
        coverage=np.ones(count, np.float32),
        u=canonical,
        part=np.full(count, BACK, np.uint8),
        neck_weight=neck_weight(canonical),
        expression_weight=np.zeros(count, np.float32),
        seen=np.zeros(count, bool),
    )


def _is_small(matte: Matte) -> bool:
    """Whether the person covers so little of the canvas that what is hidden gets more Gaussians than usual."""
    return int((matte.alpha > FAINT).sum()) < SMALL_PERSON


def without_scraps(back: Layer, kept: NDArray[np.bool_]) -> Layer:
    """The samples of `build_back` that are ``kept`` (N,), less small pieces that hang together with nothing: a far side
    that a template replaces all round them."""
    if kept.all():
        return back
    cells = np.clip((seen_at(back.position) / BACK_STRIDE).astype(int), 0, CANVAS_SIZE // BACK_STRIDE - 1)
    left = np.zeros((CANVAS_SIZE // BACK_STRIDE,) * 2, np.uint8)
    left[cells[kept, 1], cells[kept, 0]] = 1
    joined = cv2.dilate(left, np.ones((3, 3), np.uint8))
    _, piece = cv2.connectedComponents(joined)
    size = np.bincount(piece[left > 0], minlength=int(piece.max()) + 1)
    whole = size >= SMALLEST_PIECE * len(back)
    return back.take(kept & whole[piece[cells[:, 1], cells[:, 0]]])


def _behind_head(
    visible: NDArray[np.bool_], away: NDArray[np.float32], matte: Matte, face: FacePlacement, x: NDArray[np.float32],
    y: NDArray[np.float32],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:  # fmt: skip
    """Where the body goes on behind the head, and the part of that which is the neck's column."""
    near = away <= (int(BEHIND_JAW * face.eye_distance) | 1) // 2
    left, right = face.landmarks[172, 0], face.landmarks[397, 0]
    top, bottom = face.landmarks[NOSE_BASE, 1], face.landmarks[CHIN, 1] + face.eye_distance
    column = (x > left) & (x < right) & (y > top) & (y < bottom)
    head = (matte.alpha > 0.5) & ~face.body
    joined = distance_from(face.body & (matte.alpha > SOLID)) < JOINT
    inner = joined | (distance_from(matte.alpha < 0.5) > HIDDEN_INSET)
    hidden = (near | column) & head & inner & ~visible & ~_beside_neck(face, x, y)
    return hidden, column & hidden


def _beside_neck(face: FacePlacement, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(S, S) on the far side of a turned head, beside its neck and above the chin: nothing of the body is there."""
    rotation, unit = face.to_head.rotation, face.eye_distance
    if abs(np.arctan2(rotation[0, 2], rotation[2, 2])) < FACING:
        return np.zeros(x.shape, bool)
    towards_neck = rotation @ (np.array([0.0, 0.0, NECK_CENTRE_Z]) - face.canonical[CHIN] * np.array([0.0, 0.0, 1.0]))
    middle = face.landmarks[CHIN, 0] + towards_neck[0] * unit
    off = (x - np.float32(middle)) * np.float32(np.sign(rotation[0, 2]) / unit)
    return (off > NECK_HALF_WIDTH) & (y < face.landmarks[CHIN, 1])


def body_colour(behind: HiddenBody, matte: Matte, face: FacePlacement) -> NDArray[np.float32]:
    """The body's colours (S, S, 3): behind the head hair and clothes go on, the throat takes those next to the jaw;
    what is tinged by the head is coloured as if it were hidden."""
    _, y = pixel_grid()
    visible, column = behind.visible, behind.column
    core = cv2.erode((visible & ~behind.tinged).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    core &= cv2.erode(visible.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0  # a soft outline reaches farther in
    continued = continuation(matte.foreground, (core if core.any() else visible).astype(np.float32))
    near_jaw = distance_from(face.mesh.inside) <= (int(THROAT_BAND * face.eye_distance) | 1) // 2 + 1
    columns = column.any(0)
    throat = core & near_jaw & columns[None, :] & (y > face.landmarks[[172, 397], 1].mean())
    if throat.any():  # collars and hair are left out
        found = matte.foreground[throat]
        throat[throat] = np.linalg.norm(found - median_colour(found), axis=-1) < THROAT_SPREAD
    if throat.sum() < 30:
        throat = face.mesh.inside & (y > face.landmarks[LOWER_LIP, 1])
    skin = continuation(matte.foreground, throat.astype(np.float32))
    shade = 1 - np.float32(1 - THROAT_SHADE) * smoothstep(behind.away / np.float32(SHADE_REACH * face.eye_distance))
    other = np.linalg.norm(matte.foreground - continued, axis=-1) > SAME_HAIR
    other |= lit_skin(matte.foreground, face.mesh.inside)
    of_neck = column | (behind.hidden & ~_level_with(core, face) & (y < face.landmarks[CHIN, 1]) & other)
    share = cv2.GaussianBlur(of_neck.astype(np.float32), (0, 0), 0.04 * face.eye_distance)
    return mix_hidden(matte.foreground, behind.hidden | behind.tinged, continued, skin, shade, share)


def _level_with(body: NDArray[np.bool_], face: FacePlacement) -> NDArray[np.bool_]:
    """(S, S) where the ``body`` (S, S) is seen at the same height, so near that its hair or clothes may go on there;
    elsewhere those below a bare neck would."""
    reach = int(BEHIND_JAW * face.eye_distance)
    return cv2.dilate(body.astype(np.uint8), np.ones((1, 2 * reach + 1), np.uint8)) > 0


@kernel()
def mix_hidden(foreground, hidden, continued, skin, shade, share):
    """``foreground`` (S, S, 3) where not ``hidden`` (S, S); there ``continued`` and, by ``share`` (S, S), ``skin`` in
    ``shade`` (S, S)."""
    result = foreground.copy()
    for y in range(hidden.shape[0]):
        for x in range(hidden.shape[1]):
            if hidden[y, x]:
                for channel in range(3):
                    own = continued[y, x, channel]
                    result[y, x, channel] = own + share[y, x] * (shade[y, x] * skin[y, x, channel] - own)
    return result


def hidden_height(surfaces: Surfaces, behind: HiddenBody, face: FacePlacement) -> NDArray[np.float32]:
    """Heights (S, S) behind the head: the body's own at its edge, then falling back to keep clear of the face."""
    x, y = pixel_grid()
    unit = np.float32(face.eye_distance)
    clearance = np.where(face.mesh.inside, np.float32(MESH_CLEARANCE) * unit, np.float32(FACE_CLEARANCE))
    above_chin = np.clip((np.float32(face.landmarks[CHIN, 1]) - y[:, :1]) / unit, 0, 1)
    clearance += behind.column * (np.float32(0.5) * above_chin * unit)
    across, down = SOCKET_REACH * unit
    middle = face.landmarks[list(LIPS_INSIDE), :2].mean(0)
    off = ((x - middle[0]) / across) ** 2 + ((y - middle[1]) / down) ** 2
    clearance += np.float32(SOCKET_ROOM) * unit * np.clip(1 - off, 0, 1)
    clearance *= np.clip(behind.away / (np.float32(CLEARANCE_RAMP) * unit), 0.1, 1)
    return np.minimum(surfaces.body, cv2.erode(surfaces.head, np.ones((STEEP_SPAN, STEEP_SPAN), np.uint8)) - clearance)


def _body_u(
    canonical: NDArray[np.float32], behind: HiddenBody, registered: Registration, face: FacePlacement
) -> NDArray[np.float32]:
    """u (S, S, 3): what is hidden moves as the body's edge does next to it, so that nothing tears open there."""
    u = registered.outside(canonical)
    edge, contact = nearest(u, behind.visible), np.float32(THROAT_CONTACT * face.eye_distance)
    return follow_edge(u, edge, canonical, registered.offset, behind.hidden, behind.away, contact)


@kernel()
def follow_edge(u, edge, canonical, offset, hidden, away, contact):
    """``u`` (S, S, 3), and where it is hidden ``edge`` near what is visible, the free position farther off."""
    result = u.copy()
    for y in range(hidden.shape[0]):
        for x in range(hidden.shape[1]):
            if hidden[y, x]:
                share = np.exp(-((away[y, x] / contact) ** 2))
                for channel in range(3):
                    free = canonical[y, x, channel] + offset[y, x, channel]
                    result[y, x, channel] = free + share * (edge[y, x, channel] - free)
    return result
