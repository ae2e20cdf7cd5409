"""Where everything goes: pure arithmetic from the window's size in design units to the sizes of its parts."""

from __future__ import annotations

from dataclasses import dataclass

HEADER = 50  # height of the title line, including the gap under it
STATUS_BAR = 34
MARGIN = 12  # round the window's edge and between the columns
SOURCE_WIDTH = 262
DRIVER_WIDTH = 302
PANEL_PADDING = 13  # inside a panel on each side, with its border

_THUMBNAIL = (84, 236)  # smallest and largest height
_DROP_ZONE = (60, 96)
_SOURCE_REST = 338  # height of everything else in the source panel
_PREVIEW = (96, 206)
_DRIVER_REST = 273  # height of everything else in the driver panel
_PERFORMANCE_REST = 214  # height of the performance panel without its plot
_PLOT = (44, 92)
_PLOT_GAP = 8
_SMALLEST_PANEL = 120


@dataclass(frozen=True)
class Layout:
    """Sizes in design units; a plot height of 0 means that there is no room for the plot."""

    centre_width: float
    body_height: float
    thumbnail_height: float
    drop_zone_height: float
    preview_height: float
    driver_height: float
    performance_height: float
    plot_height: float


def plan(width: float, height: float, *, panels: bool = True) -> Layout:
    """Divide a window of ``width`` x ``height`` design units.

    Room that is missing is taken from pictures and the plot first; only then do the panels scroll.

    Args:
        panels: False when the side panels, the header and the status bar are hidden.
    """
    if not panels:
        return Layout(max(1.0, width), max(1.0, height), 0, 0, 0, 0, 0, 0)
    body = max(2.0 * _SMALLEST_PANEL + MARGIN, height - HEADER - STATUS_BAR - MARGIN)
    centre = max(200.0, width - SOURCE_WIDTH - DRIVER_WIDTH - 4 * MARGIN)

    spare = body - _SOURCE_REST
    drop_zone = _clamp(0.3 * spare, *_DROP_ZONE)
    thumbnail = _clamp(spare - drop_zone, *_THUMBNAIL)

    spare = body - MARGIN - _DRIVER_REST - _PERFORMANCE_REST
    plot = _clamp(spare - _PREVIEW[1] - _PLOT_GAP, *_PLOT) if spare >= 130 + _PLOT[0] + _PLOT_GAP else 0.0
    plot_room = plot + _PLOT_GAP if plot else 0.0
    preview = _clamp(spare - plot_room, *_PREVIEW)
    performance = min(_PERFORMANCE_REST + plot_room, body - MARGIN - _SMALLEST_PANEL)
    driver = body - MARGIN - performance
    if driver > _DRIVER_REST + preview:  # a tall window: the driver panel ends with its content
        performance += driver - _DRIVER_REST - preview
        driver = _DRIVER_REST + preview
    return Layout(centre, body, thumbnail, drop_zone, preview, driver, performance, plot)


def _clamp(value: float, low: float, high: float) -> float:
    return min(high, max(low, value))
