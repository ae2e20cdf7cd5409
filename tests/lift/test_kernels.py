"""The lift's compiled kernels against plain NumPy and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from avatar_core.lift import canvas, coordinates, matte
from avatar_core.lift.fill import nearest, push_pull
from avatar_core.lift.mesh import CLOSED_TRIANGLES, draw_mesh
from avatar_core.tracking.align import Similarity

SIDE = 32


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(5)


def picture(random: np.random.Generator) -> np.ndarray:
    return random.random((SIDE, SIDE, 3)).astype(np.float32)


def plane(random: np.random.Generator) -> np.ndarray:
    return random.random((SIDE, SIDE)).astype(np.float32)


def plain_push_pull(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    if len(values) <= 2:
        whole = (values * weight[..., None]).sum((0, 1)) / max(weight.sum(), 1e-6)
        return np.where(weight[..., None] > 1e-3, values, whole)

    def halved(fine: np.ndarray) -> np.ndarray:
        return 0.25 * (fine[::2, ::2] + fine[::2, 1::2] + fine[1::2, ::2] + fine[1::2, 1::2])

    share = halved(weight)
    mean = halved(values * weight[..., None]) / np.maximum(share, 1e-6)[..., None]
    below = plain_push_pull(mean, np.minimum(2 * share, 1))
    smooth = cv2.resize(below, values.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return values * weight[..., None] + smooth * (1 - weight[..., None])


def test_push_pull_is_the_pyramid_it_is_said_to_be(random: np.random.Generator) -> None:
    values, weight = picture(random), np.where(plane(random) < 0.3, plane(random), 0).astype(np.float32)
    weight[:16] = 0
    weight[-4:] = 1
    expected = plain_push_pull(values.astype(np.float64), weight.astype(np.float64))
    assert np.allclose(push_pull(values, weight), expected, atol=1e-5)


def test_nearest_is_zero_where_nothing_is_known(random: np.random.Generator) -> None:
    assert not nearest(picture(random), np.zeros((SIDE, SIDE), bool)).any()


def test_interpolation_weighs_the_triangles_corners(random: np.random.Generator) -> None:
    landmarks, values = random.random((478, 3)) * SIDE, random.random((478, 2)).astype(np.float32)
    mesh = draw_mesh(landmarks, SIDE)
    corners = values[CLOSED_TRIANGLES[mesh.triangle]]
    expected = np.where(mesh.inside[..., None], (corners * mesh.weights[..., None]).sum(2), 0)
    assert mesh.inside.any()
    assert np.allclose(mesh.interpolate(values), expected, atol=1e-5)
    assert np.allclose(mesh.interpolate(values[:, 0]), expected[..., 0], atol=1e-5)


def test_positions_are_seen_where_they_were_unprojected(random: np.random.Generator) -> None:
    x, y, height = 600 * plane(random), 600 * plane(random), 200 * plane(random) - 100
    points = canvas.unproject(x, y, height).reshape(-1, 3)
    assert np.allclose(canvas.seen_at(points), np.stack([x, y], -1).reshape(-1, 2), atol=2e-3)
    assert np.allclose(canvas.seen_at(points), canvas.project(points)[:, :2], atol=2e-3)


def test_maps_are_inverted_as_points_are(random: np.random.Generator) -> None:
    rotation = np.linalg.qr(random.normal(size=(3, 3)))[0]
    placed = Similarity(0.13, rotation * np.sign(np.linalg.det(rotation)), np.array([0.1, -0.2, 0.3]))
    points = picture(random)
    assert np.allclose(placed.invert_map(points), placed.invert(points), atol=1e-5)
    assert placed.invert_map(points[:0]).shape == (0, SIDE, 3)


def test_a_picture_approaches_its_blur_with_the_distance(random: np.random.Generator) -> None:
    sharp, blurred, distance = picture(random), picture(random), 30 * plane(random)
    share = np.clip(distance / 10 - 0.5, 0, 1)[..., None]
    expected = sharp + (blurred - sharp) * share
    canvas.approach(sharp, blurred, distance, np.float32(0.1))
    assert np.allclose(sharp, expected, atol=1e-6)


def test_the_outline_leads_what_is_close_to_it(random: np.random.Generator) -> None:
    free, offset, edge, distance = picture(random), picture(random), picture(random), plane(random)
    share = np.exp(-((distance / coordinates.OUTLINE_CONTACT) ** 2))[..., None]
    expected = (free + offset) * (1 - share) + edge * share
    assert np.allclose(coordinates.lean(free, offset, edge, distance), expected, atol=1e-5)


def test_colours_are_mixed_fused_and_believed(random: np.random.Generator) -> None:
    image, ahead, behind, alpha = picture(random), picture(random), picture(random), plane(random)
    share = alpha[..., None]
    assert np.allclose(matte.mix(ahead, behind, alpha), ahead * (1 - share) + behind * share, atol=1e-6)
    weighted, complement = matte.shares(ahead, behind, alpha)
    assert np.allclose(weighted, ahead * share) and np.allclose(complement, behind * (1 - share))

    mean = plane(random)
    foreground, background = matte.fuse(image, alpha, weighted, complement, mean)
    inside, outside = weighted / (mean[..., None] + 1e-5), complement / (1 - mean[..., None] + 1e-5)
    rest = image - (share * inside + (1 - share) * outside)
    assert np.allclose(foreground, np.clip(inside + share * rest, 0, 1), atol=1e-4)
    assert np.allclose(background, outside, rtol=1e-4)

    skin = np.array([0.6, 0.4, 0.3], np.float32)
    chosen = plane(random) > 0.2
    found, trust = matte.believe_colour(image, ahead, behind, skin, chosen)
    axis = ahead - behind
    contrast = (axis * axis).sum(-1)
    place = np.clip(((image - behind) * axis).sum(-1) / np.maximum(contrast, 1e-4), 0, 1)
    off = image - behind - place[..., None] * axis
    believed = np.clip((contrast - matte.LOW_CONTRAST) / (matte.HIGH_CONTRAST - matte.LOW_CONTRAST), 0, 1)
    believed *= np.exp(-(off * off).sum(-1) / (0.25 * contrast + 1e-4))
    believed *= 1 - np.exp(-((image - skin) ** 2).sum(-1) / (2 * matte.SKIN_SPREAD**2))
    assert np.allclose(found, place * chosen, atol=1e-4) and np.allclose(trust, believed * chosen, atol=1e-4)

    level, bright, ground = skin.sum(), image.sum(-1, keepdims=True), behind.sum(-1, keepdims=True)
    axis = skin / level - behind / ground
    contrast = (axis * axis).sum(-1)
    from_ground = image / bright - behind / ground
    place = (from_ground * axis).sum(-1) / contrast
    off = ((from_ground - place[..., None] * axis) ** 2).sum(-1)
    believed = np.clip((contrast - matte.LOW_HUE) / (matte.HIGH_HUE - matte.LOW_HUE), 0, 1)
    believed *= np.exp(-off / matte.HUE_SPREAD) * chosen
    believed *= np.minimum(bright, ground)[..., 0] >= matte.DARKEST_SKIN * level
    share = np.clip(place / matte.SKIN_HUE, 0, 1) * believed
    assert share.max() > 0.5
    assert np.allclose(matte.believe_skin(image, behind, skin, chosen), share, atol=3e-3)
