"""How the body goes on behind the head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from avatar_core.lift.canvas import CANVAS_SIZE, seen_at
from avatar_core.lift.maps import distance_from
from avatar_core.lift.torso import HIDDEN_FADE, JAW_TRACE, body_colour, build_body, hidden_height, hide_body
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


def test_the_neck_below_the_jaw_has_nothing_of_the_jaw_s_colour(relief):
    """A line of the jaw's colour would stay on the neck when the head turns."""
    face, red = relief.face, np.array([1.0, 0.0, 0.0], np.float32)
    rim = face.body & (distance_from((face.mesh.inside | (face.jaw_edge > 0)) & ~face.body) <= JAW_TRACE)
    matte = replace(relief.matte, foreground=np.where(rim[..., None], red, relief.matte.foreground))
    behind = hide_body(matte, face)
    colour = body_colour(behind, matte, face)[rim & behind.visible]
    assert len(colour) > 200
    assert (colour[:, 0] - colour[:, 1]).max() < 0.3


def test_what_is_hidden_fades_out_at_its_end_and_joins_what_is_seen(relief):
    matte, face, surfaces = relief.matte, relief.face, relief.surfaces
    behind = hide_body(matte, face)
    height = hidden_height(surfaces, behind, face)
    body = build_body(surfaces, matte, face, relief.registered, behind, height, body_colour(behind, matte, face))
    hidden = body[1]
    x, y = np.clip(seen_at(hidden.position).astype(int), 0, CANVAS_SIZE - 1).T
    from_end, from_seen = (distance_from(cells)[y, x] for cells in (~(behind.visible | behind.hidden), behind.visible))
    ends = (from_end < 2) & (from_seen > 2 * HIDDEN_FADE)
    assert ends.sum() > 50 and hidden.coverage[ends].max() < 0.4
    joint = (from_seen < 2) & behind.hidden[y, x]
    assert joint.sum() > 40 and hidden.coverage[joint].min() > 0.99
