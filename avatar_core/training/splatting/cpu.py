"""The CPU rasteriser as a function with a gradient: the program's own forward passes, and their reverse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from avatar_core.camera import Camera
from avatar_core.rendering import blend as forward_blend
from avatar_core.rendering import project as forward_project
from avatar_core.rendering import records as rec
from avatar_core.rendering.jit import one_launch_at_a_time, thread_limit
from avatar_core.rendering.memory import aligned
from avatar_core.rendering.tiles import SORT_BINS, fill_tiles, tile_starts
from avatar_core.training.splatting import blend_backward as backward_blend
from avatar_core.training.splatting import project_backward as backward_project
from avatar_core.training.splatting.pairs import SLOT_SIZE, slot_starts

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

_CHUNKS_PER_WORKER = 4


@dataclass
class _Drawing:
    """A picture and what its gradient needs; field names are those of the kernels' arguments."""

    planar: Floats
    world2cam: Floats
    lens: Floats
    records: Floats
    footprints: NDArray[np.int32]
    visible: Integers
    keys: NDArray[np.uint64]
    starts: Integers
    order: Integers
    image: Floats

    @property
    def tile_columns(self) -> int:
        return -(-self.image.shape[1] // rec.TILE_WIDTH)

    @property
    def longest_tile(self) -> int:
        return int(np.diff(self.starts).max())


class CpuSplatting(torch.autograd.Function):
    """(14, N) float32 on the CPU, a camera, width and height -> (height, width, 4) float32; see `render`."""

    @staticmethod
    def forward(ctx: Any, planar: Tensor, camera: Camera, width: int, height: int) -> Tensor:
        pixel = camera.pixel_intrinsics(width, height)
        lens = np.array([pixel[0, 0], pixel[1, 1], pixel[0, 2], pixel[1, 2]], np.float32)
        with one_launch_at_a_time:
            drawing = _draw(
                planar.detach().contiguous().numpy(), camera.world2cam.astype(np.float32), lens, width, height
            )
        ctx.save_for_backward(planar)  # so that a change of the input in place is noticed
        ctx.drawing = drawing
        return torch.from_numpy(drawing.image.copy())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        _ = ctx.saved_tensors
        values = gradient.detach().to(torch.float32).contiguous().numpy()
        with one_launch_at_a_time:
            return torch.from_numpy(_gradient(ctx.drawing, values)), None, None, None


def _workers() -> int:
    """Threads to use: as many as torch does, so that a launcher of several processes limits both alike."""
    workers = min(thread_limit(), torch.get_num_threads())
    numba.set_num_threads(workers)
    return workers


def _draw(planar: Floats, world2cam: Floats, lens: Floats, width: int, height: int) -> _Drawing:
    count, workers = planar.shape[1], _workers()
    chunks = workers * _CHUNKS_PER_WORKER
    rows, columns = -(-height // rec.TILE_HEIGHT), -(-width // rec.TILE_WIDTH)
    records = aligned(count * rec.RECORD_SIZE, np.float32)
    footprints = np.empty(count * rec.FOOTPRINT_SIZE, np.int32)
    visible = np.empty(chunks, np.int64)
    tiles = np.empty((chunks, rows, columns), np.int64)
    starts = np.empty(rows * columns + 1, np.int64)
    forward_project.project(
        planar, world2cam, lens, width, height, np.empty((workers, forward_project.LOCAL_SIZE), np.float32), records,
        footprints, tiles, visible, np.zeros(1, np.int64),
    )  # fmt: skip
    tile_starts(tiles, starts)
    keys = np.empty(int(starts[-1]), np.uint64)
    fill_tiles(count, workers, footprints, visible, tiles, keys, np.zeros(1, np.int64))
    order = np.argsort(-np.diff(starts), kind="stable")
    image = np.empty((height, width, 4), np.float32)
    drawing = _Drawing(planar, world2cam, lens, records, footprints, visible, keys, starts, order, image)
    forward_blend.blend(
        records, keys, starts, order, columns, image, aligned((workers, forward_blend.TILE_BUFFER_SIZE), np.float32),
        np.empty((workers, drawing.longest_tile), np.uint64), np.empty((workers, SORT_BINS), np.uint64),
        np.zeros(1, np.int64),
    )  # fmt: skip
    return drawing


def _gradient(drawing: _Drawing, by_image: Floats) -> Floats:
    count, workers = drawing.planar.shape[1], _workers()
    height, width = drawing.image.shape[:2]
    begins = np.empty(count + 1, np.int64)
    slot_starts(count, drawing.footprints, drawing.visible, begins)
    slots = np.empty(len(drawing.keys) * SLOT_SIZE, np.float32)
    backward_blend.blend_backward(
        drawing.records, drawing.keys, drawing.starts, drawing.order, drawing.tile_columns, drawing.image, by_image,
        begins, slots, aligned((workers, backward_blend.TILE_BUFFER_SIZE), np.float32),
        aligned((workers, drawing.longest_tile * rec.RECORD_SIZE), np.float32), np.zeros(1, np.int64),
    )  # fmt: skip
    gradient = np.empty_like(drawing.planar)
    backward_project.project_backward(
        drawing.planar, drawing.world2cam, drawing.lens, width, height, drawing.records, drawing.visible, begins,
        slots, np.empty((workers, backward_project.LOCAL_SIZE), np.float32), gradient, np.zeros(1, np.int64),
    )  # fmt: skip
    return gradient
