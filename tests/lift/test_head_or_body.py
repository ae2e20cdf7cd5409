"""What hangs below the jaw line and belongs to the head."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from avatar_core.lift.canvas import cut_canvas
from avatar_core.lift.head_or_body import settle_body
from avatar_core.lift.pose import place_face
from avatar_core.tracking.topology import CHIN


def pieces_above_chin(body: np.ndarray, chin: float) -> int:
    _, _, stats, _ = cv2.connectedComponentsWithStats(body.astype(np.uint8), connectivity=4)
    ends = stats[1:, cv2.CC_STAT_TOP] + stats[1:, cv2.CC_STAT_HEIGHT]
    return int((ends < chin).sum())


def test_ear_lobes_move_with_the_head(portrait, relief, face_model):
    placed = place_face(cut_canvas(portrait.image, portrait.landmarks), face_model)
    person, chin = relief.matte.alpha > 0.5, placed.landmarks[CHIN, 1]
    assert (
        pieces_above_chin(placed.body & person, chin) > 2
    )  # both lobes hang below the jaw line's ends; slivers beside it
    assert pieces_above_chin(relief.face.body & person, chin) == 0
    kept = (relief.face.body & person).sum() / (placed.body & person).sum()
    assert 0.97 < kept < 1


def test_what_joins_the_shoulders_stays_with_them(relief):
    alpha = np.ones_like(relief.matte.alpha)  # no background between lobes and shoulders
    body = relief.face.body | (np.arange(len(alpha))[:, None] > relief.face.landmarks[CHIN, 1])
    assert np.array_equal(settle_body(replace(relief.face, body=body), alpha).body, body)


def test_the_jaw_gives_way_only_to_a_body_that_is_there(relief):
    person = relief.face.body & (relief.matte.alpha > 0.5)
    near = cv2.dilate(person.astype(np.uint8), np.ones((21, 21), np.uint8)) > 0
    assert relief.face.gives_way[near].max() > 0.4
    assert relief.face.gives_way[~near].max() < 1e-3
