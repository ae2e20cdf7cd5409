"""What is recognised between the lips of a photo, with mouths painted to order."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from avatar_core.avatar import PART_NAMES
from avatar_core.lift.canvas import project
from avatar_core.lift.mouth import build_mouth
from avatar_core.lift.relief import Relief
from avatar_core.lift.shown_mouth import LipFrame, look_between_lips
from avatar_core.tracking.topology import INNER_LIPS, LOWER_INNER_LIP, UPPER_INNER_LIP

ENAMEL, DARK, TONGUE = np.array([0.85, 0.8, 0.75]), np.array([0.12, 0.05, 0.05]), np.array([0.6, 0.3, 0.3])


def _painted(relief: Relief, *bands: tuple[float, np.ndarray]) -> np.ndarray:
    """The photo with bands of colour between the lips, each from its share of the way down."""
    picture = relief.canvas.image.astype(np.float32) / 255
    y, x = np.nonzero(relief.face.mouth)
    _, down = LipFrame(relief.face).locate(x + 0.5, y + 0.5)
    for start, colour in bands:
        below = down >= start
        picture[y[below], x[below]] = colour
    return picture


def _look(relief: Relief, picture: np.ndarray):
    shown = look_between_lips(picture, relief.face, ENAMEL, DARK, TONGUE)
    assert shown is not None
    return shown


def test_the_frame_puts_lips_at_their_places(relief):
    frame = LipFrame(relief.face)
    for ring, down in ((UPPER_INNER_LIP, 0.0), (LOWER_INNER_LIP, 1.0)):
        points = relief.face.landmarks[list(ring)]
        np.testing.assert_allclose(frame.locate(points[:, 0], points[:, 1])[1], down, atol=0.02)
    corners = relief.face.landmarks[[INNER_LIPS[0], INNER_LIPS[10]]]
    np.testing.assert_allclose(frame.locate(corners[:, 0], corners[:, 1])[0], [0, 1], atol=1e-6)


def test_a_smile_shows_upper_teeth_alone(relief):
    shown = _look(relief, relief.canvas.image.astype(np.float32) / 255)
    assert shown.upper.sum() > 200
    assert not shown.lower.any()
    assert shown.enamel is not None and shown.enamel.mean() > 0.7


def test_upper_teeth_end_where_the_photo_shows_it(relief):
    shown = _look(relief, _painted(relief, (0.0, ENAMEL), (0.5, DARK)))
    assert shown.upper.any() and not shown.lower.any()
    assert shown.upper_end == pytest.approx(0.5, abs=0.08)
    assert shown.lower_start is None


def test_two_rows_of_teeth_are_told_apart(relief):
    shown = _look(relief, _painted(relief, (0.0, ENAMEL), (0.35, DARK), (0.7, ENAMEL)))
    assert shown.upper_end == pytest.approx(0.35, abs=0.1)
    assert shown.lower_start == pytest.approx(0.7, abs=0.1)
    y, x = np.nonzero(shown.lower & shown.opening)
    _, down = LipFrame(relief.face).locate(x + shown.left + 0.5, y + shown.top + 0.5)
    assert down.min() > 0.45


def test_lower_teeth_alone_belong_to_the_jaw(relief):
    shown = _look(relief, _painted(relief, (0.0, DARK), (0.6, ENAMEL)))
    assert shown.lower.sum() > 4 * max(int(shown.upper.sum()), 1)


def test_clenched_rows_are_told_apart_by_the_line_between_them(relief):
    shown = _look(relief, _painted(relief, (0.0, ENAMEL), (0.66, 0.75 * ENAMEL), (0.74, ENAMEL)))
    y, x = np.nonzero(shown.lower & shown.opening)
    _, down = LipFrame(relief.face).locate(x + shown.left + 0.5, y + shown.top + 0.5)
    assert len(down) > 40 and down.min() > 0.6
    assert shown.upper.sum() > shown.lower.sum()


def test_a_lit_palate_is_no_tooth(relief):
    shown = _look(relief, _painted(relief, (0.0, ENAMEL), (0.15, DARK), (0.45, ENAMEL), (0.7, DARK)))
    y, x = np.nonzero((shown.upper | shown.lower) & shown.opening)
    _, down = LipFrame(relief.face).locate(x + shown.left + 0.5, y + shown.top + 0.5)
    assert len(down) > 40 and down.max() < 0.3


@pytest.mark.parametrize("colour", [DARK, np.array([0.75, 0.35, 0.35])], ids=["shadow", "tongue"])
def test_shadow_and_tongue_are_no_teeth(relief, colour):
    shown = _look(relief, _painted(relief, (0.0, colour)))
    assert shown.enamel is None
    assert not shown.upper.any() and not shown.lower.any()


def test_teeth_that_the_photo_does_not_show_are_out_of_its_sight(relief, face_model):
    layer = build_mouth(_painted(relief, (0.0, DARK)), relief.surfaces.head, relief.face, face_model.mean)
    places = project(layer.position)[:, :2].astype(int)
    inside = cv2.erode(relief.face.mouth.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    in_sight = inside[places[:, 1].clip(0, len(inside) - 1), places[:, 0].clip(0, len(inside) - 1)]
    assert in_sight.sum() > 300
    white = layer.colour.mean(-1) > 0.4
    assert not (in_sight & white).any()
    teeth = np.isin(layer.part, [PART_NAMES.index("upper_teeth"), PART_NAMES.index("lower_teeth")])
    assert (teeth & white).sum() > 300


def test_a_shut_mouth_shows_nothing_and_has_a_tongue(relief, face_model):
    shut = replace(relief.face, mouth=np.zeros_like(relief.face.mouth))
    picture = relief.canvas.image.astype(np.float32) / 255
    assert look_between_lips(picture, shut, ENAMEL, DARK, TONGUE) is None
    layer = build_mouth(picture, relief.surfaces.head, shut, face_model.mean)
    assert (layer.part == PART_NAMES.index("tongue")).sum() > 100


def test_teeth_do_not_go_on_beyond_a_gap(relief):
    shown = _look(relief, _painted(relief, (0.0, ENAMEL), (0.88, DARK)))
    assert shown.upper.any()
    y, x = np.nonzero(shown.upper & ~shown.opening)
    along, down = LipFrame(relief.face).locate(x + shown.left + 0.5, y + shown.top + 0.5)
    middle = np.abs(along - 0.5) < 0.2  # at the corners teeth meet both lips
    assert middle.any() and down[middle].max() < 0.5


def test_a_gap_between_teeth_goes_with_them_and_the_lips_edge_with_the_lip(relief, face_model):
    picture = _painted(relief, (0.0, ENAMEL), (0.92, np.array([0.8, 0.45, 0.45])))
    y, x = np.nonzero(relief.face.mouth)
    along, down = LipFrame(relief.face).locate(x + 0.5, y + 0.5)
    spot = (np.abs(along - 0.5) < 0.03) & (np.abs(down - 0.57) < 0.06)
    picture[y[spot], x[spot]] = DARK
    layer = build_mouth(picture, relief.surfaces.head, relief.face, face_model.mean)
    places = np.floor(project(layer.position)[:, :2]).astype(int)
    in_spot = np.zeros_like(relief.face.mouth)
    in_spot[y[spot], x[spot]] = True
    gap = layer.seen & in_spot[places[:, 1], places[:, 0]]
    rows = [PART_NAMES.index(f"{jaw}_{what}") for jaw in ("upper", "lower") for what in ("teeth", "gums")]
    assert gap.sum() == spot.sum() and np.isin(layer.part[gap], rows).all()
    edge = layer.seen & (layer.part == PART_NAMES.index("lower_face"))
    assert edge.any()
    _, below = LipFrame(relief.face).locate(places[edge, 0] + 0.5, places[edge, 1] + 0.5)
    assert below.min() > 0.5


def test_a_smile_has_a_tongue_and_its_gaps_are_as_photographed(relief, face_model):
    picture = relief.canvas.image.astype(np.float32) / 255
    shown = _look(relief, picture)
    assert not shown.tells_inside
    layer = build_mouth(picture, relief.surfaces.head, relief.face, face_model.mean)
    assert (layer.part == PART_NAMES.index("tongue")).sum() > 500
    places = np.floor(project(layer.position)[:, :2]).astype(int)
    seen = layer.seen
    np.testing.assert_array_equal(layer.colour[seen], picture[places[seen, 1], places[seen, 0]])
    covered = np.zeros_like(relief.face.mouth)
    covered[places[seen, 1], places[seen, 0]] = True
    np.testing.assert_array_equal(covered, relief.face.mouth)


def test_a_mouth_that_shows_its_inside_is_left_to_the_photo(relief, face_model):
    picture = _painted(relief, (0.0, DARK))
    assert _look(relief, picture).tells_inside
    layer = build_mouth(picture, relief.surfaces.head, relief.face, face_model.mean)
    assert not (layer.part == PART_NAMES.index("tongue")).any()
