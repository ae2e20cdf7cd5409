"""Arrays that start on a cache line: a vector or record that straddles two lines costs twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

CACHE_LINE = 64  # bytes


def aligned(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray:
    """A zeroed C-ordered array whose first item lies at the start of a cache line."""
    item = np.dtype(dtype)
    raw = np.zeros(int(np.prod(shape)) * item.itemsize + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : len(raw) - CACHE_LINE + start].view(item).reshape(shape)
