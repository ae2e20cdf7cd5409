"""Lifetime of notices and line breaks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.gui.toasts import Toasts, elide, wrap
from app.session_types import Notice


def note(text: str, level: str = "info") -> Notice:
    return Notice(level, text)  # type: ignore[arg-type]


def test_a_notice_appears_stays_and_fades_away() -> None:
    toasts = Toasts()
    toasts.add([note("saved")], 10.0)
    assert toasts.visible(10.0)[0].opacity == 0.0
    assert toasts.visible(11.0)[0].opacity == 1.0
    assert 0.0 < toasts.visible(14.2)[0].opacity < 1.0
    assert toasts.visible(15.0) == []


def test_errors_stay_longer_than_information() -> None:
    toasts = Toasts()
    toasts.add([note("saved"), note("no face", "error")], 0.0)
    assert [toast.text for toast in toasts.visible(6.0)] == ["no face"]


def test_the_same_text_again_is_shown_once_and_longer() -> None:
    toasts = Toasts()
    toasts.add([note("saved")], 0.0)
    toasts.add([note("saved")], 4.0)
    assert [toast.text for toast in toasts.visible(7.0)] == ["saved"]


def test_only_the_latest_three_are_kept() -> None:
    toasts = Toasts()
    toasts.add([note(str(index)) for index in range(9)], 0.0)
    assert [toast.text for toast in toasts.visible(1.0)] == ["6", "7", "8"]


def test_dismissed_toasts_are_gone() -> None:
    toasts = Toasts()
    toasts.add([note("saved")], 0.0)
    toasts.dismiss()
    assert toasts.visible(1.0) == []


texts = st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=200)


@given(texts, st.integers(4, 60))
def test_wrapped_lines_fit_and_keep_every_character(text: str, width: int) -> None:
    lines = wrap(text, width, len, max_lines=1000)
    assert all(len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(texts, st.integers(4, 60))
def test_wrapping_stops_at_the_last_line(text: str, width: int) -> None:
    lines = wrap(text, width, len, max_lines=3)
    assert len(lines) <= 3 and all(len(line) <= width for line in lines)
    if len(wrap(text, width, len, max_lines=1000)) > 3:
        assert lines[-1].endswith("…")


@given(texts, st.integers(1, 40))
def test_elided_text_fits_and_is_a_beginning(text: str, width: int) -> None:
    short = elide(text, width, len)
    assert len(short) <= width
    assert short == text or text.startswith(short.removesuffix("…").rstrip("…"))
