"""From feature planes to candidate Gaussians: f, m and which of them to keep.

Two ways exist. "plane" (the public release): one candidate per cell of a 512 x 512 grid over the mean plane. "ray" (the
paper, section 4.1): candidates along the rays of a fixed frontal camera, half of them at even depths, half where the
first half found matter. Positions of samples serve to read the planes only; where a Gaussian lies is decoded from f.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor

from avatar_core.camera import Camera
from avatar_core.models.gaussian_decoder import GaussianDecoder
from avatar_core.models.motion_decoder import FEATURE_SIZE
from avatar_core.models.paper.activation import density

INSTANTIATIONS = ("plane", "ray")
GRID_SIDE = 512
MINIMUM_DENSITY = 1.0 / 255.0
RAY_SIDE = 64  # rays per side
COARSE, FINE = 24, 24  # samples per ray
NEAR, FAR = 2.25, 3.5  # depths along a ray, head-space units
BOX_HALF = 0.5  # the planes span [-0.5, 0.5]^3
_SMOOTH_FLOOR, _SHARE_FLOOR = 0.01, 1e-5  # of absorption, so that no share of a ray is never looked at


@dataclass(frozen=True)
class Candidates:
    """``f`` and ``m`` (N, 48) of all candidates and ``kept`` (N,) bool: dense enough to be drawn."""

    f: Tensor
    m: Tensor
    kept: Tensor


@dataclass(frozen=True)
class RaySamples:
    """Where the planes were read: ``points`` (N, 3) head space, ``depths`` (R, 48), ``directions`` (R, 3) unit."""

    points: Tensor
    depths: Tensor
    directions: Tensor


def from_mean_plane(mean_plane: Tensor, phi: GaussianDecoder, side: int = GRID_SIDE) -> Candidates:
    """Plane instantiation of one avatar's mean plane (96, S, S): ``side``^2 candidates in row-major order."""
    resized = functional.interpolate(
        mean_plane.float()[None], size=(side, side), mode="bilinear", align_corners=False, antialias=True
    )
    return _candidates(resized[0].flatten(1).T, phi)


def from_rays(
    planes: Tensor, phi: GaussianDecoder, camera: Camera | None = None, side: int = RAY_SIDE
) -> tuple[Candidates, RaySamples]:
    """Ray instantiation of one avatar's planes (3, 96, S, S): side^2 * 48 candidates, index = ray * 48 + sample.

    Depths are stratified at the middle of their steps, where the reference draws them at random.
    """
    planes = planes.float()
    origin, directions = frontal_rays(camera or Camera.orbit(), side, planes.device)
    step = (FAR - NEAR) / (COARSE - 1)
    even = NEAR + step * (torch.arange(COARSE, device=planes.device) + 0.5)
    coarse = even.expand(len(directions), COARSE)
    seen = sample_planes(planes, _points(origin, directions, coarse))
    sigma = density(phi(seen[:, :FEATURE_SIZE])).view(len(directions), COARSE)
    depths = torch.cat([coarse, importance_depths(coarse, sigma)], dim=1)
    points = _points(origin, directions, depths)
    return _candidates(sample_planes(planes, points), phi), RaySamples(points, depths, directions)


def frontal_rays(camera: Camera, side: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Origin (3,) and unit directions (side^2, 3), row-major, through the pixel centres of ``camera``."""
    intrinsics = torch.as_tensor(camera.intrinsics, dtype=torch.float32, device=device)
    cam2world = torch.as_tensor(camera.cam2world, dtype=torch.float32, device=device)
    centres = (torch.arange(side, device=device) + 0.5) / side
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    lifted = torch.stack(
        [
            (x - intrinsics[0, 2]) / intrinsics[0, 0],
            (y - intrinsics[1, 2]) / intrinsics[1, 1],
            torch.ones_like(x),
        ],
        dim=-1,
    ).view(-1, 3)
    return cam2world[:3, 3], functional.normalize(lifted @ cam2world[:3, :3].T, dim=1)


def sample_planes(planes: Tensor, points: Tensor) -> Tensor:
    """(N, 96) mean of what the planes (3, 96, S, S): xy, xz, zy show at ``points`` (N, 3); zero outside the box."""
    x, y, z = (points / BOX_HALF).unbind(1)
    places = torch.stack([torch.stack(pair, dim=1) for pair in ((x, y), (x, z), (z, y))])
    seen = functional.grid_sample(planes, places[:, None], mode="bilinear", padding_mode="zeros", align_corners=False)
    return seen[:, :, 0].mean(0).T


def importance_depths(depths: Tensor, sigma: Tensor) -> Tensor:
    """(R, 24) depths drawn where ``sigma`` (R, 24) at ``depths`` (R, 24) absorbs light.

    NeRF's inverse transform over absorption smoothed to its neighbours, as EG3D does it; the uniform numbers are the
    middles of 24 equal shares, where the reference draws them at random.
    """
    alpha = 1.0 - torch.exp(-sigma)
    passed = torch.cumprod(1.0 - alpha + 1e-10, dim=1).roll(1, dims=1)
    passed[:, 0] = 1.0
    widest = functional.max_pool1d((alpha * passed)[:, None], 2, 1, padding=1)
    weights = functional.avg_pool1d(widest, 2, 1)[:, 0, 1:-1] + _SMOOTH_FLOOR + _SHARE_FLOOR
    edges = 0.5 * (depths[:, 1:] + depths[:, :-1])
    share = weights / weights.sum(1, keepdim=True)
    cumulated = torch.cat([torch.zeros_like(share[:, :1]), share.cumsum(1)], dim=1)
    wanted = ((torch.arange(FINE, device=depths.device) + 0.5) / FINE).expand(len(depths), FINE).contiguous()
    above = torch.searchsorted(cumulated, wanted, right=True).clamp(1, edges.shape[1] - 1)
    low, high = cumulated.gather(1, above - 1), cumulated.gather(1, above)
    span = high - low
    part = (wanted - low) / torch.where(span < _SHARE_FLOOR, torch.ones_like(span), span)
    start, end = edges.gather(1, above - 1), edges.gather(1, above)
    return start + part * (end - start)


def _points(origin: Tensor, directions: Tensor, depths: Tensor) -> Tensor:
    return (origin + depths[..., None] * directions[:, None]).view(-1, 3)


def _candidates(features: Tensor, phi: GaussianDecoder) -> Candidates:
    f, m = features[:, :FEATURE_SIZE].contiguous(), features[:, FEATURE_SIZE:].contiguous()
    return Candidates(f, m, density(phi(f)) >= MINIMUM_DENSITY)
