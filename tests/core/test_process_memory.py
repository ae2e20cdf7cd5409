import mmap

import numpy as np

from avatar_core.process_memory import resident_megabytes

SIZE = 256_000_000


def test_memory_follows_an_allocation() -> None:
    before = resident_megabytes()
    with mmap.mmap(-1, SIZE) as block:  # malloc might hand out what earlier tests left resident
        np.frombuffer(block, np.uint8)[:] = 1
        grown = resident_megabytes() - before
    assert 128 < grown < 512
