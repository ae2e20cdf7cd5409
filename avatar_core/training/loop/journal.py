"""What a training leaves to look at: ``log.csv`` and pictures. A disk that is full is told, and stops nothing."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avatar_core.atomic_file import replacing


class Journal:
    """Writes into a folder; ``active`` False (a process other than the first) writes nothing."""

    def __init__(self, folder: Path, step: int, *, active: bool) -> None:
        """Go on after ``step`` steps: rows of the log beyond them, left by an interrupted run, are dropped."""
        self._folder, self._active = folder, active
        self._columns: list[str] = []
        if active and self._log.is_file():
            with self._log.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                self._columns = list(reader.fieldnames or [])
                rows = [row for row in reader if (row.get("step") or "").isdigit() and int(row["step"]) <= step]
            self._rewrite(rows)

    def row(self, values: Mapping[str, float]) -> None:
        """Append a row; a value that earlier rows do not have adds a column."""
        if not self._active:
            return
        try:
            new = [name for name in values if name not in self._columns]
            if new:
                rows = self._rows() if self._columns else []
                self._columns += new
                self._rewrite(rows)
            with self._log.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self._columns).writerow(values)
        except OSError as error:
            self._tell(self._log, error)

    def picture(self, step: int, picture: NDArray[np.uint8]) -> None:
        """Write ``picture`` (H, W, 3) as ``pictures/step-....png``."""
        if not self._active:
            return
        path = self._folder / "pictures" / f"step-{step:08d}.png"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                Image.fromarray(picture).save(temporary, format="PNG")
        except OSError as error:
            self._tell(path, error)

    @property
    def _log(self) -> Path:
        return self._folder / "log.csv"

    def _rows(self) -> list[dict[str, str]]:
        with self._log.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def _rewrite(self, rows: list[dict[str, str]]) -> None:
        with replacing(self._log) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns)
            writer.writeheader()
            writer.writerows(rows)

    @staticmethod
    def _tell(path: Path, error: OSError) -> None:
        print(f"warning: {path}: cannot be written ({error}). The training goes on.", file=sys.stderr, flush=True)
