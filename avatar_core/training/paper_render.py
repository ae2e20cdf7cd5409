"""Pictures that gradients flow through: gsplat on CUDA, plain torch for small pictures on the CPU.

In: planar Gaussians (14, N). Out: (3, side, side) RGB on black.
"""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_core.camera import Camera
from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE
from avatar_core.rendering import records as rec


def render(planar: Tensor, camera: Camera, side: int) -> Tensor:
    """Draw with what suits the device of ``planar``."""
    return _with_gsplat(planar, camera, side) if planar.device.type == "cuda" else _with_torch(planar, camera, side)


def _with_gsplat(planar: Tensor, camera: Camera, side: int) -> Tensor:
    from gsplat import rasterization

    world2cam = torch.as_tensor(camera.world2cam, dtype=torch.float32, device=planar.device)
    intrinsics = torch.as_tensor(camera.pixel_intrinsics(side, side), dtype=torch.float32, device=planar.device)
    colour, _, _ = rasterization(
        means=planar[MEAN].T.contiguous(),
        quats=planar[QUATERNION].T.contiguous(),
        scales=planar[SCALE].T.contiguous(),
        opacities=planar[OPACITY].contiguous(),
        colors=planar[COLOR].T.contiguous(),
        viewmats=world2cam[None],
        Ks=intrinsics[None],
        width=side,
        height=side,
        near_plane=rec.NEAR_PLANE,
        far_plane=rec.FAR_PLANE,
        eps2d=rec.SCREEN_BLUR,
        packed=False,
        rasterize_mode="antialiased",
    )
    return colour[0].permute(2, 0, 1)


def _with_torch(planar: Tensor, camera: Camera, side: int) -> Tensor:
    """Every Gaussian against every pixel: for tests with some hundred Gaussians."""
    world2cam = torch.as_tensor(camera.world2cam, dtype=planar.dtype)
    intrinsics = torch.as_tensor(camera.pixel_intrinsics(side, side), dtype=planar.dtype)
    points = world2cam[:3, :3] @ planar[MEAN] + world2cam[:3, 3:]
    order = torch.argsort(points[2].detach())
    points, placed = points[:, order], planar[:, order]
    depth = points[2].clamp(min=rec.NEAR_PLANE)
    focal = intrinsics[0, 0]
    centre = focal * points[:2] / depth + intrinsics[:2, 2:]
    zero = torch.zeros_like(depth)
    jacobian = torch.stack(
        [
            torch.stack([focal / depth, zero, -focal * points[0] / depth**2], dim=-1),
            torch.stack([zero, focal / depth, -focal * points[1] / depth**2], dim=-1),
        ],
        dim=1,
    )
    axes = _rotations(placed[QUATERNION]) * placed[SCALE].T[:, None, :]
    root = jacobian @ world2cam[:3, :3] @ axes
    covariance = root @ root.transpose(1, 2) + rec.SCREEN_BLUR * torch.eye(2, dtype=planar.dtype)
    centres = torch.arange(side, dtype=planar.dtype) + 0.5
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    offset = torch.stack([x.flatten(), y.flatten()])[None] - centre.T[:, :, None]
    exponent = 0.5 * (offset * (torch.linalg.inv(covariance) @ offset)).sum(1)
    alpha = (placed[OPACITY][:, None] * torch.exp(-exponent)).clamp(max=rec.MAX_ALPHA)
    passed = torch.cumprod(torch.cat([torch.ones_like(alpha[:1]), 1 - alpha[:-1]]), dim=0)
    return (placed[COLOR] @ (alpha * passed)).view(3, side, side)


def _rotations(quaternion: Tensor) -> Tensor:
    """(N, 3, 3) of unit quaternions (4, N) wxyz."""
    w, x, y, z = quaternion
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=1)
