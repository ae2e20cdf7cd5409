"""Timing the stages of a frame, and replaying one as a CUDA graph."""

from __future__ import annotations

import time

import pytest
import torch

from avatar_core.cuda_graph import CapturedWork
from avatar_core.stage_clock import StageClock
from tests.triton_device import DEVICE


def test_stages_get_their_own_time_and_sum_to_the_whole():
    clock = StageClock(torch.device("cpu"))
    for _ in range(2):  # a second frame starts afresh
        begin = time.perf_counter()
        clock.start()
        time.sleep(0.02)
        clock.mark("first")
        time.sleep(0.005)
        clock.mark("second")
        time.sleep(0.01)
        times = clock.finish("last")
        whole = 1e3 * (time.perf_counter() - begin)
    assert list(times) == ["first", "second", "last"]
    assert times["first"] >= 20
    assert times["second"] >= 5
    assert times["last"] >= 10
    assert sum(times.values()) == pytest.approx(whole, rel=0.05)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_stages_are_timed_where_they_run():
    clock, values = StageClock(DEVICE), torch.randn(4096, 4096, device=DEVICE)
    for _ in range(2):
        clock.start()
        product = values @ values
        clock.mark("product")
        product.cpu()
        times = clock.finish("copy")
    assert 0 < times["product"] < sum(times.values())


def test_captured_work_runs_on_what_its_buffers_hold_at_the_time():
    value, out = torch.zeros(3, device=DEVICE), torch.zeros(3, device=DEVICE)
    work = CapturedWork(lambda: out.copy_(2 * value), DEVICE)
    for number in (1.0, 5.0, -2.0, 7.0):  # ordinary, captured, replayed
        value.fill_(number)
        work()
        assert out.tolist() == [2 * number] * 3
