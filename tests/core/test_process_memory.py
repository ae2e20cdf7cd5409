import numpy as np

from avatar_core.process_memory import resident_megabytes


def test_memory_follows_an_allocation() -> None:
    before = resident_megabytes()
    block = np.ones(64 << 20, np.uint8)
    assert resident_megabytes() > before + 32
    del block
