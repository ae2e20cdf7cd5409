"""Means and speed of a training between two lines of its log."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter


class Meter:
    """Takes the values of each step, gives their means and the speed since the last report."""

    def __init__(self, steps: int, samples_per_step: int) -> None:
        """For a training of ``steps`` steps, which takes ``samples_per_step`` samples over all processes."""
        self._total, self._samples = steps, samples_per_step
        self._begin()

    def _begin(self) -> None:
        self._since, self._steps = perf_counter(), 0
        self._values: dict[str, list[float]] = {}

    def add(self, values: Mapping[str, float]) -> None:
        """Take the values of one step; not every step need have the same."""
        self._steps += 1
        for name, value in values.items():
            self._values.setdefault(name, []).append(value)

    def report(self, step: int, rate: float) -> tuple[dict[str, float], str]:
        """The row of the log after ``step`` steps at learning rate ``rate`` and the line to print; begins anew."""
        pace = self._steps / max(perf_counter() - self._since, 1e-9)
        means = {name: sum(values) / len(values) for name, values in self._values.items()}
        listed = ", ".join(f"{name} {value:.5g}" for name, value in means.items())
        line = (
            f"step {step}/{self._total}: {listed}, learning rate {rate:.3g}; {pace:.2f} steps/s, "
            f"{pace * self._samples:.1f} samples/s, {(self._total - step) / pace / 60:.0f} min left"
        )
        self._begin()
        return {"step": step, "learning_rate": rate, "steps_per_second": pace, **means}, line
