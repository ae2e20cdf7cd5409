"""Sheets of surface samples and how they become Gaussians.

A `Layer` holds points with two tangents (the steps to the neighbouring samples), from which extent and orientation of
each Gaussian follow: local axis 0 along the horizontal tangent, axis 1 along the vertical one, axis 2 the normal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import UNITS_PER_PIXEL
from avatar_core.rendering.jit import kernel

SIGMA_PER_STEP = 0.6
"""Standard deviation over sample spacing: less shows moire once the surface stretches, more blurs the photo."""
MAX_STEP, MAX_LAST_STEP = 10.0 * UNITS_PER_PIXEL, 3.0 * UNITS_PER_PIXEL
"""Longest step per pixel, and where there is a neighbour on one side alone: half of a Gaussian lies beyond the end of
its sheet, and a longer one would stick out as a needle."""
THICKNESS = 0.12 * UNITS_PER_PIXEL
MAX_OPACITY = 0.98
OVERLAP = 4.0
"""How many neighbours cover one pixel, in Gaussian weights: turns coverage of a pixel into opacity of a Gaussian."""
_JUMP = 40.0 * UNITS_PER_PIXEL  # a larger step to a neighbour is a gap between surfaces, not a slope


@dataclass
class Layer:
    """Samples of one sheet.

    Args:
        position, across, upward: (N, 3) head space; the tangents are steps to the next sample, image right and up.
        colour: (N, 3) in [0, 1]; coverage (N,) in [0, 1]: how much of a pixel the sheet should hide there.
        u: (N, 3) canonical coordinate on the mean face; part: (N,) uint8.
        neck_weight, expression_weight: (N,) in [0, 1], see `Avatar`.
        seen: (N,) bool: shows the photo in the default view (the rest is hidden until something moves).
    """

    position: NDArray[np.float32]
    across: NDArray[np.float32]
    upward: NDArray[np.float32]
    colour: NDArray[np.float32]
    coverage: NDArray[np.float32]
    u: NDArray[np.float32]
    part: NDArray[np.uint8]
    neck_weight: NDArray[np.float32]
    expression_weight: NDArray[np.float32]
    seen: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.position)

    def take(self, chosen: NDArray[np.generic]) -> Layer:
        """The samples picked by a mask or indices."""
        return Layer(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})


def join(layers: list[Layer]) -> Layer:
    """All samples of several layers, in order."""
    return Layer(**{f.name: np.concatenate([getattr(layer, f.name) for layer in layers]) for f in fields(Layer)})


@kernel()
def _difference(points, mask, stride, jump, rest, limit, last_limit):
    """Steps to the right and upwards neighbours, (H, W, 3) each; ``rest`` is the step where no neighbour exists,
    ``limit`` the longest one between two and ``last_limit`` where there is but one."""
    rows, columns = mask.shape
    across = np.zeros((rows, columns, 3), np.float32)
    upward = np.zeros((rows, columns, 3), np.float32)
    for y in range(rows):
        for x in range(columns):
            if not mask[y, x]:
                continue
            for axis in range(2):
                dy, dx = (0, stride) if axis == 0 else (-stride, 0)
                after = (
                    0 <= y + dy < rows and 0 <= x + dx < columns and mask[y + dy, x + dx]
                    and abs(points[y + dy, x + dx, 2] - points[y, x, 2]) < jump
                )  # fmt: skip
                before = (
                    0 <= y - dy < rows and 0 <= x - dx < columns and mask[y - dy, x - dx]
                    and abs(points[y - dy, x - dx, 2] - points[y, x, 2]) < jump
                )  # fmt: skip
                length = 0.0
                for c in range(3):
                    if after and before:
                        step = 0.5 * (points[y + dy, x + dx, c] - points[y - dy, x - dx, c])
                    elif after:
                        step = points[y + dy, x + dx, c] - points[y, x, c]
                    elif before:
                        step = points[y, x, c] - points[y - dy, x - dx, c]
                    else:
                        step = rest if c == axis else 0.0
                    length += step * step
                    if axis == 0:
                        across[y, x, c] = step
                    else:
                        upward[y, x, c] = step
                longest = limit if after and before else last_limit
                if length > longest * longest:
                    shorter = longest / np.sqrt(length)
                    for c in range(3):
                        if axis == 0:
                            across[y, x, c] *= shorter
                        else:
                            upward[y, x, c] *= shorter
    return across, upward


def surface_steps(
    points: NDArray[np.float32], mask: NDArray[np.bool_], stride: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Tangent steps (H, W, 3) of a map of points (H, W, 3) within ``mask``, limited to `MAX_STEP` per pixel and
    to `MAX_LAST_STEP` at its ends.

    The step covers ``stride`` pixels. Gaps between surfaces are not bridged.
    """
    mask = np.ascontiguousarray(mask)
    limits = (stride * MAX_STEP, stride * MAX_LAST_STEP)
    return _difference(points, mask, stride, _JUMP * stride, stride * UNITS_PER_PIXEL, *limits)


def opacity_logit(coverage: NDArray[np.floating]) -> NDArray[np.float32]:
    """Opacity logit of Gaussians whose overlap together covers ``coverage`` of each pixel."""
    clear = np.maximum(np.float32(1) - np.asarray(coverage, np.float32), np.float32(1e-4))
    opacity = np.clip(-np.log(clear) / np.float32(OVERLAP), np.float32(1e-4), np.float32(MAX_OPACITY))
    return np.log(opacity / (1 - opacity))


@kernel()
def extents_and_axes(across, upward, shortest):
    """Quaternions wxyz (4, N) of the axes [across, normal x across, normal] (by the largest of the four squares,
    Shepperd 1978), extents (2, N) along the first two, and normals (N, 3)."""
    count = across.shape[0]
    quaternion, extent = np.empty((4, count), np.float32), np.empty((2, count), np.float32)
    normals = np.empty((count, 3), np.float32)
    for i in range(count):
        length = math.sqrt(across[i, 0] ** 2 + across[i, 1] ** 2 + across[i, 2] ** 2) + 1e-9
        ax, ay, az = across[i, 0] / length, across[i, 1] / length, across[i, 2] / length
        ux, uy, uz = upward[i, 0], upward[i, 1], upward[i, 2]
        nx, ny, nz = ay * uz - az * uy, az * ux - ax * uz, ax * uy - ay * ux
        size = math.sqrt(nx * nx + ny * ny + nz * nz)
        if size > 1e-9:
            nx, ny, nz = nx / size, ny / size, nz / size
        else:
            nx, ny, nz = 0.0, 0.0, 1.0
        bx, by, bz = ny * az - nz * ay, nz * ax - nx * az, nx * ay - ny * ax
        extent[0, i] = length
        extent[1, i] = max(abs(bx * ux + by * uy + bz * uz), shortest)
        normals[i, 0], normals[i, 1], normals[i, 2] = nx, ny, nz
        trace = ax + by + nz
        if trace >= ax and trace >= by and trace >= nz:
            w, x, y, z = 1 + trace, bz - ny, nx - az, ay - bx
        elif ax >= by and ax >= nz:
            w, x, y, z = bz - ny, 1 + 2 * ax - trace, ay + bx, nx + az
        elif by >= nz:
            w, x, y, z = nx - az, ay + bx, 1 + 2 * by - trace, bz + ny
        else:
            w, x, y, z = ay - bx, nx + az, bz + ny, 1 + 2 * nz - trace
        scale = 1 / math.sqrt(w * w + x * x + y * y + z * z)
        quaternion[0, i], quaternion[1, i] = w * scale, x * scale
        quaternion[2, i], quaternion[3, i] = y * scale, z * scale
    return quaternion, extent, normals


def to_gaussians(layer: Layer) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(14, N) pre-activation attributes in the order of `avatar_core.avatar.Avatar.rest`, and normals (N, 3)."""
    across, upward = (np.ascontiguousarray(steps, np.float32) for steps in (layer.across, layer.upward))
    quaternion, extent, normal = extents_and_axes(across, upward, 0.15 * UNITS_PER_PIXEL)
    rest = np.empty((14, len(layer)), np.float32)
    rest[0:3] = layer.position.T
    rest[3:5] = np.log(np.float32(SIGMA_PER_STEP) * extent)
    rest[5] = np.log(THICKNESS)
    rest[6:10] = quaternion
    rest[10] = opacity_logit(layer.coverage)
    rest[11:14] = np.clip(layer.colour, 0, 1).T
    return rest, normal
