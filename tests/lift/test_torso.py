"""How the body goes on behind the head."""

from __future__ import annotations

import numpy as np

from avatar_core.lift.maps import distance_from
from avatar_core.lift.torso import body_colour, hide_body
from avatar_core.tracking.topology import CHIN


def test_clothes_below_a_bare_neck_do_not_go_on_beside_it(relief):
    behind = hide_body(relief.matte, relief.face)
    colour = body_colour(behind, relief.matte, relief.face)
    middle = int(relief.face.landmarks[CHIN, 0])  # right of it the neck is bare up to the ear, the suit's ring below
    above = np.arange(len(colour)) < relief.face.landmarks[CHIN, 1]
    bare = above & ~behind.visible[:, middle:].any(1)
    beside = (behind.hidden & ~behind.column)[bare, middle:]
    assert beside.sum() > 100
    shown = colour[bare, middle:][beside]
    assert np.percentile(shown[:, 0] - shown[:, 2], 5) > 0.13  # skin is warm; the ring, black and lilac, is not


def test_what_is_hidden_keeps_off_the_outline(relief):
    hidden, body = hide_body(relief.matte, relief.face).hidden, relief.face.body & (relief.matte.alpha > 0.5)
    free = distance_from(body) > 4
    assert hidden.sum() > 10_000
    assert distance_from(relief.matte.alpha < 0.5)[hidden & free].min() > 3  # its coarse samples would show as steps
