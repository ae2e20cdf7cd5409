"""The small numerical tools of the lift."""

from __future__ import annotations

import numpy as np

from avatar_core.camera import Camera
from avatar_core.lift import poisson
from avatar_core.lift.canvas import MARGIN_LEFT, MARGIN_TOP, UNITS_PER_PIXEL, project, unproject
from avatar_core.lift.coordinates import neck_weight
from avatar_core.lift.fill import nearest, push_pull
from avatar_core.lift.layer import (
    MAX_LAST_STEP,
    MAX_STEP,
    SIGMA_PER_STEP,
    Layer,
    opacity_logit,
    surface_steps,
    to_gaussians,
)
from avatar_core.lift.mesh import CLOSED_TRIANGLES, draw_mesh, polygon_mask
from avatar_core.tracking.face_model import FaceModel


def test_poisson_inflates_a_disc_to_a_sphere() -> None:
    y, x = np.mgrid[:128, :128].astype(np.float64) - 63.5
    radius = 40.0
    role = np.where(np.hypot(x, y) < radius, poisson.HEAD, poisson.FIXED).astype(np.uint8)
    relief = poisson.solve(role, np.zeros(role.shape), np.full(role.shape, -4.0))
    assert abs(np.sqrt(relief[64, 64]) - radius) < 1.0
    assert abs(np.sqrt(relief[64, 64 + 24]) - np.sqrt(radius**2 - 24.5**2)) < 1.0


def test_poisson_keeps_fixed_values_and_a_free_border() -> None:
    role = np.full((64, 64), poisson.BODY, np.uint8)
    role[0] = poisson.FIXED
    value = np.zeros(role.shape)
    value[0] = 7.0
    field = poisson.solve(role, value, np.zeros(role.shape))
    assert np.allclose(field, 7.0, atol=0.1)


def test_a_body_pixel_does_not_feel_the_face_without_coupling() -> None:
    role = np.full((32, 32), poisson.BODY, np.uint8)
    role[:, 0], role[:, -1] = poisson.FACE, poisson.FIXED
    value = np.where(role == poisson.FACE, 10.0, 0.0)
    flat = np.zeros(role.shape)
    assert np.abs(poisson.solve(role, value, flat)[:, 1:]).max() < 0.6
    assert poisson.solve(role, value, flat, np.ones(role.shape))[:, 1].min() > 5.0


def test_push_pull_keeps_what_is_known_and_continues_it() -> None:
    known = np.zeros((65, 47), np.float32)
    known[20:30, 10:20] = 1
    picture = np.full((65, 47, 3), 0.25, np.float32)
    picture[known == 0] = 0.9
    assert np.allclose(push_pull(picture, known), 0.25, atol=1e-5)


def test_nearest_takes_the_closest_known_pixel() -> None:
    known = np.zeros((20, 20), bool)
    known[3, 3] = known[15, 15] = True
    values = np.zeros((20, 20, 1), np.float32)
    values[3, 3], values[15, 15] = 1, 2
    filled = nearest(values, known)
    assert filled[0, 0] == 1 and filled[19, 19] == 2


def test_unproject_agrees_with_the_default_camera() -> None:
    rng = np.random.default_rng(0)
    x, y, height = rng.uniform(0, 640, 50), rng.uniform(0, 640, 50), rng.uniform(-200, 200, 50)
    points = unproject(x, y, height)
    pixels = Camera.orbit().project(points, 512, 512)
    assert np.allclose(pixels, np.stack([x - MARGIN_LEFT, y - MARGIN_TOP], 1), atol=0.01)
    assert np.allclose(project(points), np.stack([x, y, height], 1), atol=0.01)


def test_mesh_interpolates_exactly_at_landmarks_and_closes_its_holes(face_model: FaceModel) -> None:
    points = face_model.mean * [150, -150, -150] + [256, 256, 0]
    mesh = draw_mesh(points, 512)
    across = mesh.interpolate(points[:, 0])
    columns = np.broadcast_to(np.arange(512) + 0.5, across.shape)
    assert np.abs(across - columns)[mesh.inside].max() < 0.01
    filled = polygon_mask(points[[33, 160, 158, 133, 153, 144], :2], 512)
    assert mesh.inside[filled].all()
    assert CLOSED_TRIANGLES.max() < 468


def test_quaternions_turn_back_into_their_rotations() -> None:
    rng = np.random.default_rng(1)
    frames = np.linalg.qr(rng.normal(size=(200, 3, 3)))[0]
    frames[:, :, 0] *= np.sign(np.linalg.det(frames))[:, None]
    none = np.zeros(200, np.float32)
    layer = Layer(
        position=np.zeros((200, 3), np.float32), across=frames[..., 0].astype(np.float32),
        upward=frames[..., 1].astype(np.float32), colour=np.zeros((200, 3), np.float32), coverage=none,
        u=np.zeros((200, 3), np.float32), part=none.astype(np.uint8), neck_weight=none, expression_weight=none,
        seen=none > 0,
    )  # fmt: skip
    rest, normal = to_gaussians(layer)
    assert np.allclose(normal, frames[..., 2], atol=1e-5)
    assert np.allclose(np.exp(rest[3:5]), SIGMA_PER_STEP, atol=1e-5)
    w, x, y, z = rest[6:10].astype(np.float64)
    first = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)], -1)
    third = np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], -1)
    assert np.allclose(first, frames[..., 0], atol=1e-5) and np.allclose(third, frames[..., 2], atol=1e-5)


def test_opacity_grows_with_coverage() -> None:
    logits = opacity_logit(np.linspace(0, 1, 50))
    assert (np.diff(logits) >= 0).all() and logits[-1] > 3 and logits[0] < -6


def test_neck_weight_never_rises_downwards() -> None:
    heights = np.linspace(1, -3, 200)
    for x in (0.0, 0.7, -1.5):
        weights = neck_weight(np.stack([np.full(200, x), heights, np.zeros(200)], 1))
        assert (np.diff(weights) <= 0).all() and weights[0] == 1 and weights[-1] == 0


def test_a_steep_sheet_ends_without_needles() -> None:
    x, y = (values.astype(np.float32) * UNITS_PER_PIXEL for values in np.meshgrid(np.arange(6), np.arange(6)))
    steep = np.stack([x, -y, -8 * y], axis=-1)  # falls 8 pixels a row
    sheet = np.zeros((6, 6), bool)
    sheet[:5] = True
    _, upward = surface_steps(steep, sheet)
    length = np.linalg.norm(upward, axis=-1)
    assert np.allclose(length[1:4], np.sqrt(65) * UNITS_PER_PIXEL, rtol=1e-4) and length.max() < MAX_STEP
    assert np.allclose(length[[0, 4]], MAX_LAST_STEP, rtol=1e-4)
