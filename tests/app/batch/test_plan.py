"""Which videos a batch consists of, and who renders them in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.batch.plan import BatchJob, Pair, plan_pairs
from app.batch.renderer import Outcome
from app.batch.schedule import Schedule, shares, work_off
from app.errors import ConfigError


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_every_photo_goes_with_every_clip_in_natural_order(tmp_path: Path) -> None:
    photos, clips = tmp_path / "photos", tmp_path / "clips"
    touch(*(photos / name for name in ("p10.jpg", "p2.PNG", ".hidden.jpg", "readme.md", "saved.safetensors")))
    touch(clips / "a.mp4", clips / "frames" / "0.png", clips / "empty" / "x.txt", clips / "sound.wav")
    pairs = plan_pairs(BatchJob(photos, clips, tmp_path / "out"))
    assert [pair.out.name for pair in pairs] == [
        "p2__a.mp4", "p2__frames.mp4", "p10__a.mp4", "p10__frames.mp4", "saved__a.mp4", "saved__frames.mp4",
    ]  # fmt: skip
    assert pairs[0] == Pair(photos / "p2.PNG", str(clips / "a.mp4"), tmp_path / "out" / "p2__a.mp4")


def test_names_that_differ_in_the_ending_alone_stay_apart(tmp_path: Path) -> None:
    touch(tmp_path / "me.jpg", tmp_path / "Me.png", tmp_path / "you.jpg")
    names = {pair.out.name for pair in plan_pairs(BatchJob(tmp_path, None, tmp_path))}
    assert names == {"me_jpg__performance.mp4", "Me_png__performance.mp4", "you__performance.mp4"}


def test_single_files_and_the_performance_by_name_are_taken(tmp_path: Path) -> None:
    touch(tmp_path / "me.jpg", tmp_path / "a.mp4")
    for driver, name in ((tmp_path / "a.mp4", "me__a.mp4"), (Path("performance"), "me__performance.mp4")):
        pairs = plan_pairs(BatchJob(tmp_path / "me.jpg", driver, tmp_path))
        assert [pair.out.name for pair in pairs] == [name]


def test_videos_do_not_become_clips_of_the_next_run(tmp_path: Path) -> None:
    touch(tmp_path / "me.jpg", tmp_path / "a.mp4")
    with pytest.raises(ConfigError, match="folder of the clips"):
        plan_pairs(BatchJob(tmp_path, tmp_path, tmp_path / "."))


def test_folders_without_use_are_named(tmp_path: Path) -> None:
    touch(tmp_path / "photos" / "me.jpg", tmp_path / "empty" / "words.txt")
    with pytest.raises(ConfigError, match=r"missing.*portraits cannot be read"):
        plan_pairs(BatchJob(tmp_path / "missing", None, tmp_path))
    with pytest.raises(ConfigError, match=r"empty' holds no portrait"):
        plan_pairs(BatchJob(tmp_path / "empty", None, tmp_path))
    with pytest.raises(ConfigError, match=r"empty' holds no clip"):
        plan_pairs(BatchJob(tmp_path / "photos", tmp_path / "empty", tmp_path))


@pytest.mark.parametrize(
    ("processors", "pairs", "workers", "expected"),
    [(8, 100, None, (4, 2)), (8, 3, None, (3, 2)), (1, 9, None, (1, 1)), (8, 100, 2, (2, 4)), (2, 100, 5, (5, 1))],
)
def test_processors_are_shared_out(processors: int, pairs: int, workers: int | None, expected: tuple[int, int]) -> None:
    assert shares(processors, pairs, workers) == expected


def grid(photos: str, clips: str) -> list[Pair]:
    return [Pair(Path(photo), clip, Path(f"{photo}{clip}.mp4")) for photo in photos for clip in clips]


def test_a_worker_stays_with_its_photo_and_helps_where_most_is_left() -> None:
    schedule = Schedule(grid("AB", "123") + grid("C", "1"))
    first, second = schedule.next_for(0), schedule.next_for(1)
    assert first is not None and second is not None
    assert {first.source.name, second.source.name} == {"A", "B"}
    for _ in range(2):
        more = schedule.next_for(0)
        assert more is not None and more.source == first.source
    third = schedule.next_for(0)
    assert third is not None and third.source.name == "C"  # nobody holds it
    helped = schedule.next_for(0)
    assert helped is not None and helped.source == second.source
    assert schedule.next_for(1) is not None
    assert schedule.next_for(0) is None and schedule.next_for(1) is None


class Rehearsal:
    """A pool whose workers finish in turn and blame photo B."""

    description = ""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.rendering: dict[int, Pair] = {}
        self.begun: list[Pair] = []

    def submit(self, worker: int, pair: Pair) -> None:
        assert worker not in self.rendering
        self.rendering[worker] = pair
        self.begun.append(pair)

    def next_outcome(self) -> tuple[int, Outcome]:
        worker, pair = self.rendering.popitem()
        broken = pair.source.name == "B"
        return worker, Outcome(pair, "no face" if broken else "", at_source=broken)

    def close(self) -> None: ...


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_all_pairs_are_worked_off_once_and_a_bad_photo_is_tried_at_most_by_each_worker(workers: int) -> None:
    pairs, pool, noted = grid("ABC", "12345"), Rehearsal(workers), []
    work_off(pairs, pool, noted.append)
    assert sorted(str(outcome.pair.out) for outcome in noted) == sorted(str(pair.out) for pair in pairs)
    assert {outcome.pair.source.name for outcome in noted if outcome.reason} == {"B"}
    assert sum(pair.source.name == "B" for pair in pool.begun) <= workers
