"""Light goes on from the photo's hair into the template's."""

from __future__ import annotations

import numpy as np

from avatar_core.models.encoder.hair_texture import ShownHair
from avatar_core.models.encoder.layout import rays
from avatar_core.models.encoder.nape import HAIRLINE
from avatar_core.models.encoder.seam import without_seam

ROWS, COLUMNS = 80, 120
BARE, HANGING = (1.0, 1.0), (0.0, 0.0)


def _hair(colour: float, columns: slice) -> ShownHair:
    known = np.zeros((ROWS, COLUMNS), np.float32)
    known[:, columns] = 1
    return ShownHair(np.full((ROWS, COLUMNS, 3), colour, np.float32), known)


def _template(colour: float = 0.2) -> np.ndarray:
    return np.full((ROWS, COLUMNS, 3), colour, np.float32)


def test_next_to_the_photos_hair_the_template_is_as_bright_and_far_from_it_as_it_was() -> None:
    middle = slice(45, 75)
    shown = without_seam(_template(), _hair(0.4, middle), BARE)[20]
    assert np.allclose(shown[[44, 75]], 0.4, rtol=0.03)
    assert np.all(np.diff(shown[75:115, 0]) <= 0)
    few = without_seam(_template(), _hair(0.4, slice(58, 62)), BARE)[20]
    assert np.allclose(few[[0, -1]], 0.2, rtol=0.05)


def test_it_goes_on_across_the_back_of_the_head() -> None:
    shown = without_seam(_template(), _hair(0.4, slice(0, 40)), BARE)[20]
    assert np.allclose(shown[-1], shown[40], rtol=0.02)
    assert shown[-1, 0] > 0.38


def test_colours_keep_their_shading() -> None:
    template = _template()
    template[:, 80:100] *= 0.5
    shown = without_seam(template, _hair(0.4, slice(45, 75)), BARE)[20]
    assert 0.4 < shown[81, 0] / shown[79, 0] < 0.55


def test_the_bare_neck_is_skin_and_stays_as_it_is_but_hanging_hair_does_not() -> None:
    level = rays(ROWS, 1)[0][:, 0, 1]
    below = level < HAIRLINE - 0.3
    hair = _hair(0.4, slice(45, 75))
    assert np.allclose(without_seam(_template(), hair, BARE)[below], 0.2, rtol=1e-3)
    assert without_seam(_template(), hair, HANGING)[below][:, 76].min() > 0.35


def test_without_hair_nothing_changes() -> None:
    template = _template()
    assert np.array_equal(without_seam(template, _hair(0.4, slice(0, 0)), BARE), template)
