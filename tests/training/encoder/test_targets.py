"""Targets from a surface whose shape is known: a ball round the head's centre."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from avatar_core.camera import Camera
from avatar_core.lift.canvas import project
from avatar_core.lift.relief import Relief, build_relief
from avatar_core.models.encoder.layout import CENTRE, DOME_SHARE, ROWS, cell_azimuth
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.training.encoder.targets import TeacherSurface, make_targets

RADIUS = 1.0


def ball(rows: int = 60, columns: int = 120) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices on the unit sphere and triangles."""
    up = np.linspace(-np.pi / 2, np.pi / 2, rows)[:, None]
    round_ = np.linspace(-np.pi, np.pi, columns)[None, :]
    points = np.stack(np.broadcast_arrays(np.cos(up) * np.sin(round_), np.sin(up), np.cos(up) * np.cos(round_)), -1)
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    triangles = np.concatenate(
        [
            np.stack([first, first + 1, first + columns], 1),
            np.stack([first + 1, first + columns + 1, first + columns], 1),
        ]
    )
    return points.reshape(-1, 3), triangles


@pytest.fixture(scope="module")
def relief(portrait: NDArray[np.uint8], face_model: FaceModel) -> Relief:
    finder = PhotoFaceFinder(face_model)
    landmarks = finder.find(portrait).landmarks
    finder.close()
    return build_relief(portrait, landmarks, face_model, lambda stage, share: None)


@pytest.fixture(scope="module")
def surface(relief: Relief) -> TeacherSurface:
    """A ball in the lift's own head space, seen by the default camera over the crop."""
    vertices, triangles = ball()
    to_head = relief.face.to_head
    placed = to_head.apply(CENTRE + RADIUS * vertices)
    return TeacherSurface(
        vertices=placed,
        triangles=triangles,
        landmarks=relief.face.head[:468],
        points=placed,
        colour=np.tile([[0.2, 0.4, 0.6]], (len(placed), 1)),
        trust=np.ones(len(placed)),
        cover=np.zeros((0, 3)),
        camera=Camera.orbit(),
        size=512,
    )


def test_the_radius_of_a_ball_is_found_above_the_centre(relief: Relief, surface: TeacherSurface) -> None:
    targets = make_targets(relief, surface, np.eye(2, 3))
    dome = slice(2, int(DOME_SHARE * ROWS) - 1)
    assert targets.radius_weight[dome].all()
    assert np.abs(targets.radius[dome] - RADIUS).max() < 0.03
    assert np.allclose(targets.colour[dome], [0.2, 0.4, 0.6], atol=0.01)


def test_what_faces_away_is_hidden_and_what_the_photo_shows_is_not(relief: Relief, surface: TeacherSurface) -> None:
    targets = make_targets(relief, surface, np.eye(2, 3))
    behind = np.abs(cell_azimuth()) > 130
    assert targets.presence[10:30, behind].min() > 0.9
    front = np.abs(cell_azimuth()) < 20
    assert targets.presence[14:24, front].mean() < 0.2


def test_corrections_lead_from_the_lift_to_the_ball(relief: Relief, surface: TeacherSurface) -> None:
    targets = make_targets(relief, surface, np.eye(2, 3))
    strong = targets.correction_weight > 0.99
    assert strong.sum() > 200
    rows, columns = np.nonzero(strong)
    x, y = 4 * columns + 2, 4 * rows + 2
    heights = relief.surfaces.head[y, x] + targets.correction[rows, columns] * relief.face.eye_distance
    true = project(surface.vertices)
    ahead = (
        surface.vertices @ surface.camera.cam2world[:3, 2]
        < (relief.face.to_head.apply(CENTRE)) @ (surface.camera.cam2world[:3, 2])
    )
    shown = true[ahead]
    error = []
    for px, py, height in zip(x[::7], y[::7], heights[::7], strict=True):
        nearest = np.argmin((shown[:, 0] - px) ** 2 + (shown[:, 1] - py) ** 2)
        error.append(abs(shown[nearest, 2] - height))
    assert np.median(error) < 0.05 * relief.face.eye_distance


def test_hair_in_front_hides_the_cells_beneath_it(relief: Relief, surface: TeacherSurface) -> None:
    to_head = relief.face.to_head
    direction = np.array([-1.0, 0.3, -0.4]) / np.linalg.norm([-1.0, 0.3, -0.4])
    rng = np.random.default_rng(0)
    patch = CENTRE + 1.15 * direction + rng.normal(0, 0.08, (3000, 3))
    covered = TeacherSurface(**{**vars(surface), "cover": to_head.apply(patch)})
    bare, hidden = (make_targets(relief, s, np.eye(2, 3)).presence for s in (surface, covered))
    assert (hidden < bare - 0.5).sum() > 10
    assert (hidden[:, COLUMNS_RIGHT] == bare[:, COLUMNS_RIGHT]).all()


COLUMNS_RIGHT = slice(70, 110)
