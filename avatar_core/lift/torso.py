"""Neck, shoulders and clothes, continued unseen behind the jaw; and the far side of head and body.

In: `Surfaces`, `Matte`, `FacePlacement`. Out: two `Layer`s.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.avatar import PART_NAMES
from avatar_core.lift.canvas import CROP_SIZE, MARGIN_LEFT, MARGIN_TOP, pixel_grid, unproject
from avatar_core.lift.coordinates import (
    Registration,
    body_expression_weight,
    body_part,
    neck_weight,
)
from avatar_core.lift.fill import nearest, push_pull
from avatar_core.lift.layer import Layer, join, surface_steps
from avatar_core.lift.maps import distance_from
from avatar_core.lift.matte import FAINT, Matte
from avatar_core.lift.pose import FacePlacement
from avatar_core.lift.relief import Relief
from avatar_core.lift.surfaces import Surfaces
from avatar_core.tracking.topology import CHIN

BEHIND_JAW = 0.4  # inter-ocular distances that the body goes on behind head and hair
THROAT_SHADE = 0.8  # high up behind the chin
THROAT_SPREAD = 0.3  # RGB distance from the throat's median colour that still counts as throat
THROAT_BAND = 0.3  # inter-ocular distances below the jaw where the throat's colour is looked for
MESH_CLEARANCE, CLEARANCE_RAMP = 0.15, 0.12
"""How far the hidden throat stays behind the face, and over which distance from its edge that is reached."""
THROAT_CONTACT = 0.2  # how far behind the jaw the hidden throat moves with the edge of the visible one
FOLD_LENGTH, FOLD_START, FOLD_SHARE = 0.2, 6.0, 0.75
"""How far in from the rim its texture is taken (inter-ocular distances; the first pixels are soft), and how much of
it is used."""
CHEEK_WIDTH = 0.14  # inter-ocular distances beside the face mesh that may still be cheek, not hair
LOWER_LIP, FOREHEAD, NOSE_BASE = 17, 10, 2
MARGIN_STRIDE = 3  # outside the default view every third pixel does, both ways
BACK_CLEARANCE = 0.3  # inter-ocular distances that the far side keeps behind the near one
BACK_STRIDE = 4
HIDDEN_STRIDE = 2
SMALL_PERSON = 130_000  # pixels of the canvas
BACK_INSET = 9  # pixels, twice the distance the far side keeps from the soft rim
SKIN_DEVIATION = 2.2  # robust standard deviations from the face's median colour
RIM_INSET = 0.04  # inter-ocular distances: nearer to the rim some background is left in the colours
RIM_BAND = 0.26  # inter-ocular distances from the silhouette whose colours the far side takes
FACE_CLEARANCE = 5.0  # pixels
BACK = PART_NAMES.index("back")


def build_body(surfaces: Surfaces, matte: Matte, face: FacePlacement, registered: Registration) -> Layer:
    """The body's visible surface and what a turned head uncovers of it."""
    x, y = pixel_grid()
    visible = (matte.alpha > FAINT) & face.body
    hidden, column = _behind_head(visible, matte, face, x, y)
    points = unproject(x, y, np.where(hidden, _hidden_height(surfaces, visible, face, column, y), surfaces.body))
    colour = np.where(hidden[..., None], _hidden_colour(visible, column, matte, face, y), matte.foreground)
    coverage = np.where(hidden, np.float32(1), matte.alpha)
    canonical_map = face.to_head.invert(points).astype(np.float32)
    u_map = _body_u(canonical_map, visible, hidden, registered, face)
    region = visible | hidden
    inner = np.zeros_like(region)
    inner[MARGIN_TOP : MARGIN_TOP + CROP_SIZE, MARGIN_LEFT : MARGIN_LEFT + CROP_SIZE] = True
    layers = []
    hidden_stride = 1 if _is_small(matte) else HIDDEN_STRIDE
    for mask, stride in ((inner & visible, 1), (inner & ~visible, hidden_stride), (~inner, MARGIN_STRIDE)):
        across, upward = surface_steps(points, region, stride)
        chosen = region & mask & _lattice(stride)
        canonical, u = canonical_map[chosen], u_map[chosen]
        moves = body_expression_weight(u, registered.distance[chosen])
        layers.append(
            Layer(
                position=points[chosen],
                across=across[chosen],
                upward=upward[chosen],
                colour=colour[chosen],
                coverage=coverage[chosen],
                u=u,
                part=body_part(moves),
                neck_weight=neck_weight(canonical),
                expression_weight=moves,
                seen=visible[chosen] & inner[chosen],
            )
        )
    return join(layers)


def build_back(surfaces: Surfaces, matte: Matte, face: FacePlacement, registered: Registration) -> Layer:
    """The far side of the person, with the silhouette's colours pushed inwards."""
    x, y = pixel_grid()
    visible = (matte.alpha > FAINT) & face.body
    hidden, column = _behind_head(visible, matte, face, x, y)
    front = np.where(face.body, surfaces.body, surfaces.head)
    front = np.where(hidden, _hidden_height(surfaces, visible, face, column, y), front)
    points = unproject(x, y, np.minimum(surfaces.back, front - BACK_CLEARANCE * face.eye_distance))
    opaque = (matte.alpha > 0.9).astype(np.uint8)
    solid = cv2.erode(opaque, np.ones((BACK_INSET, BACK_INSET), np.uint8)) > 0
    stride = 2 if _is_small(matte) else BACK_STRIDE
    across, upward = surface_steps(points, solid, stride)
    chosen = solid & _lattice(stride)
    colour = _back_colour(matte, _rim(matte, face, registered.distance, y), x, y, face.eye_distance)
    canonical = face.to_head.invert(points[chosen]).astype(np.float32)
    count = len(canonical)
    return Layer(
        position=points[chosen],
        across=-across[chosen],
        upward=upward[chosen],
        colour=colour[chosen],
        coverage=np.ones(count, np.float32),
        u=canonical,
        part=np.full(count, BACK, np.uint8),
        neck_weight=neck_weight(canonical),
        expression_weight=np.zeros(count, np.float32),
        seen=np.zeros(count, bool),
    )


def far_side_colour(relief: Relief) -> NDArray[np.float32]:
    """Colours (S, S, 3) of the far side as `build_back` uses them."""
    x, y = pixel_grid()
    rim = _rim(relief.matte, relief.face, relief.registered.distance, y)
    return _back_colour(relief.matte, rim, x, y, relief.face.eye_distance)


def _back_colour(
    matte: Matte, rim: NDArray[np.bool_], x: NDArray[np.float32], y: NDArray[np.float32], unit: float
) -> NDArray[np.float32]:
    """Colours (S, S, 3) of the far side: the rim's hair folded inwards over and over, smooth where there is none."""
    smooth = push_pull(matte.foreground, rim.astype(np.float32))
    outside = (matte.alpha > 0.9).astype(np.uint8)
    distance, label = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.nonzero(outside == 0)
    nearest = np.zeros((int(label.max()) + 1, 2), np.float32)
    nearest[label[rows, columns]] = np.stack([columns, rows], axis=-1)
    edge = nearest[label]
    fold = FOLD_LENGTH * unit
    depth = FOLD_START + np.abs((distance + fold) % (2 * fold) - fold)
    ratio = depth / np.maximum(distance, 1.0)
    source_x = edge[..., 0] + (x - 0.5 - edge[..., 0]) * ratio
    source_y = edge[..., 1] + (y - 0.5 - edge[..., 1]) * ratio
    source = [source_x.astype(np.float32), source_y.astype(np.float32)]
    folded = cv2.remap(matte.foreground, source[0], source[1], cv2.INTER_LINEAR)
    certain = cv2.GaussianBlur(rim.astype(np.float32), (0, 0), 2.0)
    share = FOLD_SHARE * np.clip(2 * cv2.remap(certain, source[0], source[1], cv2.INTER_LINEAR) - 1, 0, 1)
    return np.asarray(smooth * (1 - share[..., None]) + folded * share[..., None], np.float32)


def _is_small(matte: Matte) -> bool:
    """Whether the person covers so little of the canvas that what is hidden gets more Gaussians than usual."""
    return int((matte.alpha > FAINT).sum()) < SMALL_PERSON


def _lattice(stride: int) -> NDArray[np.bool_]:
    x, y = pixel_grid()
    return (x.astype(int) % stride == 0) & (y.astype(int) % stride == 0)


def _behind_head(
    visible: NDArray[np.bool_], matte: Matte, face: FacePlacement, x: NDArray[np.float32], y: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where the body goes on behind the head, and the part of that which is the neck's column."""
    side = int(BEHIND_JAW * face.eye_distance) | 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    near = cv2.dilate(visible.astype(np.uint8), disc) > 0
    left, right = face.landmarks[172, 0], face.landmarks[397, 0]
    top, bottom = face.landmarks[NOSE_BASE, 1], face.landmarks[CHIN, 1] + face.eye_distance
    column = (x > left) & (x < right) & (y > top) & (y < bottom)
    head = (matte.alpha > 0.5) & ~face.body
    hidden = (near | column) & head & ~visible
    return hidden, column & hidden


def _hidden_colour(
    visible: NDArray[np.bool_], column: NDArray[np.bool_], matte: Matte, face: FacePlacement, y: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Colours (S, S, 3) behind the head: hair and clothes go on, the throat takes the colours next to the jaw."""
    core = cv2.erode(visible.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    continued = push_pull(matte.foreground, (core if core.any() else visible).astype(np.float32))
    jaw = cv2.dilate(face.mesh.inside.astype(np.uint8), np.ones((3, 3), np.uint8))
    reach = int(THROAT_BAND * face.eye_distance) | 1
    near_jaw = cv2.dilate(jaw, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))) > 0
    columns = column.any(0)
    throat = core & near_jaw & columns[None, :] & (y > face.landmarks[[172, 397], 1].mean())
    if throat.any():  # collars and hair are left out
        usual = np.median(matte.foreground[throat], axis=0)
        throat &= np.linalg.norm(matte.foreground - usual, axis=-1) < THROAT_SPREAD
    if throat.sum() < 30:
        throat = face.mesh.inside & (y > face.landmarks[LOWER_LIP, 1])
    skin = push_pull(matte.foreground, throat.astype(np.float32))
    up = np.clip((face.landmarks[CHIN, 1] - y) / face.eye_distance, 0, 1)
    skin *= (1 - (1 - THROAT_SHADE) * up)[..., None]
    share = cv2.GaussianBlur(column.astype(np.float32), (0, 0), 0.04 * face.eye_distance)[..., None]
    return np.asarray(continued * (1 - share) + skin * share, np.float32)


def _hidden_height(
    surfaces: Surfaces,
    visible: NDArray[np.bool_],
    face: FacePlacement,
    column: NDArray[np.bool_],
    y: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Heights (S, S) behind the head: the body's own at its edge, then falling back to keep clear of the face."""
    clearance = np.where(face.mesh.inside, MESH_CLEARANCE * face.eye_distance, FACE_CLEARANCE)
    above_chin = np.clip((face.landmarks[CHIN, 1] - y) / face.eye_distance, 0, 1)
    clearance = np.where(column, clearance + 0.5 * above_chin * face.eye_distance, clearance)
    clearance *= np.clip(distance_from(visible) / (CLEARANCE_RAMP * face.eye_distance), 0.1, 1)
    return np.minimum(surfaces.body, surfaces.head - clearance).astype(np.float32)


def _body_u(
    canonical: NDArray[np.float32],
    visible: NDArray[np.bool_],
    hidden: NDArray[np.bool_],
    registered: Registration,
    face: FacePlacement,
) -> NDArray[np.float32]:
    """u (S, S, 3): what is hidden moves as the body's edge does next to it, so that nothing tears open there."""
    u = registered.outside(canonical, slice(None))
    share = np.exp(-((distance_from(visible) / (THROAT_CONTACT * face.eye_distance)) ** 2))[..., None]
    behind = (canonical + registered.offset) * (1 - share) + nearest(u, visible) * share
    return np.where(hidden[..., None], behind, u).astype(np.float32)


def _rim(matte: Matte, face: FacePlacement, distance: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Hair and clothes near the silhouette, clear of the face: where the far side's colours come from."""
    opaque = matte.alpha > 0.9
    crown = y < face.landmarks[FOREHEAD, 1]
    away = (distance > CHEEK_WIDTH) | (crown & (distance > 0.02))
    depth = cv2.distanceTransform((matte.alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    clean = depth > RIM_INSET * face.eye_distance
    rim = opaque & away & clean & (depth < RIM_BAND * face.eye_distance) & ~face.body
    hair = rim & ~_skin_coloured(matte, face)
    head = hair if hair.sum() > 0.15 * rim.sum() else rim
    clothes = opaque & clean & face.body & (y > face.landmarks[CHIN, 1] + 0.5 * face.eye_distance)
    chosen = head | clothes
    return chosen if chosen.sum() > 200 else opaque


def _skin_coloured(matte: Matte, face: FacePlacement) -> NDArray[np.bool_]:
    """Pixels (S, S) of the face's own colours: ears and temples must not colour the back of the head."""
    samples = matte.foreground[face.mesh.inside]
    middle = np.median(samples, axis=0)
    spread = 1.5 * np.median(np.abs(samples - middle), axis=0) + 0.03
    deviation = (matte.foreground - middle) / spread
    return np.asarray((deviation * deviation).mean(-1) < SKIN_DEVIATION**2)
