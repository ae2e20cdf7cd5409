import sys

import pytest

from app.display import display_obstacle

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")


@linux_only
def test_no_display_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "DISPLAY is not set" in str(display_obstacle())


@linux_only
def test_a_display_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":9753")
    obstacle = display_obstacle()
    assert obstacle is not None
    assert ":9753" in obstacle or "libX11" in obstacle
