"""The Triton rasteriser against the float64 reference, and what it must do whatever the scene.

Pixels where a value comes within 0.1 % of a threshold may be decided otherwise in float32, see `test_cpu`. On a machine
without a GPU the kernels run in Triton's interpreter, a few milliseconds for each Gaussian in each tile, which is why
the scenes are small.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from avatar_core.camera import Camera
from avatar_core.gaussians import MEAN, OPACITY, QUATERNION, SCALE, Gaussians
from avatar_core.rendering.cpu import CpuRasterizer
from avatar_core.rendering.reference import render as reference_render
from tests.rendering.scenes import cloud, single
from tests.triton_device import DEVICE, requires_triton

pytestmark = requires_triton

MAX_ERROR, MEAN_ERROR = 1e-3, 1e-5
MAX_ERROR_AT_THRESHOLD = 0.02  # five contributions of 1/255 decided otherwise
MAX_SHARE_AT_THRESHOLD = 0.25
TILE = 16


def make():
    from avatar_core.rendering.triton_rasterizer import TritonRasterizer

    return TritonRasterizer(DEVICE)


def make_frame(gaussians: Gaussians, camera: Camera, width: int, height: int):
    """A frame whose pairs (tile, Gaussian) are counted, with room for them."""
    from avatar_core.rendering.triton_frame import TritonFrame

    frame = TritonFrame(len(gaussians), width, height, DEVICE)
    frame.aim(camera)
    frame.take(gaussians.planar.to(DEVICE))
    frame.project()
    frame.order()
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return frame


def draw(gaussians: Gaussians, camera: Camera, width: int, height: int) -> NDArray:
    return make().render(gaussians, camera, width, height).cpu().numpy().copy()


def assert_matches_reference(gaussians: Gaussians, camera: Camera, width: int, height: int) -> NDArray:
    picture = draw(gaussians, camera, width, height)
    assert picture.shape == (height, width, 4)
    expected = reference_render(gaussians, camera, width, height)
    error = np.abs(picture - expected.rgba)
    decided = error[~expected.undecided]
    assert decided.max() < MAX_ERROR
    assert decided.mean() < MEAN_ERROR
    assert error.max() < MAX_ERROR_AT_THRESHOLD
    assert expected.undecided.mean() < MAX_SHARE_AT_THRESHOLD
    return picture


@pytest.mark.parametrize(
    ("count", "width", "height", "yaw", "pitch"),
    [(200, 48, 40, 20, -10), (100, 33, 50, -70, 25), (60, 16, 16, 180, 0), (80, 65, 7, 0, 80)],
)
def test_agrees_with_the_reference_from_several_sides_at_any_image_size(count, width, height, yaw, pitch):
    picture = assert_matches_reference(cloud(count, width), Camera.orbit(yaw=yaw, pitch=pitch), width, height)
    assert picture[..., 3].max() > 0.3


@pytest.mark.parametrize("seed", range(2))
def test_agrees_with_the_reference_from_close_by_with_gaussians_beside_and_behind_the_camera(seed):
    camera = Camera.orbit(yaw=40.0 * seed, pitch=15.0, radius=0.15, fov=60.0)
    assert_matches_reference(cloud(120, seed, largest=0.01), camera, 40, 32)


def test_agrees_with_the_reference_where_opaque_layers_stop_the_pixels():
    gaussians = cloud(150, 3, largest=0.2)
    gaussians.planar[OPACITY] = 1.0
    gaussians.planar[SCALE] = gaussians.planar[SCALE].clamp(min=0.05)
    picture = assert_matches_reference(gaussians, Camera.orbit(), 40, 24)
    assert (picture[..., 3] > 1 - 2e-4).mean() > 0.1


def test_agrees_with_the_reference_on_gaussians_larger_than_the_image():
    assert_matches_reference(cloud(15, 5, largest=2.0), Camera.orbit(), 50, 34)


def test_one_tile_with_many_gaussians_is_drawn_in_the_order_of_depth_and_then_of_the_list():
    gaussians = cloud(130, 7, largest=0.003, spread=0.02)
    gaussians.planar[2] = torch.round(gaussians.planar[2] * 200) / 200  # many equal depths
    assert_matches_reference(gaussians, Camera.orbit(), 32, 32)


def test_agrees_with_the_cpu_rasteriser():
    gaussians, camera = cloud(150, 11), Camera.orbit(yaw=-35, pitch=12)
    expected = CpuRasterizer().render(gaussians, camera, 48, 32).numpy()
    np.testing.assert_allclose(draw(gaussians, camera, 48, 32), expected, atol=2e-4)


def test_no_gaussians_give_an_empty_picture():
    picture = draw(cloud(0), Camera.orbit(), 40, 30)
    assert picture.shape == (30, 40, 4)
    assert not picture.any()


def test_nothing_in_view_gives_an_empty_picture():
    for gaussians in (single((0.0, 0.0, 3.5)), single((0.0, 0.0, 2.7 - 0.009), 0.001), single(opacity=0.0039)):
        assert not draw(gaussians, Camera.orbit(), 33, 20).any()
    assert not draw(single((5.0, 0.0, 0.0)), Camera.orbit(), 33, 20).any()
    assert draw(single(opacity=0.0041), Camera.orbit(), 33, 21).any()


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # the interpreter's NumPy
def test_broken_values_of_one_gaussian_leave_the_others_alone():
    clean, rasterizer = cloud(25), make()
    expected = draw(clean, Camera.orbit(), 32, 16)
    for channel in (MEAN.start, SCALE.start, QUATERNION.start):
        for value in (float("nan"), float("inf")):
            broken = torch.cat([clean.planar, single().planar], dim=1)
            broken[channel, -1] = value
            picture = rasterizer.render(Gaussians(broken), Camera.orbit(), 32, 16).cpu().numpy()
            assert np.isfinite(picture).all()
            if channel < 3:
                np.testing.assert_array_equal(picture, expected)


def test_a_frame_that_touches_far_more_tiles_than_the_one_before_is_drawn_whole():
    small, large = cloud(40, 2, largest=0.001), cloud(40, 2, largest=0.001)
    large.planar[SCALE] = 3.0
    frame = make_frame(small, Camera.orbit(), 64, 48)
    frame.reserve(frame.pairs)
    assert frame.capacity == frame.pairs < 40 * 12
    frame.draw()
    assert frame.capacity < 40 * 12
    frame.take(large.planar.to(DEVICE))
    picture = frame.draw().cpu().numpy()
    assert frame.pairs == 40 * 12 <= frame.capacity
    expected = reference_render(large, Camera.orbit(), 64, 48)
    assert np.abs(picture - expected.rgba)[~expected.undecided].max() < MAX_ERROR


def test_the_list_shrinks_when_a_frame_needed_a_long_one_once():
    frame = make_frame(single(), Camera.orbit(), 16, 16)
    frame.reserve(50_000)
    first = frame.draw().cpu().numpy().copy()
    assert frame.capacity < 10_000
    np.testing.assert_array_equal(frame.draw().cpu().numpy(), first)


def test_drawing_again_after_other_sizes_gives_the_same_picture():
    rasterizer = make()
    first = rasterizer.render(cloud(50), Camera.orbit(), 33, 20).cpu().numpy().copy()
    for count, width in ((7, 20), (20, 40), (3, 16), (50, 20)):
        rasterizer.render(cloud(count, 2), Camera.orbit(), width, 20)
    np.testing.assert_array_equal(rasterizer.render(cloud(50), Camera.orbit(), 33, 20).cpu().numpy(), first)


@pytest.mark.parametrize(("width", "height"), [(2048, 2048), (4096, 4096), (64, 2048)])
def test_large_pictures_have_each_gaussian_in_the_tiles_that_it_reaches(width, height):
    """Binning alone, by hand: drawing so many tiles would take the interpreter minutes."""
    gaussians, camera = cloud(30, 4, largest=0.05), Camera.orbit(yaw=30)
    frame = make_frame(gaussians, camera, width, height)
    frame.reserve(frame.pairs + 10)
    frame.bin()
    starts, listed = frame._starts.cpu().numpy(), frame._sorted_gaussians.cpu().numpy()
    records, counts = frame._records.cpu().numpy(), frame._counts.cpu().numpy()
    assert starts[0] == 0
    assert starts[-1] == frame.pairs == counts.sum()
    depth = gaussians.planar[MEAN].numpy().T @ camera.world2cam[2, :3]
    found = np.zeros((30, frame.rows, frame.columns), bool)
    for tile in np.flatnonzero(np.diff(starts)):
        members = listed[starts[tile] : starts[tile + 1]]
        assert (np.diff(depth[members]) >= -1e-6).all()
        found[members, tile // frame.columns, tile % frame.columns] = True
    centre_x, centre_y = records[:, 0], records[:, 1]
    projected = camera.project(gaussians.planar[MEAN].numpy().T, width, height)
    for g in np.flatnonzero(counts):
        np.testing.assert_allclose((centre_x[g], centre_y[g]), projected[g], atol=2e-3)
        half_a, full_b, half_c = records[g, 2:5]  # log2(e) times the conic
        reach = 2 * (np.log2(255) + records[g, 5]) / (4 * half_a * half_c - full_b**2)
        reach_x, reach_y = np.sqrt(reach * 2 * half_c), np.sqrt(reach * 2 * half_a)
        columns = _tiles_within(centre_x[g], reach_x, width)
        rows = _tiles_within(centre_y[g], reach_y, height)
        expected = np.zeros_like(found[g])
        expected[np.ix_(rows, columns)] = True
        np.testing.assert_array_equal(found[g], expected)


def _tiles_within(centre: float, reach: float, size: int) -> list[int]:
    pixels = np.arange(size) + 0.5
    return sorted({int(pixel // TILE) for pixel in pixels[np.abs(pixels - centre) <= reach]})


@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, 0), (4097, 10)])
def test_an_impossible_image_size_is_refused_by_name(width, height):
    with pytest.raises(ValueError, match=f"{width} x {height}"):
        make().render(single(), Camera.orbit(), width, height)


def test_other_number_types_are_refused():
    with pytest.raises(ValueError, match="float64"):
        make().render(Gaussians(single().planar.double()), Camera.orbit(), 64, 64)
