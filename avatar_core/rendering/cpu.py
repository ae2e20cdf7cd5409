"""The CPU rasteriser: Gaussians and a camera -> premultiplied RGBA, in three compiled passes.

`project` -> `tiles` -> `blend`; `records` states the layout between them and the constants, which are gsplat's.
"""

from __future__ import annotations

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.camera import Camera
from avatar_core.gaussians import Gaussians
from avatar_core.rendering import records as rec
from avatar_core.rendering.blend import TILE_BUFFER_SIZE, blend
from avatar_core.rendering.jit import one_launch_at_a_time, thread_limit
from avatar_core.rendering.memory import aligned
from avatar_core.rendering.project import LOCAL_SIZE, project
from avatar_core.rendering.tiles import SORT_BINS, fill_tiles, tile_starts

_CHUNKS_PER_WORKER = 4  # small enough chunks that a thread which loses its core to others does not hold up the frame
_GROWTH = 1.3  # room left when a buffer has to grow, so that a moving camera does not reallocate each frame


class CpuRasterizer:
    """Gaussian splatting on the CPU with the rules of gsplat's classic mode.

    The result does not depend on the number of threads, to the last bit. One instance may be used by one thread at a
    time (it waits for its turn otherwise), as frames share buffers.
    """

    def __init__(self, workers: int | None = None) -> None:
        """Use ``workers`` threads, by default as many as this process may use.

        Raises:
            ValueError: ``workers`` is below 1.
        """
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        self.workers = workers or thread_limit()
        self.name = f"Numba CPU rasteriser, {self.workers} thread{'s' if self.workers > 1 else ''}"
        self._chunks = self.workers * _CHUNKS_PER_WORKER
        self._locals = np.empty((self.workers, LOCAL_SIZE), np.float32)
        self._tile_buffers = aligned((self.workers, TILE_BUFFER_SIZE), np.float32)
        self._bins = np.empty((self.workers, SORT_BINS), np.uint64)
        self._visible = np.zeros(self._chunks, np.int64)
        self._tickets = np.zeros(1, np.int64)
        self._records = np.empty(0, np.float32)
        self._footprints = np.empty(0, np.int32)
        self._keys = np.empty(0, np.uint64)
        self._spares = np.empty((self.workers, 0), np.uint64)
        self._image = np.empty((0, 0, 4), np.float32)
        self._tiles = np.empty((self._chunks, 0, 0), np.int64)
        self._starts = np.empty(1, np.int64)

    def render(self, gaussians: Gaussians, camera: Camera, width: int, height: int) -> Tensor:
        """Draw ``gaussians`` as ``camera`` sees them.

        Returns:
            (height, width, 4) float32: RGB premultiplied by alpha, and alpha. The buffer is reused by the next call.

        Raises:
            ValueError: the image is empty or larger than 4096 pixels a side, or the Gaussians are not float32 on
                the CPU.
        """
        if not (1 <= width <= rec.MAX_IMAGE_SIDE and 1 <= height <= rec.MAX_IMAGE_SIDE):
            raise ValueError(f"image sides must lie in 1..{rec.MAX_IMAGE_SIDE}, got {width} x {height}")
        if gaussians.planar.device.type != "cpu" or gaussians.planar.dtype != torch.float32:
            raise ValueError(
                f"planar must be float32 on the CPU, got {gaussians.planar.dtype} on {gaussians.planar.device}"
            )
        planar = np.ascontiguousarray(gaussians.planar.detach().numpy())
        pixel = camera.pixel_intrinsics(width, height)
        lens = np.array([pixel[0, 0], pixel[1, 1], pixel[0, 2], pixel[1, 2]], np.float32)
        with one_launch_at_a_time:
            numba.set_num_threads(min(self.workers, thread_limit()))
            self._draw(planar, camera.world2cam.astype(np.float32), lens, width, height)
            return torch.from_numpy(self._image)

    def _draw(
        self, planar: NDArray[np.float32], world2cam: NDArray[np.float32], lens: NDArray[np.float32],
        width: int, height: int,
    ) -> None:  # fmt: skip
        count = planar.shape[1]
        self._fit(count, width, height)
        self._tickets[0] = 0
        project(
            planar, world2cam, lens, width, height, self._locals, self._records, self._footprints, self._tiles,
            self._visible, self._tickets,
        )  # fmt: skip
        tile_starts(self._tiles, self._starts)
        lengths = np.diff(self._starts)
        self._fit_lists(int(self._starts[-1]), int(lengths.max()))
        self._tickets[0] = 0
        fill_tiles(count, self.workers, self._footprints, self._visible, self._tiles, self._keys, self._tickets)
        self._tickets[0] = 0
        blend(
            self._records, self._keys, self._starts, np.argsort(-lengths, kind="stable"), self._tiles.shape[2],
            self._image, self._tile_buffers, self._spares, self._bins, self._tickets,
        )  # fmt: skip

    def _fit(self, count: int, width: int, height: int) -> None:
        """Have buffers for ``count`` Gaussians and an image of this size."""
        if self._records.size < count * rec.RECORD_SIZE:
            self._records = aligned(count * rec.RECORD_SIZE, np.float32)
            self._footprints = np.empty(count * rec.FOOTPRINT_SIZE, np.int32)
        if self._image.shape[:2] != (height, width):
            rows, columns = -(-height // rec.TILE_HEIGHT), -(-width // rec.TILE_WIDTH)
            self._image = np.empty((height, width, 4), np.float32)
            self._tiles = np.empty((self._chunks, rows, columns), np.int64)
            self._starts = np.empty(rows * columns + 1, np.int64)

    def _fit_lists(self, keys: int, longest: int) -> None:
        """Have room for ``keys`` keys in all and ``longest`` in one tile."""
        if self._keys.size < keys:
            self._keys = np.empty(int(keys * _GROWTH), np.uint64)
        if self._spares.shape[1] < longest:
            self._spares = np.empty((self.workers, int(longest * _GROWTH)), np.uint64)
