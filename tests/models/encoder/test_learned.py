"""The learned encoder inside the lift."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from avatar_core.avatar import PART_NAMES
from avatar_core.lift import lift
from avatar_core.lift.canvas import CANVAS_SIZE, project
from avatar_core.models.encoder import LearnedEncoder
from avatar_core.models.encoder.correction import with_correction
from avatar_core.models.encoder.extent import bare_ears
from avatar_core.models.encoder.guide import GUIDE_CHANNELS, GUIDE_SIZE, build_guide
from avatar_core.models.encoder.network import EncoderNetwork
from avatar_core.tracking.face_model import FaceModel
from tests.models.encoder.conftest import Prepared

BACK = PART_NAMES.index("back")


def everywhere_present() -> EncoderNetwork:
    """A network that shows its whole template, a sphere on a cylinder."""
    network = EncoderNetwork()
    with torch.no_grad():
        network.template_head.conv.bias[1] = 1.0
    return network


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
    (layer,) = encoder.refine(prepared.relief).make_layers()
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


def test_hanging_hair_stays_where_the_lift_puts_it(prepared: Prepared) -> None:
    relief, face = prepared.relief, prepared.relief.face
    corrected = with_correction(relief, np.full((GUIDE_SIZE, GUIDE_SIZE), 0.1, np.float32), (0.0, 0.0))
    below = np.arange(CANVAS_SIZE) > face.landmarks[4, 1]
    assert np.abs(corrected.surfaces.head - relief.surfaces.head)[below].max() < 1e-3


def test_the_template_is_not_seen_in_the_photos_own_view(prepared: Prepared, face_model: FaceModel) -> None:
    relief = prepared.relief
    (layer,) = LearnedEncoder(everywhere_present(), face_model.mean).refine(relief).make_layers()
    place = project(layer.position)
    inside = ((place[:, :2] >= 0) & (place[:, :2] < CANVAS_SIZE)).all(1)
    column, row = place[inside, 0].astype(int), place[inside, 1].astype(int)
    known = relief.canvas.valid[row, column]
    assert (relief.matte.alpha[row, column][known] > 0.8).mean() > 0.99
    shown = np.where(relief.face.body, relief.surfaces.body, relief.surfaces.head)[row, column]
    assert (place[inside, 2] <= shown)[known].mean() > 0.99


def test_hair_over_the_ears_is_told_from_bare_ears(prepared: Prepared) -> None:
    """The bundled portrait's hair covers its ears; painted over in the face's own colour they count as bare."""
    relief, face = prepared.relief, prepared.relief.face
    assert max(bare_ears(relief)) < 0.2
    tone = np.median(relief.matte.foreground[face.mesh.inside], axis=0)
    painted = np.broadcast_to(tone, relief.matte.foreground.shape).astype(np.float32)
    bald = replace(relief, matte=replace(relief.matte, foreground=painted))
    assert min(bare_ears(bald)) > 0.9
