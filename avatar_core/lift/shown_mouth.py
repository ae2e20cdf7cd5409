"""What an open mouth shows in the photo: which pixels are teeth, of which jaw, and what lies behind them.

In: canvas colours and `FacePlacement`. Out: `ShownMouth`.

Teeth are bound to their jaw. All else, tongue, palate and shadow, becomes the colour of the mouth's socket, which
stretches with the jaws: bound to either of them it would tear as the mouth opens. Where a face seen from the front
shows hardly any of it, as in a smile, tongue and throat are made, and what little is seen goes with the teeth and the
lip next to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.lift.fill import push_pull
from avatar_core.lift.maps import distance_from, median_colour, smoothstep
from avatar_core.lift.pose import FacePlacement
from avatar_core.tracking.topology import INNER_LIPS

_Scalar = TypeVar("_Scalar", bound=np.generic)

REFERENCE_SKIN = np.array([0.93, 0.76, 0.67])  # lit skin under neutral light
REDDEST_TOOTH, FAINTEST_TOOTH, FEWEST_TOOTH_PIXELS = 0.85, 0.45, 40
"""Colours between the lips that are teeth: how red at most beside skin in neutral light (warm light reddens both), and
how bright at least beside lit enamel."""
GREY_SKIN = 0.06  # redness of skin below which a picture has no colours, and brightness alone has to do
FAINTEST_GREY = 0.75
DARKEST_TOOTH = 0.45  # brightness beside that of the photo's enamel
SURE_TOOTH, FEWEST_SURE = 0.6, 8
"""How red, from the enamel's redness to the reddest tooth's, a pixel may be to be surely one; how many of these make
a patch of teeth-like colours teeth."""
REDDISH_TOOTH = 1.2  # times the reddest: shaded ones between sure ones
TRUSTED = 3  # pixels from lips and teeth at which what lies behind has its own colour
TONGUE_REACH, TONGUE_FROM, TONGUE_FULL = 0.5, 0.3, 1.0
"""Where an unseen tongue lies: shares of the mouth's width to both sides, and of the way down."""
FAMILIAR = 0.2  # inter-ocular distances from what the photo shows behind teeth over which it turns into the unseen
SMOOTH_TEETH = 5  # pixels over which single ones are what their neighbours are
TELLING = 0.0035  # inter-ocular distances squared, away from lips and teeth, that tell what lies behind them
MADE_FACING = 0.9  # cosine of the turn up to which the made inside of a mouth leaves no gaps
UNDER_LIPS = 3  # pixels that teeth go on under the lips
BEYOND = 0.22  # inter-ocular distances round the opening over which the photo's colours of the socket fade
ROWS, COLUMNS = 24, 24  # of the grid between the lips on which rows of teeth are told apart
AT_UPPER_LIP, UPPER_FROM, LOWER_FROM, LOWER_TO = 0.22, 0.35, 0.45, 0.75
"""Shares of the way from the upper to the lower lip: where upper teeth begin at the latest somewhere, and anywhere;
where lower teeth below them begin at the earliest; where lower teeth end at least."""
CLENCHED = 0.8  # share of the way that is teeth where both rows meet, or where one fills the mouth
CLENCHED_FROM, CLENCHED_TO, CLENCHED_DIP = 0.45, 0.92, 0.06
"""Where then to look for the line between the rows, and how much darker than both it is, beside enamel."""
MIDDLE = (0.25, 0.75)  # of the way between the lips' corners, where the front teeth are
ALL_UPPER, ALL_LOWER = 1.01, 0.0
LOWER_RING = (0, *range(19, 9, -1))  # of INNER_LIPS, from the right corner to the left one


class LipFrame:
    """Coordinates between the lips of a placed face: along from the right corner to the left one, and down."""

    def __init__(self, face: FacePlacement) -> None:
        ring = face.landmarks[list(INNER_LIPS), :2]
        self._origin = ring[0]
        axis = ring[10] - ring[0]
        self._length = max(float(np.linalg.norm(axis)), 1e-6)
        self._axis = axis / self._length
        self._upper, self._lower = self._turned(ring[:11]), self._turned(ring[list(LOWER_RING)])
        for line in (self._upper, self._lower):
            line[:, 0] = np.maximum.accumulate(line[:, 0])

    def _turned(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        away = np.asarray(points, np.float64) - self._origin
        along = away @ self._axis
        down = away @ np.array([-self._axis[1], self._axis[0]])
        return np.stack([along / self._length, down], axis=-1)

    def locate(
        self, x: NDArray[np.floating], y: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Canvas pixels (N,) -> 0 at the right corner to 1 at the left one; 0 at the upper lip to 1 at the lower one,
        negative above and more than 1 below."""
        along, down = self._turned(np.stack([x, y], axis=-1)).T
        top = np.interp(along, *self._upper.T)
        bottom = np.interp(along, *self._lower.T)
        return along, (down - top) / np.maximum(bottom - top, 1.0)

    def on_lower_lip(self, along: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.float64]:
        """(N, 3) where on the lower lip's edge of the face ``points`` (478, 3) the places ``along`` (N,) are."""
        ring = np.asarray(points)[[INNER_LIPS[k] for k in LOWER_RING]]
        return np.stack([np.interp(along, self._lower[:, 0], ring[:, axis]) for axis in range(3)], axis=-1)


@dataclass(frozen=True)
class ShownMouth:
    """The window of the canvas round an open mouth.

    Args:
        left, top: the window's first column and row.
        opening: (H, W) between the lips.
        upper, lower: (H, W) teeth, and a little further under the lips.
        teeth: (H, W, 3) their colours, continued.
        behind: (H, W, 3) colours of what lies behind them, continued into shadow.
        share: (H, W) 1 between the lips, 0 farther away from them than `BEYOND`.
        enamel: (3,) the teeth's colour, None where the photo shows none.
        tells_inside: the photo, not what is made, stands for what lies behind the teeth: it shows more than gaps
            beside them, or is turned too far for the made.
        upper_end, lower_start: shares of the way from the upper to the lower lip at which the front teeth end and
            begin; None where the photo does not show it.
    """

    left: int
    top: int
    opening: NDArray[np.bool_]
    upper: NDArray[np.bool_]
    lower: NDArray[np.bool_]
    teeth: NDArray[np.float32]
    behind: NDArray[np.float32]
    share: NDArray[np.float32]
    tells_inside: bool
    enamel: NDArray[np.floating] | None
    upper_end: float | None
    lower_start: float | None

    def at(self, points: NDArray[np.floating], values: NDArray[_Scalar]) -> NDArray[_Scalar]:
        """One of the window's maps (H, W, ...) at canvas points (N, 2+), zero outside the window."""
        height, width = self.opening.shape
        column = np.floor(points[:, 0]).astype(int) - self.left
        row = np.floor(points[:, 1]).astype(int) - self.top
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        found = values[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
        return np.where(inside.reshape(-1, *(1,) * (found.ndim - 1)), found, np.zeros((), values.dtype))


def look_between_lips(
    picture: NDArray[np.float32], face: FacePlacement, expected_enamel: NDArray[np.floating],
    shadow: NDArray[np.floating], tongue: NDArray[np.floating],
) -> ShownMouth | None:  # fmt: skip
    """What ``picture`` (S, S, 3) in [0, 1] shows; None where the mouth is shut.

    Args:
        expected_enamel: (3,) colour of teeth in the photo's light; shadow, tongue: (3,) of what lies behind them where
            it is not seen, above and below.
    """
    if not face.mouth.any():
        return None
    reach = int(BEYOND * face.eye_distance) + UNDER_LIPS
    rows, columns = np.nonzero(face.mouth)
    top, left = max(int(rows.min()) - reach, 0), max(int(columns.min()) - reach, 0)
    window = (slice(top, int(rows.max()) + reach + 1), slice(left, int(columns.max()) + reach + 1))
    opening, colour = face.mouth[window], np.ascontiguousarray(picture[window])
    certain = cv2.erode(opening.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    skin = median_colour(picture[face.mesh.inside & ~face.mouth])
    enamel = _enamel(colour[opening], expected_enamel, skin)
    y, x = np.nonzero(np.ones_like(opening))
    along, down = (v.reshape(opening.shape) for v in LipFrame(face).locate(x + left + 0.5, y + top + 0.5))
    unseen = shadow + _tongue_share(along, down)[..., None] * (tongue - shadow)
    y, x = np.nonzero(opening)
    along, down = along[opening], np.clip(down[opening], 0, 1)
    tooth = np.zeros_like(opening)
    if enamel is not None:
        tooth[y, x] = _patches_at_lips(_teeth(colour, opening, enamel, skin)[y, x], down)
        enamel = enamel if tooth.any() else None
    rows_of_teeth = _Rows.find(along, down, tooth[y, x], colour[y, x].mean(-1), enamel)
    lowered = np.zeros_like(opening)
    lowered[y, x] = down > rows_of_teeth.border(along)
    if (tooth & lowered).sum() < FEWEST_TOOTH_PIXELS:
        lowered[:], rows_of_teeth = False, replace(rows_of_teeth, lower_start=None)
    behind = opening & ~tooth
    told = _away_from_edges(behind)
    away = distance_from(opening) / np.float32(BEYOND * face.eye_distance)
    return ShownMouth(
        left=left,
        top=top,
        opening=opening,
        upper=_under_lips(tooth & ~lowered, opening),
        lower=_under_lips(tooth & lowered, opening),
        teeth=_continued(colour, tooth, tooth & certain),
        behind=_into_unseen(colour, behind, told, unseen, FAMILIAR * face.eye_distance),
        share=smoothstep(1 - away),
        tells_inside=bool(told.sum() > TELLING * face.eye_distance**2 or face.to_head.rotation[2, 2] < MADE_FACING),
        enamel=enamel,
        upper_end=rows_of_teeth.upper_end,
        lower_start=rows_of_teeth.lower_start,
    )


def _enamel(
    colour: NDArray[np.float32], expected: NDArray[np.floating], skin: NDArray[np.floating]
) -> NDArray[np.floating] | None:
    """Colour (3,) of the teeth among the opening's colours (N, 3)."""
    brightness = colour.mean(-1)
    faintest = FAINTEST_GREY if _redness(skin) < GREY_SKIN else FAINTEST_TOOTH
    bright = (brightness > faintest * expected.mean()) & _white(colour, skin, _reddest(skin))
    if bright.sum() < FEWEST_TOOTH_PIXELS:
        return None
    return np.median(colour[bright & (brightness >= np.median(brightness[bright]))], axis=0)


def _redness(colour: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray((colour[..., 0] - colour[..., 1]) / np.maximum(colour[..., 0], 1e-3))


def _reddest(skin: NDArray[np.floating]) -> float:
    """The redness up to which something may be a tooth in the light that makes ``skin`` (3,) look so."""
    redness = float(_redness(skin))
    warm = max(redness - float(_redness(REFERENCE_SKIN)), 0.0)
    return REDDEST_TOOTH * redness + (1 - REDDEST_TOOTH) * warm


def _white(colour: NDArray[np.float32], skin: NDArray[np.floating], reddest: float) -> NDArray[np.bool_]:
    return np.asarray((_redness(colour) < reddest) | (_redness(skin) < GREY_SKIN))


def _teeth(
    colour: NDArray[np.float32], opening: NDArray[np.bool_], enamel: NDArray[np.floating], skin: NDArray[np.floating]
) -> NDArray[np.integer]:
    """(H, W) patches of bright colours that surely hold teeth, numbered from 1."""
    bright = (colour.mean(-1) > DARKEST_TOOTH * enamel.mean()) & opening
    reddest, own = _reddest(skin), float(_redness(enamel))
    surely = own + SURE_TOOTH * max(reddest - own, 0.0)
    reddish = min(REDDISH_TOOTH * reddest, float(_redness(skin)))
    sure, possible = bright & _white(colour, skin, surely), bright & _white(colour, skin, reddish)
    # at the opening's edge half of the neighbours are lips, and have no vote
    inner = cv2.erode(opening.astype(np.uint8), np.ones((SMOOTH_TEETH, SMOOTH_TEETH), np.uint8)) > 0
    voted = np.where(inner, cv2.medianBlur(possible.astype(np.uint8), SMOOTH_TEETH) > 0, possible)
    count, label = cv2.connectedComponents(voted.astype(np.uint8), connectivity=4)
    kept = np.bincount(label[sure], minlength=count) >= FEWEST_SURE
    return np.asarray(np.where(kept[label], label, 0))


def _patches_at_lips(label: NDArray[np.integer], down: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(N,) which pixels are of patches (0 none) that come out from under a lip: teeth do, a lit palate does not."""
    highest, lowest = np.ones(label.max() + 1), np.zeros(label.max() + 1)
    np.minimum.at(highest, label, down)
    np.maximum.at(lowest, label, down)
    return np.asarray(((highest < AT_UPPER_LIP) | (lowest > LOWER_TO))[label] & (label > 0))


def _under_lips(tooth: NDArray[np.bool_], opening: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``tooth``, and where it meets a lip some pixels farther."""
    grown, cross = tooth, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    for _ in range(UNDER_LIPS):
        grown = grown | ((cv2.dilate(grown.astype(np.uint8), cross) > 0) & ~opening)
    return grown


def _continued(colour: NDArray[np.float32], own: NDArray[np.bool_], certain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """``colour`` where it is ``own``, elsewhere continued from what of that is ``certain``."""
    known = certain if certain.any() else own
    if not known.any():
        return np.zeros_like(colour)
    return np.where(own[..., None], colour, push_pull(colour, known.astype(np.float32)))


def _tongue_share(along: NDArray[np.floating], down: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far it is the tongue, not shadow, that lies at these places between the lips."""
    across = np.clip(1 - ((along - 0.5) / TONGUE_REACH) ** 2, 0, 1)
    return np.asarray(across * smoothstep((down - TONGUE_FROM) / (TONGUE_FULL - TONGUE_FROM)))


def _away_from_edges(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What of ``mask`` (H, W) is at least `TRUSTED` pixels from its edge."""
    return np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((2 * TRUSTED - 1, 2 * TRUSTED - 1), np.uint8)) > 0)


def _into_unseen(
    colour: NDArray[np.float32], own: NDArray[np.bool_], known: NDArray[np.bool_], unseen: NDArray[np.floating],
    reach: float,
) -> NDArray[np.float32]:  # fmt: skip
    """``colour`` where it is ``own``, elsewhere continued from what of it is ``known``, and within ``reach`` pixels
    fading into ``unseen``."""
    fading = unseen.astype(np.float32)
    if known.any():
        share = smoothstep(1 - distance_from(known) / np.float32(reach))[..., None]
        fading = fading + share * (push_pull(colour, known.astype(np.float32)) - fading)
    return np.where(own[..., None], colour, fading)


@dataclass(frozen=True)
class _Rows:
    """The two rows of teeth: ``line`` (`COLUMNS`,) between them, as shares of the way from lip to lip."""

    line: NDArray[np.float64]
    upper_end: float | None
    lower_start: float | None

    def border(self, along: NDArray[np.floating]) -> NDArray[np.float64]:
        """The line at ``along`` (N,) in [0, 1]."""
        return np.interp(along, (np.arange(COLUMNS) + 0.5) / COLUMNS, self.line)

    @classmethod
    def find(
        cls, along: NDArray[np.floating], down: NDArray[np.floating], tooth: NDArray[np.bool_],
        brightness: NDArray[np.floating], enamel: NDArray[np.floating] | None,
    ) -> _Rows:  # fmt: skip
        """From the opening's pixels (N,)."""
        if enamel is None:
            return cls(np.full(COLUMNS, ALL_UPPER), None, None)
        column = np.clip((along * COLUMNS).astype(int), 0, COLUMNS - 1)
        row = np.clip((down * ROWS).astype(int), 0, ROWS - 1)
        cell = row * COLUMNS + column
        count = np.bincount(cell, minlength=ROWS * COLUMNS).reshape(ROWS, COLUMNS)
        share = np.bincount(cell, tooth, ROWS * COLUMNS).reshape(ROWS, COLUMNS) / np.maximum(count, 1)
        is_tooth, known = share > 0.5, count > 0
        found = [_split(is_tooth[known[:, k], k], np.flatnonzero(known[:, k])) for k in range(COLUMNS)]
        line = np.array([split[0] for split in found])
        middle = slice(int(MIDDLE[0] * COLUMNS), int(MIDDLE[1] * COLUMNS))
        low = line == ALL_LOWER
        if 2 * low[middle].sum() < np.isfinite(line[middle]).sum():
            line[low] = np.nan  # bare gums lower the teeth at the corners of a smile
        missing = np.isnan(line)
        if missing.all():
            return cls(np.full(COLUMNS, ALL_UPPER), None, None)
        line = np.interp(np.arange(COLUMNS), np.flatnonzero(~missing), line[~missing])
        if share[known].mean() > CLENCHED:
            line = np.full(COLUMNS, _clenched_line(down, brightness, float(enamel.mean())))
        line = np.median(np.stack([np.roll(np.pad(line, 3, "edge"), k)[3:-3] for k in range(-3, 4)]), axis=0)
        end, start = (_median([split[k] for split in found[middle]]) for k in (1, 2))
        return cls(line, end, start if start is not None and start > (end or 0) else None)


def _split(tooth: NDArray[np.bool_], rows: NDArray[np.integer]) -> tuple[float, float, float]:
    """One column of the grid from the upper lip to the lower one: line between the rows, end of the upper one, start
    of the lower one, all as shares of the way, NaN where not seen.

    Args:
        tooth: (K,) which cells are teeth; rows: (K,) their rows.
    """
    if not tooth.any():
        return np.nan, np.nan, np.nan
    edges = np.flatnonzero(np.diff(np.r_[0, tooth.astype(int), 0]))
    start, end = rows[edges[0]] / ROWS, (rows[edges[1] - 1] + 1) / ROWS
    low, last = rows[edges[-2]] / ROWS, (rows[edges[-1] - 1] + 1) / ROWS
    if len(edges) > 2 and low > LOWER_FROM and last > LOWER_TO and start < UPPER_FROM:
        return (end + low) / 2, end, low
    if start < UPPER_FROM or last < LOWER_TO:
        return ALL_UPPER, np.nan if tooth[-1] else last, np.nan
    return ALL_LOWER, np.nan, start


def _median(values: list[float]) -> float | None:
    known = [value for value in values if not np.isnan(value)]
    return float(np.median(known)) if known else None


def _clenched_line(down: NDArray[np.floating], brightness: NDArray[np.floating], enamel: float) -> float:
    """Where rows of teeth that fill the mouth meet: at a darker line, else all count as upper ones."""
    row = np.clip((down * ROWS).astype(int), 0, ROWS - 1)
    count = np.bincount(row, minlength=ROWS)
    known = np.flatnonzero(count)
    profile = np.interp(np.arange(ROWS), known, (np.bincount(row, brightness, ROWS) / np.maximum(count, 1))[known])
    low, high = int(CLENCHED_FROM * ROWS), int(CLENCHED_TO * ROWS)
    darkest = low + int(profile[low:high].argmin())
    dip = min(profile[low // 2 : darkest + 1].max(), profile[darkest:].max()) - profile[darkest]
    return (darkest + 0.5) / ROWS if dip > CLENCHED_DIP * enamel else ALL_UPPER
