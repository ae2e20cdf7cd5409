"""The measured growth as a table for people and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from avatar_core.atomic_file import replacing
from avatar_core.benchmarks.plot import Panel, draw

RASTERISER, ANIMATOR = "rasteriser", "animator"


def markdown(report: dict[str, Any]) -> str:
    """Tables of every point and the fits, with the conditions they were measured under."""
    rasteriser, animator = report["times"][RASTERISER], report["times"][ANIMATOR]
    own, size = report["gaussians"], report["base_size"]
    lines = [
        f"{report['device']}; {report['processor']}; {report['threads']} threads; {report['precision']}; "
        f"median of {report['frames']} calls, milliseconds.",
        "",
        f"Gaussians ({report['gaussians_through_networks'] / own:.0%} go through the networks), {size} x {size} px:",
        "",
        *_table(
            ("Gaussians", RASTERISER, ANIMATOR),
            [
                (f"{drawn['gaussians']:,}".replace(",", " "), drawn["ms"], moved["ms"])
                for drawn, moved in zip(rasteriser["by_gaussians"], animator["by_gaussians"], strict=True)
            ],
        ),
        "",
        f"Picture size, {own} Gaussians:",
        "",
        *_table(("side, pixels", RASTERISER), [(row["size"], row["ms"]) for row in rasteriser["by_size"]]),
    ]
    if rasteriser["by_threads"]:
        lines += [
            "",
            f"Threads, {own} Gaussians, {size} x {size} px:",
            "",
            *_table(
                ("threads", RASTERISER, ANIMATOR),
                [
                    (drawn["threads"], drawn["ms"], moved["ms"])
                    for drawn, moved in zip(rasteriser["by_threads"], animator["by_threads"], strict=True)
                ],
            ),
        ]
    return "\n".join([*lines, "", *fits(report)]) + "\n"


def fits(report: dict[str, Any]) -> list[str]:
    """The fitted costs, one line for each part."""
    lines = []
    for part in (RASTERISER, ANIMATOR):
        fit = report["times"][part]["fit"]
        per = [
            f"{value:.1f} ns per {name.removeprefix('nanoseconds_per_')}"
            for name, value in fit.items()
            if name.startswith("nanoseconds_per_")
        ]
        lines.append(f"{part.capitalize()}: {fit['fixed_ms']:.2f} ms + {' + '.join(per)} (R² = {fit['r2']:.3f})")
    return lines


def draw_scaling(report: dict[str, Any], path: Path) -> None:
    """Write the picture (PNG); it appears under its name only when complete."""
    parts = report["times"]

    def lines(key: str, x: str, scale: float = 1.0) -> dict[str, list[tuple[float, float]]]:
        return {
            name: [(scale * row[x], row["ms"]) for row in part[key]] for name, part in parts.items() if part.get(key)
        }

    panels = [
        Panel("Gaussians (thousands)", lines("by_gaussians", "gaussians", 1e-3)),
        Panel("picture (megapixels)", lines("by_size", "pixels", 1e-6)),
    ]
    if parts[RASTERISER]["by_threads"]:
        panels.append(Panel("threads", lines("by_threads", "threads")))
    machine = f"{report['processor']}, {report['threads']} threads, {report['precision']}"
    title = f"{machine}, an avatar of {report['gaussians']} Gaussians"
    with replacing(path) as temporary:
        draw(panels, "milliseconds", title).save(temporary, format="PNG")


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    cells = [[f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in (head, ["---:"] * len(head), *cells)]
