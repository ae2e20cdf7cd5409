"""The learned encoder inside the lift."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from avatar_core.avatar import PART_NAMES
from avatar_core.lift import lift
from avatar_core.lift.canvas import CANVAS_SIZE, pixel_grid, project, unproject
from avatar_core.lift.layer import Layer
from avatar_core.lift.maps import distance_from
from avatar_core.lift.relief import Relief
from avatar_core.lift.torso import without_scraps
from avatar_core.models.encoder import LearnedEncoder
from avatar_core.models.encoder.correction import believed, with_correction
from avatar_core.models.encoder.guide import GUIDE_CHANNELS, GUIDE_SIZE, build_guide
from avatar_core.models.encoder.network import EncoderNetwork
from avatar_core.tracking.face_model import FaceModel
from tests.models.encoder.conftest import Prepared, far_side

BACK = PART_NAMES.index("back")


def everywhere_present() -> EncoderNetwork:
    """A network that shows its whole template, a sphere on a cylinder."""
    network = EncoderNetwork()
    with torch.no_grad():
        network.template_head.conv.bias[1] = 1.0
    return network


def template_of(encoder: LearnedEncoder, relief: Relief) -> Layer:
    _, sheet = encoder.refine(relief).hidden_layers(lambda: far_side(relief))
    return sheet


def test_the_untrained_encoder_gives_the_lift_bit_for_bit(prepared: Prepared, face_model: FaceModel) -> None:
    torch.manual_seed(3)
    learned = LearnedEncoder(EncoderNetwork(), face_model.mean)
    plain = lift(prepared.image, prepared.landmarks, face_model)
    refined = lift(prepared.image, prepared.landmarks, face_model, refiner=learned)
    for name in ("rest", "u", "normal", "part", "neck_weight", "expression_weight"):
        assert np.array_equal(getattr(plain, name), getattr(refined, name)), name


def test_a_present_template_takes_the_place_of_the_far_side(prepared: Prepared, face_model: FaceModel) -> None:
    plain = lift(prepared.image, prepared.landmarks, face_model)
    refined = lift(
        prepared.image, prepared.landmarks, face_model, refiner=LearnedEncoder(everywhere_present(), face_model.mean)
    )
    gone = int((plain.part == BACK).sum() - (refined.part == BACK).sum())
    assert gone > 0.3 * (plain.part == BACK).sum()
    assert len(refined) > len(plain) - gone + 3000
    assert np.isfinite(refined.rest).all()
    assert np.allclose(np.linalg.norm(refined.normal, axis=1), 1, atol=1e-4)


def test_template_normals_look_outwards(prepared: Prepared, face_model: FaceModel) -> None:
    encoder = LearnedEncoder(everywhere_present(), face_model.mean)
    layer = template_of(encoder, prepared.relief)
    outward = np.cross(layer.across, layer.upward)
    away = layer.position - prepared.relief.face.to_head.apply(np.array([0.0, 0.28, -0.78]))
    crown = layer.u[:, 1] > 0.4
    assert ((outward * away)[crown].sum(1) > 0).mean() > 0.99


def test_guide_maps_have_the_shape_and_range_that_the_network_expects(prepared: Prepared) -> None:
    guide = build_guide(prepared.relief)
    assert guide.maps.shape == (GUIDE_CHANNELS, GUIDE_SIZE, GUIDE_SIZE)
    assert np.isfinite(guide.maps).all()
    assert guide.maps[:6].min() >= 0 and guide.maps[:6].max() <= 1.01
    assert np.abs(guide.maps).max() <= 3


def test_a_correction_moves_hair_and_leaves_face_and_body(prepared: Prepared) -> None:
    relief, face = prepared.relief, prepared.relief.face
    corrected = with_correction(relief, np.full((GUIDE_SIZE, GUIDE_SIZE), 0.1, np.float32), (1.0, 1.0))
    change = corrected.surfaces.head - relief.surfaces.head
    assert change.shape == (CANVAS_SIZE, CANVAS_SIZE)
    x, y = (int(value) for value in face.landmarks[4, :2])
    assert abs(change[y, x]) < 1e-3
    top = int(face.landmarks[10, 1] - 0.5 * face.eye_distance)
    assert abs(change[top, x] - 0.1 * face.eye_distance) < 0.02 * face.eye_distance
    assert not change[face.body].any()


def test_hanging_hair_goes_with_the_hair_above_it(prepared: Prepared) -> None:
    """No step between head and what hangs from it; where nothing hangs, and in the middle, the body stays."""
    relief, face = prepared.relief, prepared.relief.face
    even = np.full((GUIDE_SIZE, GUIDE_SIZE), 0.1, np.float32)
    hanging, bare = (with_correction(relief, even, (value, value)).surfaces.body for value in (0.0, 1.0))
    assert np.abs(bare - relief.surfaces.body).max() < 1e-3
    moved = hanging - relief.surfaces.body
    x, y = pixel_grid()
    across = np.abs(face.to_head.invert_map(unproject(x, y, relief.surfaces.body))[..., 0])
    assert np.abs(moved[across < 0.4]).max() < 1e-3
    head = (relief.matte.alpha > 0.5) & ~face.body & ~face.mesh.inside
    beside = (distance_from(head) < 3) & face.body & (across > 0.75)
    assert beside.any()
    assert np.median(moved[beside]) > 0.06 * face.eye_distance


@pytest.mark.parametrize("side", [-1, 1])
def test_the_far_side_of_a_turned_face_keeps_its_place(prepared: Prepared, side: int) -> None:
    relief = prepared.relief
    turn = Rotation.from_euler("y", 25 * side, degrees=True).as_matrix()
    similarity = replace(relief.face.to_head, rotation=turn @ relief.face.to_head.rotation)
    turned = replace(relief, face=replace(relief.face, to_head=similarity))
    share, before = believed(turned), believed(relief)
    x, y = pixel_grid()
    canonical = similarity.invert_map(unproject(x, y, relief.surfaces.head))
    far = (canonical[..., 1] < 0.1) & (side * canonical[..., 0] > 0.3)
    assert (share[far] == 0).all() and before[far].max() == 1
    near = side * canonical[..., 0] < 0
    assert np.array_equal(share[near], before[near])


def test_a_correction_leaves_the_jaw_in_front_of_the_mouth(prepared: Prepared) -> None:
    relief, face = prepared.relief, prepared.relief.face
    back = with_correction(relief, np.full((GUIDE_SIZE, GUIDE_SIZE), -0.3, np.float32), (1.0, 1.0))
    edge = face.mesh.inside & (distance_from(face.body) < 3)
    assert edge.any()
    assert np.abs(back.surfaces.head - relief.surfaces.head)[edge].max() < 0.02 * face.eye_distance


def test_pieces_of_the_far_side_that_are_left_alone_go_too() -> None:
    x, y = (axis[100:300:4, 100:300:4].reshape(-1) for axis in pixel_grid())
    count = len(x)
    column, ones = np.ones((count, 3), np.float32), np.ones(count, np.float32)
    back = Layer(
        position=unproject(x, y, 0 * x), across=column, upward=column, colour=column, u=column, coverage=ones,
        part=np.full(count, BACK, np.uint8), neck_weight=ones, expression_weight=ones, seen=np.zeros(count, bool),
    )  # fmt: skip
    body, scrap = y > 240, (x < 120) & (y < 120)
    left = without_scraps(back, body | scrap)
    assert len(left) == body.sum()
    assert (project(left.position)[:, 1] > 239).all()
    assert len(without_scraps(back, np.ones(count, bool))) == count


def test_the_template_is_not_seen_in_the_photos_own_view(prepared: Prepared, face_model: FaceModel) -> None:
    relief = prepared.relief
    layer = template_of(LearnedEncoder(everywhere_present(), face_model.mean), relief)
    place = project(layer.position)
    inside = ((place[:, :2] >= 0) & (place[:, :2] < CANVAS_SIZE)).all(1)
    column, row = place[inside, 0].astype(int), place[inside, 1].astype(int)
    known = relief.canvas.valid[row, column]
    assert (relief.matte.alpha[row, column][known] > 0.8).mean() > 0.99
    shown = np.where(relief.face.body, relief.surfaces.body, relief.surfaces.head)[row, column]
    assert (place[inside, 2] <= shown)[known].mean() > 0.99
