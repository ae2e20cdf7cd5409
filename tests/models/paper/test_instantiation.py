"""Planes to Gaussians and cameras, on planes whose content is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from avatar_core.camera import Camera, focal_from_fov
from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE
from avatar_core.models.gaussian_decoder import GaussianDecoder
from avatar_core.models.paper.activation import MAXIMUM_SCALE, activate, density
from avatar_core.models.paper.instantiation import (
    COARSE,
    FAR,
    FINE,
    NEAR,
    from_mean_plane,
    from_rays,
    frontal_rays,
    importance_depths,
    sample_planes,
)
from avatar_core.models.paper.preprocess import WIDE_FOV

SIDE = 64


@pytest.fixture
def phi() -> GaussianDecoder:
    torch.manual_seed(3)
    return GaussianDecoder().requires_grad_(False)


def coordinate_planes() -> torch.Tensor:
    """(3, 96, S, S): channel 0 holds the first axis of each plane, channel 1 the second, in head-space units."""
    axis = (torch.arange(SIDE) + 0.5) / SIDE - 0.5
    planes = torch.zeros(3, 96, SIDE, SIDE)
    planes[:, 0] = axis
    planes[:, 1] = axis[:, None]
    return planes


def test_planes_are_read_in_the_order_xy_xz_zy() -> None:
    points = torch.tensor([[0.1, 0.2, -0.3], [-0.25, 0.05, 0.4]])
    seen = sample_planes(coordinate_planes(), points)
    x, y, z = points.unbind(1)
    assert torch.allclose(seen[:, 0], (x + x + z) / 3, atol=1e-5)
    assert torch.allclose(seen[:, 1], (y + z + y) / 3, atol=1e-5)


def test_nothing_is_seen_outside_the_box() -> None:
    planes = torch.ones(3, 96, SIDE, SIDE)
    seen = sample_planes(planes, torch.tensor([[0.0, 0.0, 0.0], [0.6, 0.6, 0.6], [0.6, 0.0, 0.0]]))
    assert seen[:, 0].tolist() == pytest.approx([1.0, 0.0, 1 / 3])


def test_the_mean_plane_gives_one_candidate_per_cell_in_row_major_order(phi: GaussianDecoder) -> None:
    candidates = from_mean_plane(coordinate_planes()[0], phi, side=2 * SIDE)
    assert candidates.f.shape == candidates.m.shape == (4 * SIDE * SIDE, 48)
    inner = candidates.f[:, 0].view(2 * SIDE, 2 * SIDE)[:, 1:-1]
    expected = ((torch.arange(2 * SIDE) + 0.5) / (2 * SIDE) - 0.5)[1:-1]
    assert torch.allclose(inner, expected.expand_as(inner), atol=1e-6)


def test_feature_and_motion_basis_are_the_halves_of_a_plane(phi: GaussianDecoder) -> None:
    plane = torch.zeros(96, 8, 8)
    plane[48:] = 1.0
    candidates = from_mean_plane(plane, phi, side=8)
    assert float(candidates.f.abs().max()) == 0.0
    assert float((candidates.m - 1.0).abs().max()) < 1e-6


def test_candidates_are_kept_by_density(phi: GaussianDecoder) -> None:
    phi.output.weight[0], phi.output.bias[0] = 0.0, -100.0
    assert not from_mean_plane(torch.randn(96, 8, 8), phi, side=8).kept.any()
    phi.output.bias[0] = 5.0
    assert from_mean_plane(torch.randn(96, 8, 8), phi, side=8).kept.all()


def test_rays_start_at_the_camera_and_pass_the_head_s_centre() -> None:
    origin, directions = frontal_rays(Camera.orbit(), 2, torch.device("cpu"))
    assert origin.tolist() == pytest.approx([0.0, 0.0, 2.7])
    assert torch.allclose(directions.norm(dim=1), torch.ones(4))
    assert torch.allclose(directions.mean(0)[:2], torch.zeros(2), atol=1e-6)
    assert (directions[0, 0] < 0) and (directions[0, 1] > 0)  # the first pixel looks to the upper left


def test_rays_agree_with_the_camera_s_projection() -> None:
    camera = Camera.orbit(yaw=20, pitch=-10, fov=WIDE_FOV)
    origin, directions = frontal_rays(camera, 8, torch.device("cpu"))
    pixels = camera.project((origin + 2.5 * directions).double().numpy(), 8, 8)
    columns, rows = np.meshgrid(np.arange(8) + 0.5, np.arange(8) + 0.5)
    assert np.abs(pixels - np.stack([columns.ravel(), rows.ravel()], axis=1)).max() < 1e-4


def test_the_wide_crop_sees_more() -> None:
    assert focal_from_fov(18.837) == pytest.approx(4.2634, abs=1e-4)
    assert focal_from_fov(18.837) / focal_from_fov(WIDE_FOV) == pytest.approx(1.2419, abs=1e-3)


def test_importance_samples_gather_where_matter_is() -> None:
    depths = torch.linspace(NEAR, FAR, COARSE)[None]
    sigma = torch.zeros(1, COARSE)
    sigma[0, 10] = 50.0
    fine = importance_depths(depths, sigma)
    assert fine.shape == (1, FINE)
    assert bool((fine.diff() >= 0).all())
    near = (fine - depths[0, 10]).abs() < 2 * (FAR - NEAR) / COARSE
    assert float(near.float().mean()) > 0.75


def test_rays_give_half_even_and_half_gathered_samples(phi: GaussianDecoder) -> None:
    candidates, samples = from_rays(torch.randn(3, 96, 16, 16), phi, side=4)
    assert candidates.f.shape == (16 * (COARSE + FINE), 48)
    assert samples.depths.shape == (16, COARSE + FINE)
    assert float(samples.depths.min()) >= NEAR and float(samples.depths.max()) <= FAR + (FAR - NEAR) / COARSE


def test_activated_attributes_stay_in_their_ranges() -> None:
    planar = activate(20 * torch.randn(1000, 14, generator=torch.Generator().manual_seed(1)))
    assert float(planar[MEAN].abs().max()) <= 1.0
    assert float(planar[SCALE].min()) >= 0.0 and float(planar[SCALE].max()) <= MAXIMUM_SCALE + 1e-8
    assert torch.allclose(planar[QUATERNION].norm(dim=0), torch.ones(1000), atol=1e-5)
    assert float(planar[OPACITY].min()) >= 0.0 and float(planar[OPACITY].max()) <= 1.0
    assert float(planar[COLOR].min()) >= -0.001 - 1e-6 and float(planar[COLOR].max()) <= 1.001 + 1e-6


def test_opacity_is_absorption() -> None:
    raw = torch.zeros(1, 14)
    raw[0, 0] = 1.5
    assert float(activate(raw)[OPACITY]) == pytest.approx(1 - float(torch.exp(-density(raw))), abs=1e-6)
