from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.notices import NoticeBoard
from app.workers.encoding import EncodingWorker, LoadedAvatar
from avatar_core.avatar import Avatar
from avatar_core.engine import AvatarEngine
from tests.app.conftest import wait_until


class Watched:
    """A running encoding thread, and every stage its engine reported."""

    def __init__(self, engine: AvatarEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.delivered: list[LoadedAvatar] = []
        self.stages: list[tuple[str, float]] = []
        self.on_stage: Callable[[str, float], None] = lambda _stage, _done: None
        self.worker = EncodingWorker(engine, NoticeBoard(), self.delivered.append)
        encode = engine.encode

        def watched(photo: Path, progress: Callable[[str, float], None]) -> Avatar:
            def report(stage: str, done: float) -> None:
                self.on_stage(stage, done)
                progress(stage, done)
                self.stages.append((stage, done))
                assert self.worker.progress == (stage, done)

            return encode(photo, report)

        monkeypatch.setattr(engine, "encode", watched)
        self.worker.start()


@pytest.fixture
def watched(engine: AvatarEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    running = Watched(engine, monkeypatch)
    yield running
    running.worker.stop()
    assert running.worker.join(60)


def test_the_lift_reports_while_it_works_and_never_backwards(watched: Watched, photo: Path) -> None:
    watched.worker.request(str(photo))
    assert wait_until(lambda: bool(watched.delivered))
    lifting = [done for stage, done in watched.stages if stage == "Lifting to 3D"]
    assert len(lifting) > 3
    shares = [done for _, done in watched.stages]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert wait_until(lambda: watched.worker.progress is None)


def test_a_newer_photo_interrupts_the_lift(watched: Watched, photo: Path, tmp_path: Path) -> None:
    newer = tmp_path / "newer.png"
    newer.write_bytes(photo.read_bytes())
    interrupted_at: list[int] = []

    def ask_for_another(stage: str, done: float) -> None:
        if stage == "Lifting to 3D" and done > 0.3 and not interrupted_at:
            interrupted_at.append(len(watched.stages))
            watched.worker.request(str(newer))

    watched.on_stage = ask_for_another
    watched.worker.request(str(photo))
    assert wait_until(lambda: bool(watched.delivered))
    assert [loaded.name for loaded in watched.delivered] == ["newer"]
    assert watched.stages[interrupted_at[0]][1] == 0.0  # after the interruption comes the newer photo's first stage
