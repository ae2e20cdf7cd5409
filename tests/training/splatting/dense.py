"""The rules of the rasteriser as plain torch in float64, one Gaussian after the other over all pixels.

Autograd through it is what the hand-written gradients are held to.
"""

from __future__ import annotations

import torch
from torch import Tensor

from avatar_core.camera import Camera
from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE
from avatar_core.rendering import records as rec


def dense_render(planar: Tensor, camera: Camera, width: int, height: int) -> Tensor:
    """(height, width, 4) float64 of ``planar`` (14, N) float64."""
    point = _in_camera(planar, camera)
    depth = point[2].detach()
    seen = torch.nonzero((depth >= rec.NEAR_PLANE) & (depth <= rec.FAR_PLANE)).flatten()
    order = seen[torch.argsort(depth[seen].float(), stable=True)]
    centre, conic = _project(planar[:, order], point[:, order], camera, width, height)
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64) + 0.5, torch.arange(width, dtype=torch.float64) + 0.5, indexing="ij"
    )
    picture = torch.zeros(height, width, 4, dtype=torch.float64)
    transmittance = torch.ones(height, width, dtype=torch.float64)
    stopped = torch.zeros(height, width, dtype=torch.bool)
    for k, g in enumerate(order.tolist()):
        dx, dy = x - centre[0, k], y - centre[1, k]
        exponent = 0.5 * (conic[k, 0, 0] * dx * dx + conic[k, 1, 1] * dy * dy) + conic[k, 0, 1] * dx * dy
        alpha = (planar[OPACITY, g] * torch.exp(-exponent)).clamp(max=rec.MAX_ALPHA)
        alpha = torch.where((alpha < rec.ALPHA_THRESHOLD) | stopped, 0.0, alpha)
        stopped = stopped | ((transmittance * (1 - alpha) <= rec.TRANSMITTANCE_THRESHOLD) & (alpha > 0))
        weight = torch.where(stopped, 0.0, alpha * transmittance)
        picture = picture + weight[..., None] * torch.cat([planar[COLOR, g], torch.ones(1, dtype=torch.float64)])
        transmittance = transmittance - weight
    return picture


def _in_camera(planar: Tensor, camera: Camera) -> Tensor:
    world2cam = torch.as_tensor(camera.world2cam)
    return world2cam[:3, :3] @ planar[MEAN] + world2cam[:3, 3:]


def _project(planar: Tensor, point: Tensor, camera: Camera, width: int, height: int) -> tuple[Tensor, Tensor]:
    """Pixel centres (2, N) and inverse pixel covariances (N, 2, 2)."""
    rotation = torch.as_tensor(camera.world2cam)[:3, :3]
    intrinsics = torch.as_tensor(camera.pixel_intrinsics(width, height))
    focal, principal = intrinsics.diagonal()[:2, None], intrinsics[:2, 2:]
    size = torch.tensor([[width], [height]], dtype=torch.float64)
    slope = point[:2] / point[2]
    limit = rec.FRUSTUM_MARGIN * size / focal
    held = torch.minimum(torch.maximum(slope, -principal / focal - limit), (size - principal) / focal + limit)
    scaled = (focal / point[2]).T[..., None]
    jacobian = scaled * (rotation[None, :2] - held.T[..., None] * rotation[None, 2:])
    w, x, y, z = planar[QUATERNION] / planar[QUATERNION].norm(dim=0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    turned = torch.stack([torch.stack(row, dim=-1) for row in rows], dim=1)
    root = jacobian @ turned * planar[SCALE].T[:, None, :]
    covariance = root @ root.transpose(1, 2) + rec.SCREEN_BLUR * torch.eye(2, dtype=torch.float64)
    return focal * slope + principal, torch.linalg.inv(covariance)
