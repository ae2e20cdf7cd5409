"""The figures of a headless run: collected per stage, written as JSON."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numba
import torch

from app.outputs import write_atomically
from app.timing import percentile

_PACKAGES = ("torch", "mediapipe", "numpy", "numba", "opencv-python", "imageio")


class StageLog:
    """Every duration of every stage in milliseconds."""

    def __init__(self) -> None:
        self._values: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, stage: str, milliseconds: float) -> None:
        self._values[stage].append(milliseconds)

    def summary(self) -> dict[str, dict[str, float]]:
        """Median and 95th percentile of each stage, milliseconds."""
        return {
            stage: {"median": round(percentile(values, 0.5), 3), "p95": round(percentile(values, 0.95), 3)}
            for stage, values in self._values.items()
        }


def environment() -> dict[str, Any]:
    """Threads and versions behind the figures."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _PACKAGES:
        versions[name] = importlib.metadata.version(name)
    threads = {"cores": os.cpu_count() or 0, "torch": torch.get_num_threads(), "numba": numba.get_num_threads()}
    return {"threads": threads, "versions": versions}


def write_report(path: Path, figures: Mapping[str, Any]) -> None:
    """Write ``figures`` as JSON under ``path`` when complete.

    Raises:
        OutputError: it cannot be written.
    """
    text = json.dumps(figures, indent=2, ensure_ascii=False) + "\n"

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    write_atomically(path, write)
