"""The lift's compiled kernels against plain NumPy and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from avatar_core.lift import canvas, coordinates, far_side, matte, refine, torso
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
    place = ((image / bright - behind / ground) * axis).sum(-1) / (matte.SKIN_HUE * contrast)
    believed = np.clip((contrast - matte.LOW_HUE) / (matte.HIGH_HUE - matte.LOW_HUE), 0, 1)
    believed *= (np.minimum(bright, ground)[..., 0] >= matte.DARKEST_SKIN * level) * chosen
    assert believed.max() == 1
    assert np.allclose(matte.believe_skin(image, behind, skin, chosen), np.clip(place, 0, 1) * believed, atol=3e-3)


def test_texture_is_folded_in_from_the_rim() -> None:
    inside = np.zeros((SIDE, SIDE), np.uint8)
    inside[4:28, 4:28] = 1
    distance, label = cv2.distanceTransformWithLabels(inside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    x, y = far_side.folded_places(distance, label, np.float32(3.0), np.float32(2.0))
    row, column = 16, 5  # 2 pixels from the rim's pixel in column 3
    assert abs(x[row, column] - (3 + 2.0 + 2.0)) < 1e-4 and abs(y[row, column] - row) < 1e-4
    assert abs(x[16, 8] - (3 + 2.0 + 1.0)) < 0.1  # 5 pixels in: on the way back


def test_what_is_hidden_is_coloured_and_moved_apart(random: np.random.Generator) -> None:
    first, second, third, fourth = (picture(random) for _ in range(4))
    hidden, share, shade = plane(random) > 0.5, plane(random), plane(random)
    blend = second * (1 - share[..., None]) + third * (shade * share)[..., None]
    expected = np.where(hidden[..., None], blend, first)
    assert np.allclose(torso.mix_hidden(first, hidden, second, third, shade, share), expected, atol=1e-6)

    away = 10 * plane(random)
    near = np.exp(-((away / 4) ** 2))[..., None]
    expected = np.where(hidden[..., None], (third + fourth) * (1 - near) + second * near, first)
    moved = torso.follow_edge(first, second, third, fourth, hidden, away, np.float32(4))
    assert np.allclose(moved, expected, atol=1e-5)

    middle, scale = np.array([0.4, 0.5, 0.6], np.float32), np.array([1.0, 2.0, 3.0], np.float32)
    expected = (((first - middle) * scale) ** 2).sum(-1) < 0.7
    assert np.array_equal(far_side.close_to(first, middle, scale, 0.7), expected)


def test_errors_are_taken_bilinearly_and_within_limits(random: np.random.Generator) -> None:
    drawn = random.random((SIDE, SIDE, 4)).astype(np.float32)
    target, coverage = picture(random), plane(random)
    error = refine.errors(target, coverage, drawn)
    expected = (target * coverage[..., None] - drawn[..., :3]) * (coverage > 0.5)[..., None]
    assert np.allclose(error, expected, atol=1e-6)

    count = 1000
    placed = (random.random((count, 2)) * (SIDE + 4) - 2).astype(np.float32)
    first = random.random((3, 2 * count)).astype(np.float32)
    colours, columns = first.copy(), np.arange(1, 2 * count, 2)
    refine.take_errors(first, colours, columns, placed, error)
    x, y = (placed - 0.5).T
    taken = cv2.remap(error, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)[:, 0]
    change = np.clip(refine.GAIN * taken.T, -refine.LARGEST_CHANGE, refine.LARGEST_CHANGE)
    wanted = np.clip(first[:, columns] + change, 0, 1)
    assert np.allclose(colours[:, columns], wanted, atol=0.03)  # cv2 rounds places to a 32nd of a pixel
    assert np.array_equal(colours[:, ::2], first[:, ::2])
