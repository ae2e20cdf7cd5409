"""How the body goes on behind the head."""

from __future__ import annotations

from dataclasses import replace

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


def test_hair_that_hangs_past_the_jaws_level_has_no_skin_behind_its_seam(relief):
    """Where the head parts from its hanging hair, the hair goes on, not the neck beside it."""
    face, dark = relief.face, np.array([0.12, 0.09, 0.1], np.float32)
    y, x = np.mgrid[: len(face.body), : len(face.body)]
    across, down = (np.stack([x, y], -1) - face.landmarks[CHIN, :2]).transpose(2, 0, 1) / face.eye_distance
    curtain = (np.abs(across) < 1.3) & (down > -1.5)
    bare = face.mesh.inside | (face.body & (np.abs(across) < 0.4))
    foreground = np.where((curtain & ~bare)[..., None], dark, relief.matte.foreground)
    alpha = np.where(curtain, 1, relief.matte.alpha)
    matte = replace(relief.matte, foreground=foreground.astype(np.float32), alpha=alpha.astype(np.float32))
    behind = hide_body(matte, face)
    hair = behind.hidden & ~behind.column & curtain & (distance_from(face.mesh.inside) > 0.15 * face.eye_distance)
    assert hair.sum() > 300
    assert np.abs(body_colour(behind, matte, face)[hair] - dark).max() < 0.15
