"""Notices as toasts: which are visible, how opaque they are, and how their text breaks into lines. No drawing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.session_types import Notice, NoticeLevel

_SECONDS = {"info": 4.5, "warning": 8.0, "error": 10.0}
_FADE_SECONDS = 0.6
_APPEAR_SECONDS = 0.15
_VISIBLE = 3


@dataclass(frozen=True)
class Toast:
    """A visible notice with its opacity in [0, 1]."""

    level: NoticeLevel
    text: str
    opacity: float


class Toasts:
    """The latest notices; the same text told again only starts its time anew."""

    def __init__(self) -> None:
        self._shown: list[tuple[Notice, float]] = []

    def add(self, notices: Iterable[Notice], now: float) -> None:
        for notice in notices:
            self._shown = [(old, since) for old, since in self._shown if old.text != notice.text]
            self._shown.append((notice, now))
        self._shown = self._shown[-_VISIBLE:]

    def dismiss(self) -> None:
        """Forget all (the user clicked them away)."""
        self._shown = []

    def visible(self, now: float) -> list[Toast]:
        """Oldest first, at most three."""
        toasts = []
        self._shown = [(notice, since) for notice, since in self._shown if now - since < _SECONDS[notice.level]]
        for notice, since in self._shown:
            age, left = now - since, _SECONDS[notice.level] - (now - since)
            opacity = max(0.0, min(1.0, age / _APPEAR_SECONDS, left / _FADE_SECONDS))
            toasts.append(Toast(notice.level, notice.text, round(opacity, 2)))
        return toasts


def wrap(text: str, width: float, measure: Callable[[str], float], *, max_lines: int = 4) -> list[str]:
    """``text`` in lines no wider than ``width`` by ``measure``; long words (paths) break anywhere, the rest is "…"."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        candidate = f"{line} {word}" if line else word
        if measure(candidate) <= width:
            line = candidate
            continue
        if line:
            lines.append(line)
        line = word
        while measure(line) > width and len(line) > 1:
            fit = len(line) - 1
            while fit > 1 and measure(line[:fit]) > width:
                fit -= 1
            lines.append(line[:fit])
            line = line[fit:]
    if line:
        lines.append(line)
    if len(lines) > max_lines:
        lines = [*lines[: max_lines - 1], elide(f"{lines[max_lines - 1]}…", width, measure)]
    return lines


def elide(text: str, width: float, measure: Callable[[str], float]) -> str:
    """``text`` cut with "…" at the end so that it is no wider than ``width``."""
    if measure(text) <= width:
        return text
    kept = text.rstrip("…")
    while kept and measure(kept + "…") > width:
        kept = kept[:-1]
    return kept.rstrip() + "…"
