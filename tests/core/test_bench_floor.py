"""The floor of a frame on the CPU."""

from __future__ import annotations

import pytest

from avatar_core.benchmarks.floor import Rates, measured_rates
from avatar_core.models.animator_cpu import CpuAnimator
from tests.models.animator_scenes import random_avatar, random_networks


def test_the_slower_of_traffic_and_products_counts() -> None:
    rates = Rates(copy_gb_per_s=10.0, gflop_per_s=100.0)
    assert rates.milliseconds(20_000_000) == pytest.approx(2.0)
    assert rates.milliseconds(20_000_000, 500_000_000) == pytest.approx(5.0)


def test_the_machines_rates_are_believable() -> None:
    rates = measured_rates("fp32")
    assert 0.5 < rates.copy_gb_per_s < 5000 and 1 < rates.gflop_per_s < 1e6


def test_an_animator_counts_the_work_of_all_that_goes_through_the_networks() -> None:
    networks = random_networks()
    few, many = (CpuAnimator(random_avatar(count), networks, precision="fp32") for count in (256, 2560))
    assert few.frame_operations() == 2 * 256 * 96 * (48 + 96 + 14)
    assert many.frame_operations() == 10 * few.frame_operations()
    assert few.frame_bytes() > 4 * 256 * (48 + 96 + 14)
