"""Sheets of surface samples and how they become Gaussians.

A `Layer` holds points with two tangents (the steps to the neighbouring samples), from which extent and orientation of
each Gaussian follow: local axis 0 along the horizontal tangent, axis 1 along the vertical one, axis 2 the normal.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.canvas import UNITS_PER_PIXEL
from avatar_core.lift.maps import dot
from avatar_core.rendering.jit import kernel

SIGMA_PER_STEP = 0.6
"""Standard deviation over sample spacing: less shows moire once the surface stretches, more blurs the photo."""
MAX_STEP = 10.0 * UNITS_PER_PIXEL
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
def _difference(points, mask, stride, jump, rest, limit):
    """Steps to the right and upwards neighbours, (H, W, 3) each; ``rest`` is the step where no neighbour exists and
    ``limit`` the longest one."""
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
                if length > limit * limit:
                    shorter = limit / np.sqrt(length)
                    for c in range(3):
                        if axis == 0:
                            across[y, x, c] *= shorter
                        else:
                            upward[y, x, c] *= shorter
    return across, upward


def surface_steps(
    points: NDArray[np.float32], mask: NDArray[np.bool_], stride: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Tangent steps (H, W, 3) of a map of points (H, W, 3) within ``mask``, limited to `MAX_STEP` per pixel.

    The step covers ``stride`` pixels. Gaps between surfaces are not bridged.
    """
    return _difference(points, mask, stride, _JUMP * stride, stride * UNITS_PER_PIXEL, stride * MAX_STEP)


def opacity_logit(coverage: NDArray[np.floating]) -> NDArray[np.float32]:
    """Opacity logit of Gaussians whose overlap together covers ``coverage`` of each pixel."""
    clear = np.maximum(1.0 - np.asarray(coverage, np.float64), 1e-4)
    opacity = np.clip(-np.log(clear) / OVERLAP, 1e-4, MAX_OPACITY)
    return np.log(opacity / (1 - opacity)).astype(np.float32)


def frames(layer: Layer) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Orthonormal axes (N, 3, 3), one per column, and extents (N, 3) along them in steps."""
    tiny = np.float32(1e-9)
    across_length = np.sqrt(dot(layer.across, layer.across))[:, None] + tiny
    first = layer.across / across_length
    normal = np.cross(first, layer.upward)
    normal_length = np.sqrt(dot(normal, normal))[:, None]
    fallback = np.broadcast_to(np.array([0, 0, 1], np.float32), normal.shape)
    normal = np.where(normal_length > 1e-9, normal / (normal_length + tiny), fallback)
    second = np.cross(normal, first)
    upward_length = np.abs(dot(second, layer.upward))
    axes = np.stack([first, second, normal], axis=-1)
    extents = np.stack([across_length[:, 0], np.maximum(upward_length, 0.15 * UNITS_PER_PIXEL)], axis=-1)
    return axes.astype(np.float32), extents.astype(np.float32)


def quaternions(axes: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rotations (N, 3, 3) -> quaternions wxyz (N, 4), unit, by the largest of the four squares (Shepperd 1978)."""
    m = np.asarray(axes, np.float32)
    trace = m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2]
    squares = np.stack([trace, m[:, 0, 0], m[:, 1, 1], m[:, 2, 2]], axis=-1)
    largest = squares.argmax(-1)
    result = np.empty((len(m), 4), np.float32)
    off = [m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]]
    both = {(0, 1): m[:, 0, 1] + m[:, 1, 0], (0, 2): m[:, 0, 2] + m[:, 2, 0], (1, 2): m[:, 1, 2] + m[:, 2, 1]}
    for kind in range(4):
        rows = largest == kind
        if kind == 0:
            values = [1 + trace, off[0], off[1], off[2]]
        else:
            axis = kind - 1
            values = [off[axis]]
            values += [
                1 + 2 * m[:, axis, axis] - trace if other == axis else both[(min(axis, other), max(axis, other))]
                for other in range(3)
            ]
        for column, value in enumerate(values):
            result[rows, column] = value[rows]
    return result / np.linalg.norm(result, axis=1, keepdims=True)


def to_gaussians(layer: Layer) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(14, N) pre-activation attributes in the order of `avatar_core.avatar.Avatar.rest`, and normals (N, 3)."""
    axes, extents = frames(layer)
    rest = np.empty((14, len(layer)), np.float32)
    rest[0:3] = layer.position.T
    rest[3:5] = np.log(SIGMA_PER_STEP * extents).T
    rest[5] = np.log(THICKNESS)
    rest[6:10] = quaternions(axes).T
    rest[10] = opacity_logit(layer.coverage)
    rest[11:14] = np.clip(layer.colour, 0, 1).T
    return rest, axes[..., 2]
