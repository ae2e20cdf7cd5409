"""Encoders side by side: known views, photos and clips, one column per encoder.

In: one engine per encoder and the folders. Out: `Table`, and sheets with the encoders' rows below each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from avatar_core.engine import AvatarEngine
from avatar_core.errors import AvatarError
from avatar_core.evaluation.reconstruction import reconstruct
from avatar_core.evaluation.reenactment import MEASURES, self_reenact
from avatar_core.evaluation.sheets import save_sheet
from avatar_core.evaluation.views import ViewFigures, score_identity, summary

ROWS_PER_SHEET = 8


@dataclass
class Table:
    """Figures by row name and encoder."""

    encoders: list[str]
    rows: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, row: str, encoder: str, value: float) -> None:
        """Set one cell."""
        self.rows.setdefault(row, {})[encoder] = value

    def text(self) -> str:
        """The table in Markdown."""
        lines = ["| | " + " | ".join(self.encoders) + " |", "|---" * (len(self.encoders) + 1) + "|"]
        for name, cells in self.rows.items():
            values = (f"{cells[encoder]:.4g}" if encoder in cells else "" for encoder in self.encoders)
            lines.append(f"| {name} | " + " | ".join(values) + " |")
        return "\n".join(lines)


def compare(
    engines: dict[str, AvatarEngine],
    photos: list[Path],
    clips: list[Path],
    views: Path | None,
    out: Path,
    frames: int,
) -> Table:
    """The table of all that is given; sheets are written to ``out``."""
    table = Table(list(engines))
    if views is not None:
        _views(engines, views, out, table)
    sheet: list[list[NDArray[np.uint8]]] = []
    for path in tqdm(photos, desc="photos"):
        for name, engine in engines.items():
            try:
                result = reconstruct(engine, path)
            except AvatarError as error:
                tqdm.write(f"left out: {error}")
                continue
            table.add(f"photo {result.name}: dB in the matte", name, result.psnr_in_matte)
            sheet.append(result.row)
    _save(sheet, out, "photos")
    _mean_row(table, "photo ", "photos: dB in the matte")
    _clips(engines, clips, out, table, frames)
    return table


def _views(engines: dict[str, AvatarEngine], views: Path, out: Path, table: Table) -> None:
    figures: dict[str, list[ViewFigures]] = {name: [] for name in engines}
    sheet = []
    for folder in tqdm(sorted(path for path in views.iterdir() if path.is_dir()), desc="known views"):
        for name, engine in engines.items():
            own, tiles = score_identity(engine, folder)
            figures[name] += own
            sheet.append(tiles)
    _save(sheet, out, "views")
    for name, own in figures.items():
        for kind, values in summary(own).items():
            for measure, value in values.items():
                table.add(f"known views, {kind}: {measure}", name, value)


def _clips(engines: dict[str, AvatarEngine], clips: list[Path], out: Path, table: Table, frames: int) -> None:
    sheet = []
    for path in tqdm(clips, desc="clips"):
        for name, engine in engines.items():
            try:
                result = self_reenact(engine, path, frames)
            except AvatarError as error:
                tqdm.write(f"left out: {error}")
                continue
            sheet += result.rows
            table.add(f"clip {path.stem}: landmark error", name, result.landmark_error)
            table.add(f"clip {path.stem}: dB in the face box", name, result.psnr_face)
            for measure in MEASURES:
                table.add(f"clip {path.stem}: {measure} slope", name, result.slope[measure])
    _save(sheet, out, "clips")
    _mean_row(table, "clip ", "clips: landmark error", "landmark error")
    _mean_row(table, "clip ", "clips: dB in the face box", "dB in the face box")


def _mean_row(table: Table, start: str, title: str, end: str = "") -> None:
    """Add the mean over all rows that begin with ``start`` and end with ``end``."""
    chosen = [cells for row, cells in table.rows.items() if row.startswith(start) and row.endswith(end)]
    for encoder in table.encoders:
        values = [cells[encoder] for cells in chosen if encoder in cells]
        if values:
            table.add(f"mean, {title}", encoder, float(np.mean(values)))


def _save(rows: list[list[NDArray[np.uint8]]], out: Path, name: str) -> None:
    for first in range(0, len(rows), ROWS_PER_SHEET):
        save_sheet(rows[first : first + ROWS_PER_SHEET], out / f"{name}_{first // ROWS_PER_SHEET}.png")
