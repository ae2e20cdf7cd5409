"""One picture's worth of the Triton rasteriser: buffers for a number of Gaussians and a size, and the passes over them.

    project      every Gaussian: record, depth, tile box                            (kernel)
    order        sort by depth, running sum of the tiles touched                    (torch)
    bin          pairs (tile, Gaussian) in the order of depth, stably sorted by tile (kernel, torch)
    blend        every tile, front to back                                          (kernel)

No pass needs a size that only the GPU knows: the list of pairs has a capacity. The host reads the number of pairs
while the later passes run already, and draws again with a longer list where it did not suffice.
"""

from __future__ import annotations

import numpy as np
import torch
import triton
from torch import Tensor

from avatar_core.camera import Camera
from avatar_core.cuda_graph import CapturedWork
from avatar_core.rendering import triton_bin, triton_blend, triton_project
from avatar_core.rendering.triton_project import RECORD_SIZE, TILE

VIEW_SIZE = 16
_PROJECT_ROWS, _FILL_SLOTS = 128, 256
_BLEND_WARPS = 2  # four pixels to a thread
_GROUPS = 8
_ROOM = 1.5  # length of the list over the pairs of the frame that it was made for
_SHRINK = 8  # a list this many times as long as needed is made anew: every frame sorts all of it
_SPARE = 4096  # pairs, beyond that room


class TritonFrame:
    """Draws ``count`` Gaussians into (``height``, ``width``) pictures on ``device``."""

    def __init__(self, count: int, width: int, height: int, device: torch.device) -> None:
        def buffer(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.empty(shape, dtype=dtype, device=device)

        self.count, self.width, self.height = count, width, height
        self.columns, self.rows = -(-width // TILE), -(-height // TILE)
        self.tiles = self.columns * self.rows
        self._view = buffer(VIEW_SIZE)
        self.image = buffer(height, width, 4)
        self._device = device
        self._planar = buffer(14, 0)
        self._records = buffer(count, RECORD_SIZE)
        self._depths, self._sorted_depths = buffer(count), buffer(count)
        self._boxes, self._counts = buffer(count, dtype=torch.int32), buffer(count, dtype=torch.int32)
        self._order, self._ends = buffer(count, dtype=torch.int64), buffer(count, dtype=torch.int64)
        self._total = torch.zeros(1, dtype=torch.int64, pin_memory=device.type == "cuda")
        self._tile_type = torch.int16 if self.tiles < 2**15 - 1 else torch.int32
        self._bounds = torch.arange(self.tiles + 1, dtype=self._tile_type, device=device)
        self._starts = buffer(self.tiles + 1, dtype=torch.int64)
        self._scan = CapturedWork(self._project_and_order, device)
        self._counted = torch.cuda.Event() if device.type == "cuda" else None
        self.reserve(0)

    def aim(self, camera: Camera) -> None:
        """Draw from ``camera`` from now on. The copy never waits: the pages it is sent from are pinned and not reused.

        The kernels get three rows of world2cam, then focal lengths and principal point in pixels.
        """
        pixel = camera.pixel_intrinsics(self.width, self.height)
        lens = [pixel[0, 0], pixel[1, 1], pixel[0, 2], pixel[1, 2]]
        view = torch.from_numpy(np.concatenate([camera.world2cam[:3].reshape(-1), lens]).astype(np.float32))
        self._view.copy_(view.pin_memory() if self._device.type == "cuda" else view, non_blocking=True)

    def take(self, planar: Tensor) -> None:
        """Draw ``planar`` (14, count) float32 from now on, as it is at that time."""
        if planar.data_ptr() != self._planar.data_ptr():
            self._scan = CapturedWork(self._project_and_order, self._device)
        self._planar = planar

    def draw(self) -> Tensor:
        """`image`, (height, width, 4), whose writing is enqueued."""
        self._scan()
        if self._counted is not None:
            self._counted.record()
        fits = False
        while not fits:
            if self.capacity:
                self._paint()
            if self._counted is not None:
                self._counted.synchronize()  # for the second pass alone: the others go on
            fits = 0 < self.capacity >= self.pairs
            if not fits or self.capacity > _SHRINK * (self.pairs + _SPARE):
                self.reserve(int(_ROOM * self.pairs) + _SPARE)
        return self.image

    def reserve(self, capacity: int) -> None:
        """Have lists for ``capacity`` pairs."""
        self.capacity = capacity

        def buffer(dtype: torch.dtype) -> Tensor:
            return torch.empty(capacity, dtype=dtype, device=self._device)

        self._pair_tiles, self._sorted_tiles = buffer(self._tile_type), buffer(self._tile_type)
        self._pair_gaussians, self._sorted_gaussians = buffer(torch.int32), buffer(torch.int32)
        self._permutation = buffer(torch.int64)
        self._paint = CapturedWork(self._bin_and_blend, self._device)

    @property
    def pairs(self) -> int:
        """Pairs (tile, Gaussian) of the frame drawn last."""
        return int(self._total[0])

    def project(self) -> None:
        """Enqueue the first pass."""
        triton_project.project[(triton.cdiv(self.count, _PROJECT_ROWS),)](
            self._planar, self._view, self._records, self._depths, self._boxes, self._counts,
            self.count, self.width, self.height, ROWS=_PROJECT_ROWS,
        )  # fmt: skip

    def order(self) -> None:
        """Enqueue the second pass; the number of pairs is on its way to the host then."""
        torch.sort(self._depths, stable=True, out=(self._sorted_depths, self._order))
        torch.cumsum(self._counts[self._order], 0, dtype=torch.int64, out=self._ends)
        self._total.copy_(self._ends[-1:], non_blocking=True)

    def bin(self) -> None:
        """Enqueue the third pass."""
        triton_bin.fill[(triton.cdiv(self.capacity, _FILL_SLOTS),)](
            self._order, self._ends, self._boxes, self._pair_tiles, self._pair_gaussians,
            self.count, self.capacity, self.columns, self.tiles,
            STEPS=self.count.bit_length(), SLOTS=_FILL_SLOTS,
        )  # fmt: skip
        torch.sort(self._pair_tiles, stable=True, out=(self._sorted_tiles, self._permutation))
        torch.index_select(self._pair_gaussians, 0, self._permutation, out=self._sorted_gaussians)
        torch.searchsorted(self._sorted_tiles, self._bounds, out=self._starts)

    def blend(self) -> None:
        """Enqueue the last pass."""
        triton_blend.blend[(self.tiles,)](
            self._records.view(torch.int64), self._sorted_gaussians, self._starts, self.image,
            self.width, self.height, self.columns, GROUPS=_GROUPS, num_warps=_BLEND_WARPS,
        )  # fmt: skip

    def _project_and_order(self) -> None:
        self.project()
        self.order()

    def _bin_and_blend(self) -> None:
        self.bin()
        self.blend()

    def traffic(self) -> dict[str, int]:
        """Bytes of device memory that each stage of the frame drawn last had to read and write at least once."""
        visible = int((self._counts > 0).sum())
        record, pixels, key = 4 * RECORD_SIZE, self.width * self.height, self._pair_tiles.element_size()
        project = self.count * (4 * 14 + 4 + 4 + 4) + visible * record
        by_depth = self.count * (4 + 8 + 4 + 8)  # depths to order, counts to ends
        by_tile = self.pairs * 2 * (key + 4)  # pairs written and read
        return {
            "project": project,
            "sort": by_depth + by_tile,
            "blend": visible * record + 4 * self.pairs + 16 * pixels,
        }
