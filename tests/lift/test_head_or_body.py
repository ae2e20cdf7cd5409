"""What hangs below the jaw line and belongs to the head."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from avatar_core.lift.canvas import cut_canvas
from avatar_core.lift.head_or_body import SOFT_RIM, settle_body
from avatar_core.lift.pose import place_face
from avatar_core.tracking.topology import CHIN


def touching_head(face, alpha) -> np.ndarray:
    """Areas of the pieces of the body that end above the chin and touch the head."""
    person = alpha > 0.5
    _, label, stats, _ = cv2.connectedComponentsWithStats((face.body & person).astype(np.uint8))
    head = cv2.dilate((person & ~face.body).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    ends = stats[:, cv2.CC_STAT_TOP] + stats[:, cv2.CC_STAT_HEIGHT]
    joined = [k for k in np.unique(label[head]) if k > 0 and ends[k] < face.landmarks[CHIN, 1]]
    return stats[joined, cv2.CC_STAT_AREA]


def test_ear_lobes_move_with_the_head(portrait, relief, face_model):
    placed = place_face(cut_canvas(portrait.image, portrait.landmarks), face_model)
    assert np.sort(touching_head(placed, relief.matte.alpha))[-2:].min() > 10  # both lobes end below the jaw line
    assert len(touching_head(relief.face, relief.matte.alpha)) == 0


def test_a_lobe_goes_with_the_head_and_the_neck_beside_it_stays(relief):
    alpha, body = np.zeros_like(relief.matte.alpha), np.zeros_like(relief.face.body)
    row, column = int(relief.face.landmarks[CHIN, 1]) - 60, 200
    alpha[row - 40 : row + 10, column : column + 12] = 1  # an ear whose lobe hangs below the line
    alpha[row - 5 : row + 200, column + 14 : column + 100] = 1  # a neck, two pixels beside it
    alpha[row + 20 : row + 30, column - 60 : column - 50] = 1  # a piece that touches nothing
    body[row:] = True
    body[:row, column + 14 :] = True
    settled = settle_body(replace(relief.face, body=body), alpha).body
    assert not settled[row : row + 10, column : column + 12].any()
    assert not settled[row : row + 10, column - SOFT_RIM // 2 : column].any()
    person = alpha > 0.5
    person[row - 40 : row + 10, column : column + 12] = False
    assert np.array_equal(settled[person], body[person])


def test_what_joins_the_shoulders_stays_with_them(relief):
    alpha = np.ones_like(relief.matte.alpha)  # no background between lobes and shoulders
    body = relief.face.body | (np.arange(len(alpha))[:, None] > relief.face.landmarks[CHIN, 1])
    assert np.array_equal(settle_body(replace(relief.face, body=body), alpha).body, body)


def test_the_jaw_gives_way_only_to_a_body_that_is_there(portrait, relief, face_model):
    placed = place_face(cut_canvas(portrait.image, portrait.landmarks), face_model)
    person = relief.matte.alpha > 0.5
    near = cv2.dilate((relief.face.body & person).astype(np.uint8), np.ones((21, 21), np.uint8)) > 0
    alone = person & ~near & (placed.gives_way > 0.3)
    assert alone.sum() > 10  # along the jaw beside the background, and across the lobes
    assert relief.face.gives_way[alone].max() < 1e-3
    assert relief.face.gives_way[person & near].max() > 0.4
