"""Mouth shut or open: what the lift makes of it, on landmarks deformed from a real detection."""

from __future__ import annotations

import numpy as np

from avatar_core.avatar import PART_NAMES
from avatar_core.lift import lift
from avatar_core.lift.canvas import cut_canvas
from avatar_core.lift.pose import place_face
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.topology import LOWER_INNER_LIP, UPPER_INNER_LIP

from .conftest import Portrait


def with_lip_gap(portrait: Portrait, share: float) -> np.ndarray:
    """The portrait's landmarks with the inner lips moved together to ``share`` of their gap."""
    landmarks = portrait.landmarks.copy()
    upper, lower = list(UPPER_INNER_LIP), list(LOWER_INNER_LIP)
    middle = 0.5 * (landmarks[upper] + landmarks[lower])
    landmarks[upper] = middle + share * (landmarks[upper] - middle)
    landmarks[lower] = middle + share * (landmarks[lower] - middle)
    return landmarks


def test_a_shut_mouth_has_no_opening_and_hides_a_whole_set_of_teeth(portrait: Portrait, face_model: FaceModel) -> None:
    landmarks = with_lip_gap(portrait, 0.05)
    face = place_face(cut_canvas(portrait.image, landmarks), face_model)
    assert not face.mouth.any()
    lifted = lift(portrait.image, landmarks, face_model)
    for name in ("upper_teeth", "lower_teeth", "tongue"):
        assert (lifted.part == PART_NAMES.index(name)).sum() > 300


def test_a_shut_mouths_teeth_lie_behind_the_lips(portrait: Portrait, face_model: FaceModel) -> None:
    lifted = lift(portrait.image, with_lip_gap(portrait, 0.05), face_model)
    lips = (np.abs(lifted.u[:, 0]) < 0.2) & (np.abs(lifted.u[:, 1] + 0.7) < 0.1) & (lifted.u[:, 2] > 0.2)
    lips &= (lifted.part <= PART_NAMES.index("lower_face")) & (lifted.expression_weight == 1)  # not their lining
    to_canonical = np.linalg.inv(lifted.canonical_to_head)
    depth = lifted.rest[:3].T @ to_canonical[2, :3] + to_canonical[2, 3]
    teeth = np.isin(lifted.part, [PART_NAMES.index("upper_teeth"), PART_NAMES.index("lower_teeth")])
    assert np.percentile(depth[teeth], 95) < np.median(depth[lips])


def test_an_open_mouth_is_an_opening(portrait: Portrait, face_model: FaceModel) -> None:
    face = place_face(cut_canvas(portrait.image, portrait.landmarks), face_model)
    assert face.mouth.sum() > 500


def test_canonical_landmarks_come_back_through_head_space(portrait: Portrait, face_model: FaceModel) -> None:
    face = place_face(cut_canvas(portrait.image, portrait.landmarks), face_model)
    assert np.allclose(face.to_head.invert(face.head), face.canonical, atol=1e-9)
    assert np.abs(face.canonical[[33, 263]] - face_model.mean[[33, 263]]).max() < 0.1
