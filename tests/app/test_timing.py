import pytest

from app.timing import RateMeter, Samples, StageTimes, percentile


def test_percentile_of_known_values() -> None:
    values = [float(value) for value in range(101)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.95) == 95
    assert percentile([], 0.5) == 0


def test_samples_leave_after_the_window() -> None:
    samples = Samples(window=1.0)
    samples.add(1.0, now=10.0)
    samples.add(2.0, now=10.8)
    assert samples.values(now=10.9) == [1.0, 2.0]
    assert samples.values(now=11.5) == [2.0]
    assert samples.values(now=20.0) == []


def test_rate_counts_intervals_and_not_events() -> None:
    meter = RateMeter(window=2.0)
    for index in range(50):
        meter.tick(now=index * 0.04)
    assert meter.rate(now=1.96) == pytest.approx(25.0)


def test_rate_falls_to_zero_when_events_stop() -> None:
    meter = RateMeter(window=2.0)
    meter.tick(now=0.0)
    meter.tick(now=0.1)
    assert meter.rate(now=0.2) == pytest.approx(10.0)
    assert meter.rate(now=9.0) == 0.0


def test_samples_are_bounded() -> None:
    samples = Samples(window=1e9)
    for index in range(10_000):
        samples.add(float(index), now=float(index))
    assert len(samples.values(now=10_000.0)) <= 600


def test_stage_medians_name_every_stage() -> None:
    stages = StageTimes(("track", "animate"))
    for milliseconds in (8.0, 10.0, 90.0):
        stages.add("track", milliseconds)
    assert stages.medians() == {"track": 10.0, "animate": 0.0}
