"""The jaw's outline, on painted faces whose jaw is known and on a real one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from avatar_core.lift.canvas import CANVAS_SIZE, cut_canvas, unproject
from avatar_core.lift.jaw import OUTWARD, cheapest_path, trace_jaw
from avatar_core.lift.pose import place_face
from avatar_core.lift.relief import build_relief
from avatar_core.lift.shield import behind_cheeks
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.topology import CHIN, JAW_LINE

from .conftest import Portrait

UNIT = 90.0


def painted(offset: float, contrast: int) -> tuple[np.ndarray, np.ndarray]:
    """A bright disc on a darker ground, and landmarks whose jaw line lies ``offset`` pixels inside its rim."""
    centre, radius = np.array([320.5, 280.5]), 150.0
    image = np.full((CANVAS_SIZE, CANVAS_SIZE, 3), 170 - contrast, np.uint8)
    cv2.circle(image, (320, 280), int(radius), (170, 170, 170), -1, cv2.LINE_AA)
    landmarks = np.zeros((478, 3))
    angle = np.linspace(np.pi, 0, len(JAW_LINE))
    around = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    landmarks[list(JAW_LINE), :2] = centre + (radius - offset) * around
    return image, landmarks


@pytest.mark.parametrize("offset", [0.0, 2.0, 4.0])
def test_the_outline_is_where_the_picture_has_it(offset: float) -> None:
    image, landmarks = painted(offset, 60)
    outline = trace_jaw(image, landmarks, UNIT)
    away = np.linalg.norm(outline - [320.5, 280.5], axis=1)
    assert np.abs(away - 150.0).max() < 1.5
    assert (np.diff(outline[:, 0]) > 0).all()


def test_without_an_edge_the_outline_stays_by_the_landmarks() -> None:
    image, landmarks = painted(4.0, 0)
    away = np.linalg.norm(trace_jaw(image, landmarks, UNIT) - [320.5, 280.5], axis=1)
    assert (away > 146.0).all() and (away < 146.0 + OUTWARD * UNIT).all()


def test_the_path_is_the_cheapest_of_all() -> None:
    random = np.random.default_rng(2)
    cost, bend = random.random((5, 4)).astype(np.float32), np.float32(0.1)

    def total(path: tuple[int, ...]) -> float:
        steps = np.abs(np.diff(path))
        return np.inf if steps.max() > 1 else float(cost[np.arange(5), path].sum() + bend * steps.sum())

    best = min(np.ndindex(4, 4, 4, 4, 4), key=total)
    assert np.array_equal(cheapest_path(cost, bend), best)


def test_the_jaws_edge_turns_soft_on_the_heads_side_alone(portrait: Portrait, face_model: FaceModel) -> None:
    face = place_face(cut_canvas(portrait.image, portrait.landmarks), face_model)
    assert not face.gives_way[face.body].any()
    assert face.gives_way.max() > 0.4
    near = cv2.dilate(face.body.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    assert not face.gives_way[~near].any()
    x, y = face.landmarks[CHIN, :2].astype(int)
    assert face.body[y + 8, x] and not face.body[y - 6, x]


def test_cheeks_hide_what_lies_close_behind_them_and_nothing_beside_them(
    portrait: Portrait, face_model: FaceModel
) -> None:
    relief = build_relief(portrait.image, portrait.landmarks, face_model, lambda stage, share: None)
    face, height = relief.face, relief.surfaces.head
    middle = face.landmarks[[13, 14], :2].mean(0)

    def point(x: float, y: float, deeper: float) -> np.ndarray:
        level = float(height[int(y), int(x)]) - deeper
        return unproject(np.array([x]), np.array([y]), np.array([level]))

    edge_x = face.landmarks[JAW_LINE[2], 0] + 3.0
    cases = (
        (point(*middle, 0.3 * face.eye_distance), True),
        (point(*middle, 3.0 * face.eye_distance), False),
        (point(edge_x, middle[1], 0.5 * face.eye_distance), False),
        (point(20.0, middle[1], 0.0), False),
    )
    for points, hidden in cases:
        assert behind_cheeks(points, height, face)[0] == hidden
