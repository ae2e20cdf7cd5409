"""One minute of the live session: nothing may grow."""

import statistics
import threading
import time
from pathlib import Path

from app.config import AppConfig
from app.session import Session
from avatar_core.engine import AvatarEngine
from tests.app.window_double import WindowDouble

_MINUTE = 60.0
_WARM_UP = 10.0  # seconds: caches fill, first allocations
_MEMORY_GROWTH_MB = 48  # above this over 50 s, hours would fill the machine


def test_memory_and_frame_age_do_not_grow_in_a_minute(engine: AvatarEngine, photo: Path, face_video: Path) -> None:
    session = Session(engine, AppConfig(driver=str(face_video), size=256))
    session.start()
    try:
        session.open_photo(str(photo))
        window = WindowDouble(session)
        assert window.until(lambda: session.status().face == "tracking" and window.frame is not None)
        samples: list[tuple[float, float, float, int]] = []  # seconds, memory, frame age, threads
        began = time.monotonic()
        while (passed := time.monotonic() - began) < _MINUTE:
            window.for_seconds(0.5)
            status = session.status()
            samples.append((passed, status.memory_mb, status.frame_age_ms, threading.active_count()))
    finally:
        session.close()
    settled = [sample for sample in samples if sample[0] >= _WARM_UP]
    third = len(settled) // 3
    first, last = settled[:third], settled[-third:]
    memory = [statistics.median(sample[1] for sample in part) for part in (first, last)]
    assert memory[1] - memory[0] < _MEMORY_GROWTH_MB
    age = [statistics.median(sample[2] for sample in part) for part in (first, last)]
    assert age[1] < 2 * age[0] + 100  # a queue that builds up adds seconds; a busy machine adds less than this
    assert last[-1][3] <= first[0][3]
    assert not any(notice.level == "error" for notice in window.notices)
