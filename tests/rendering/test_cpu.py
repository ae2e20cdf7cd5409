"""The CPU rasteriser against the float64 reference, and what it must do whatever the scene.

Pixels where a value comes within 0.1 % of a threshold (alpha 1/255, transmittance 1e-4) may be decided otherwise in
float32. They are told apart by the reference, must stay a small minority, and are held to the size of the step that
the threshold makes; all others must agree closely.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from avatar_core.camera import Camera
from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE, Gaussians
from avatar_core.rendering.cpu import CpuRasterizer
from avatar_core.rendering.reference import render as reference_render
from tests.rendering.scenes import cloud, single

RASTERIZER = CpuRasterizer()
MAX_ERROR, MEAN_ERROR = 1e-3, 1e-5
MAX_ERROR_AT_THRESHOLD = 0.02  # five contributions of 1/255 decided otherwise
MAX_SHARE_AT_THRESHOLD = 0.25


def draw(gaussians: Gaussians, camera: Camera, width: int, height: int, workers: int | None = None) -> NDArray:
    rasterizer = RASTERIZER if workers is None else CpuRasterizer(workers)
    return rasterizer.render(gaussians, camera, width, height).numpy().copy()


def assert_matches_reference(gaussians: Gaussians, camera: Camera, width: int, height: int) -> NDArray:
    picture = draw(gaussians, camera, width, height)
    expected = reference_render(gaussians, camera, width, height)
    error = np.abs(picture - expected.rgba)
    decided = error[~expected.undecided]
    assert decided.max() < MAX_ERROR
    assert decided.mean() < MEAN_ERROR
    assert error.max() < MAX_ERROR_AT_THRESHOLD
    assert expected.undecided.mean() < MAX_SHARE_AT_THRESHOLD
    return picture


@pytest.mark.parametrize(
    ("width", "height"), [(128, 128), (64, 32), (200, 75), (75, 200), (65, 33), (17, 161), (16, 16)]
)
def test_agrees_with_the_reference_at_any_image_size(width, height):
    picture = assert_matches_reference(cloud(1500), Camera.orbit(yaw=20, pitch=-10), width, height)
    assert picture.shape == (height, width, 4)
    assert picture[..., 3].max() > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_reference_from_close_by_with_gaussians_beside_and_behind_the_camera(seed):
    camera = Camera.orbit(yaw=40.0 * seed, pitch=15.0, radius=0.15, fov=60.0)
    assert_matches_reference(cloud(800, seed, largest=0.01), camera, 96, 80)


def test_agrees_with_the_reference_where_opaque_layers_stop_the_pixels():
    gaussians = cloud(600, 3, largest=0.1)
    gaussians.planar[OPACITY] = 1.0
    picture = assert_matches_reference(gaussians, Camera.orbit(), 96, 96)
    assert picture[..., 3].max() > 1 - 2e-4


def test_agrees_with_the_reference_on_gaussians_larger_than_the_image():
    assert_matches_reference(cloud(30, 5, largest=2.0), Camera.orbit(), 150, 90)


def test_a_tile_with_thousands_of_gaussians_is_drawn_in_depth_order():
    assert_matches_reference(cloud(3000, 7, largest=0.003, spread=0.02), Camera.orbit(), 64, 64)


def test_no_gaussians_give_an_empty_picture():
    assert not draw(cloud(0), Camera.orbit(), 40, 30).any()


def test_one_gaussian_lies_where_the_camera_projects_its_centre():
    camera = Camera.orbit(yaw=25, pitch=10)
    place = (0.1, 0.05, -0.08)
    picture = draw(single(place), camera, 121, 90)
    row, column = np.unravel_index(picture[..., 3].argmax(), (90, 121))
    expected = camera.project(np.array([place]), 121, 90)[0]
    assert np.abs(expected - (column + 0.5, row + 0.5)).max() <= 0.5 + 1e-4
    np.testing.assert_allclose(picture[row, column, :3], picture[row, column, 3] * np.array([1, 0.5, 0.25]), rtol=1e-5)


def test_nothing_behind_the_camera_or_nearer_than_the_near_plane_is_drawn():
    for depth in (2.7 - 0.009, 2.7, 3.5):
        assert not draw(single((0.0, 0.0, depth), 0.001), Camera.orbit(), 64, 64).any()
    assert draw(single((0.0, 0.0, 2.7 - 0.011), 0.0001), Camera.orbit(), 64, 64).any()


def test_gaussians_fainter_than_the_threshold_are_not_drawn():
    assert not draw(single(opacity=0.0039), Camera.orbit(), 65, 65).any()
    assert draw(single(opacity=0.0041), Camera.orbit(), 65, 65).any()


def test_broken_values_of_one_gaussian_leave_the_others_alone():
    clean = cloud(200)
    expected = draw(clean, Camera.orbit(), 64, 64)
    for channel in (*range(3), *range(3, 6), *range(6, 10)):
        for value in (float("nan"), float("inf"), -float("inf")):
            broken = torch.cat([clean.planar, single().planar], dim=1)
            broken[channel, -1] = value
            picture = draw(Gaussians(broken), Camera.orbit(), 64, 64)
            assert np.isfinite(picture).all()
            if channel < 3:
                np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize("workers", [2, 3, 7])
def test_the_picture_does_not_depend_on_the_number_of_threads(workers):
    gaussians = cloud(3000)
    gaussians.planar[2] = torch.round(gaussians.planar[2] * 20) / 20  # many equal depths
    alone = draw(gaussians, Camera.orbit(), 150, 100, workers=1)
    np.testing.assert_array_equal(draw(gaussians, Camera.orbit(), 150, 100, workers=workers), alone)


def test_drawing_again_after_other_sizes_gives_the_same_picture():
    rasterizer = CpuRasterizer()
    first = rasterizer.render(cloud(500), Camera.orbit(), 90, 60).numpy().copy()
    rasterizer.render(cloud(5000, 2), Camera.orbit(), 300, 200)
    rasterizer.render(cloud(3), Camera.orbit(), 20, 20)
    np.testing.assert_array_equal(rasterizer.render(cloud(500), Camera.orbit(), 90, 60).numpy(), first)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 300),
    width=st.integers(16, 140),
    height=st.integers(16, 140),
    yaw=st.floats(-180, 180),
    pitch=st.floats(-80, 80),
)
def test_alpha_and_colour_stay_in_range_and_colour_never_exceeds_alpha(seed, count, width, height, yaw, pitch):
    picture = draw(cloud(count, seed), Camera.orbit(yaw=yaw, pitch=pitch), width, height)
    assert picture.min() >= 0.0
    assert picture[..., 3].max() <= 1.0
    assert (picture[..., :3] <= picture[..., 3:] + 1e-5).all()


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10_000), factor=st.floats(0.2, 5.0))
def test_the_order_of_the_gaussians_and_the_length_of_quaternions_do_not_matter(seed, factor):
    gaussians = cloud(200, seed)
    gaussians.planar[2] = torch.linspace(-0.2, 0.2, 200)  # of two at one depth, the order decides which is in front
    picture = draw(gaussians, Camera.orbit(), 64, 64)
    shuffled = gaussians.planar[:, torch.randperm(200, generator=torch.Generator().manual_seed(seed))].clone()
    shuffled[QUATERNION] *= factor
    np.testing.assert_allclose(draw(Gaussians(shuffled), Camera.orbit(), 64, 64), picture, atol=5e-3)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_white_gaussians_give_their_alpha_as_colour(seed):
    gaussians = cloud(300, seed)
    gaussians.planar[COLOR] = 1.0
    picture = draw(gaussians, Camera.orbit(), 80, 64)
    np.testing.assert_allclose(picture[..., :3], np.repeat(picture[..., 3:], 3, axis=2), atol=1e-5)


def test_moving_camera_and_gaussians_together_changes_nothing():
    gaussians, moved = cloud(300), cloud(300)
    offset = (0.7, -0.3, 0.2)
    moved.planar[MEAN] += torch.tensor(offset)[:, None]
    here = draw(gaussians, Camera.orbit(yaw=30), 64, 64)
    there = draw(moved, Camera.orbit(yaw=30, target=offset), 64, 64)
    np.testing.assert_allclose(there, here, atol=5e-3)


def test_larger_gaussians_cover_more():
    small, large = single(scale=0.005), single(scale=0.02)
    assert large.planar[SCALE].min() > small.planar[SCALE].max()
    assert draw(large, Camera.orbit(), 64, 64)[..., 3].sum() > 3 * draw(small, Camera.orbit(), 64, 64)[..., 3].sum()


@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, 0), (4097, 10), (10, 5000)])
def test_an_impossible_image_size_is_refused_by_name(width, height):
    with pytest.raises(ValueError, match=f"{width} x {height}"):
        RASTERIZER.render(single(), Camera.orbit(), width, height)


def test_other_number_types_and_worker_counts_are_refused():
    with pytest.raises(ValueError, match="float64"):
        RASTERIZER.render(Gaussians(single().planar.double()), Camera.orbit(), 64, 64)
    with pytest.raises(ValueError, match="at least 1"):
        CpuRasterizer(0)
