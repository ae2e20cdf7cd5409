import gc

import numpy as np

from avatar_core.process_memory import resident_megabytes


def test_memory_follows_an_allocation() -> None:
    gc.collect()  # what earlier tests left must not be given back in between
    before = resident_megabytes()
    block = np.ones(400_000_000, np.uint8)
    assert 200 < resident_megabytes() - before < 600
    del block
