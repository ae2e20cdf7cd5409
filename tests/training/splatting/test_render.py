"""The differentiable rasteriser: the program's picture, and gradients as autograd finds them in float64."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
from torch import Tensor

from avatar_core.camera import Camera
from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE, Gaussians
from avatar_core.rendering import reference
from avatar_core.rendering.cpu import CpuRasterizer
from avatar_core.training.splatting import render
from tests.rendering.scenes import cloud, single
from tests.training.splatting.dense import dense_render

ROWS = {"mean": MEAN, "scale": SCALE, "quaternion": QUATERNION, "opacity": [OPACITY], "colour": COLOR}
CAMERA = Camera.orbit(yaw=20, pitch=-10)
RELATIVE_ERROR = 2e-5  # of the gradient's L2 norm, per attribute; measured: 1e-6 to 4e-6
IN_THE_DARK = 3e-4  # where hardly any light gets through, float32 loses digits; measured: 9e-5


def gradient_of(picture: Tensor, planar: Tensor, weights: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad((picture * weights).sum(), planar)
    return gradient


def relative_errors(gaussians: Gaussians, camera: Camera, width: int, height: int) -> dict[str, float]:
    """L2 error of the gradient of a random linear function of the picture, relative, by attribute."""
    fast = gaussians.planar.clone().requires_grad_(True)
    exact = gaussians.planar.double().requires_grad_(True)
    weights = torch.randn(height, width, 4, generator=torch.Generator().manual_seed(1))
    found = gradient_of(render(fast, camera, width, height), fast, weights)
    expected = gradient_of(dense_render(exact, camera, width, height), exact, weights)
    return {name: float((found[rows] - expected[rows]).norm() / expected[rows].norm()) for name, rows in ROWS.items()}


@pytest.mark.parametrize(("width", "height"), [(128, 128), (200, 75), (17, 161), (1, 1)])
def test_the_picture_is_that_of_the_programs_rasteriser_to_the_last_bit(width, height):
    gaussians = cloud(1500)
    expected = CpuRasterizer().render(gaussians, CAMERA, width, height)
    assert torch.equal(render(gaussians.planar, CAMERA, width, height), expected)


def test_the_picture_agrees_with_the_reference():
    gaussians = cloud(800)
    expected = reference.render(gaussians, CAMERA, 96, 80)
    error = np.abs(render(gaussians.planar, CAMERA, 96, 80).numpy() - expected.rgba)
    assert error[~expected.undecided].max() < 1e-3


def test_gradients_agree_with_autograd_in_float64():
    errors = relative_errors(cloud(100, 1, largest=0.05), CAMERA, 32, 32)
    assert max(errors.values()) < RELATIVE_ERROR, errors


def test_gradients_agree_over_several_tiles_of_a_picture_that_is_not_square():
    errors = relative_errors(cloud(60, 4, largest=0.1), CAMERA, 150, 70)
    assert max(errors.values()) < RELATIVE_ERROR, errors


def test_gradients_agree_from_close_by_with_gaussians_beside_and_behind_the_camera():
    camera = Camera.orbit(yaw=40, pitch=15, radius=0.15, fov=60)
    errors = relative_errors(cloud(200, 2, largest=0.02), camera, 48, 40)
    assert max(errors.values()) < RELATIVE_ERROR, errors


def test_gradients_agree_where_opaque_layers_stop_the_pixels():
    gaussians = cloud(300, 3, largest=0.2)
    gaussians.planar[OPACITY].clamp_(min=0.9)
    assert float(render(gaussians.planar, CAMERA, 64, 48)[..., 3].max()) > 1 - 2e-4
    errors = relative_errors(gaussians, CAMERA, 64, 48)
    assert max(errors.values()) < IN_THE_DARK, errors


@pytest.mark.parametrize("name", ROWS)
def test_gradients_agree_with_finite_differences(name):
    """Of the program's own float32 picture; all pixels lie inside the 1/255 contours, whose edges would jump."""
    planar = cloud(12, 6, spread=0.1).planar
    random = torch.Generator().manual_seed(2)
    planar[SCALE] = 0.25 + 0.25 * torch.rand(3, 12, generator=random)
    planar[OPACITY] = 0.1 + 0.4 * torch.rand(12, generator=random)
    weights = torch.randn(24, 24, 4, generator=random)
    leaf = planar.clone().requires_grad_(True)
    gradient = gradient_of(render(leaf, CAMERA, 24, 24), leaf, weights)
    direction = torch.zeros_like(planar)
    direction[ROWS[name]] = torch.sign(gradient[ROWS[name]])
    step = 1e-3

    def value(at: float) -> float:
        return float((render(planar + at * direction, CAMERA, 24, 24).double() * weights).sum())

    measured = (value(step) - value(-step)) / (2 * step)
    assert measured == pytest.approx(float((gradient * direction).sum()), rel=2e-3)


def test_gradients_do_not_depend_on_the_number_of_threads():
    planar = cloud(3000).planar
    weights = torch.randn(100, 150, 4, generator=torch.Generator().manual_seed(1))
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, threads, threads):
            torch.set_num_threads(count)
            leaf = planar.clone().requires_grad_(True)
            found.append(gradient_of(render(leaf, CAMERA, 150, 100), leaf, weights))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(found[0], found[1]) and torch.equal(found[1], found[2])


def test_two_pictures_of_one_scene_add_their_gradients():
    planar = cloud(300).planar
    weights = torch.ones(40, 40, 4)
    leaf = planar.clone().requires_grad_(True)
    views = [render(leaf, Camera.orbit(yaw=yaw), 40, 40) for yaw in (-30, 30)]
    together = gradient_of(views[0] + views[1], leaf, weights)
    apart = [gradient_of(render(leaf, Camera.orbit(yaw=yaw), 40, 40), leaf, weights) for yaw in (-30, 30)]
    torch.testing.assert_close(together, apart[0] + apart[1])


def test_what_is_not_seen_gets_no_gradient():
    behind, faint, seen = single((0, 0, 3.5)).planar, single(opacity=0.003).planar, single().planar
    leaf = torch.cat([behind, faint, seen], dim=1).requires_grad_(True)
    gradient = gradient_of(render(leaf, Camera.orbit(), 33, 33), leaf, torch.rand(33, 33, 4))
    assert not gradient[:, :2].any()
    assert bool(gradient[COLOR, 2].all())


def test_empty_scenes_and_scenes_behind_the_camera_give_empty_pictures_with_a_gradient():
    for planar in (torch.zeros(14, 0), single((0, 0, 3.5)).planar):
        leaf = planar.clone().requires_grad_(True)
        picture = render(leaf, Camera.orbit(), 40, 30)
        assert picture.shape == (30, 40, 4) and not picture.any()
        picture.sum().backward()
        assert leaf.grad is not None and leaf.grad.shape == planar.shape and not leaf.grad.any()


def test_other_dtypes_get_gradients_of_their_own_kind():
    for dtype in (torch.float64, torch.bfloat16):
        leaf = cloud(50).planar.to(dtype).requires_grad_(True)
        render(leaf, CAMERA, 32, 32).sum().backward()
        assert leaf.grad is not None and leaf.grad.dtype == dtype and bool(leaf.grad.any())


def test_the_callers_picture_stays_his_own():
    """Changing the result in place must not change the gradient."""
    leaf = cloud(100).planar.requires_grad_(True)
    weights = torch.ones(32, 32, 4)
    expected = gradient_of(render(leaf, CAMERA, 32, 32), leaf, weights)
    picture = render(leaf, CAMERA, 32, 32)
    changed = picture * 1.0
    picture.detach().zero_()
    assert torch.equal(gradient_of(changed, leaf, weights), expected)


def test_adam_finds_the_colours_and_places_of_a_picture():
    target = cloud(60, 8, largest=0.06, spread=0.15)
    shown = render(target.planar, Camera.orbit(), 48, 48)
    start = target.planar.clone()
    start[MEAN] += 0.01 * torch.randn(3, 60, generator=torch.Generator().manual_seed(0))
    start[COLOR] = 0.5
    leaf = start.requires_grad_(True)
    optimiser = torch.optim.Adam([leaf], lr=3e-3)
    losses = []
    for _ in range(150):
        optimiser.zero_grad()
        loss = (render(leaf, Camera.orbit(), 48, 48) - shown).abs().mean()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.25 * losses[0]


def test_values_that_are_not_finite_are_told_with_their_rows():
    planar = cloud(20).planar
    planar[OPACITY, 3], planar[4, 5] = float("nan"), float("inf")
    with pytest.raises(ValueError, match=r"2 of 20 Gaussians hold NaN or infinity, in rows \[4, 10\]"):
        render(planar, CAMERA, 32, 32)


def test_wrong_shapes_and_sizes_are_refused_by_name():
    with pytest.raises(ValueError, match=r"\(14, N\)"):
        render(torch.zeros(13, 4), CAMERA, 32, 32)
    with pytest.raises(ValueError, match="int64"):
        render(torch.zeros(14, 4, dtype=torch.int64), CAMERA, 32, 32)
    with pytest.raises(ValueError, match="0 x 32"):
        render(torch.zeros(14, 4), CAMERA, 0, 32)


@pytest.mark.skipif(
    not torch.cuda.is_available() or importlib.util.find_spec("gsplat") is None, reason="needs a GPU and gsplat"
)
def test_cuda_gives_the_same_picture_and_gradients():
    weights = torch.randn(64, 64, 4, generator=torch.Generator().manual_seed(1))
    found = []
    for device in ("cpu", "cuda"):
        leaf = cloud(100, 1, largest=0.05).planar.to(device).requires_grad_(True)
        picture = render(leaf, CAMERA, 64, 64)
        found.append((picture.detach().cpu(), gradient_of(picture, leaf, weights.to(device)).cpu()))
    torch.testing.assert_close(found[0][0], found[1][0], atol=1e-3, rtol=0)
    for rows in ROWS.values():
        difference = (found[0][1][rows] - found[1][1][rows]).norm() / found[0][1][rows].norm()
        assert float(difference) < 1e-2
