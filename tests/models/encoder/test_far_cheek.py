"""The far cheek, on the bundled portrait and on a view of its avatar from the side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from avatar_core.avatar import Avatar
from avatar_core.camera import DEFAULT_RADIUS, Camera
from avatar_core.engine import AvatarEngine
from avatar_core.lift.canvas import CANVAS_SIZE, pixel_grid, project, unproject
from avatar_core.lift.relief import Relief, build_relief
from avatar_core.models.encoder import learned
from avatar_core.models.encoder.extent import COLLAR_DEPTH, NAPE_END, run_into_collar
from avatar_core.models.encoder.far_cheek import COVERED, LARGEST_GAIN, mirror_cheek, view_cosine
from avatar_core.models.encoder.layout import COLUMNS, ROWS, cell_azimuth, rays
from avatar_core.models.encoder.learned import LearnedEncoder
from avatar_core.models.encoder.network import EncoderNetwork, Prediction
from avatar_core.models.encoder.sheet import VACATED
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.tracking.topology import CHIN
from tests.models.encoder.conftest import Prepared, far_side


@pytest.fixture(scope="module", params=[-25.0, 25.0], ids=["from the left", "from the right"])
def turned(request: pytest.FixtureRequest, engine: AvatarEngine, avatar: Avatar, face_model: FaceModel) -> Relief:
    """The relief of a picture that shows the person turned aside."""
    picture = engine.render(avatar, None, Camera.orbit(yaw=request.param), 640, (120, 150, 120))
    finder = PhotoFaceFinder(face_model)
    landmarks = finder.find(picture).landmarks
    finder.close()
    return build_relief(picture, landmarks, face_model, lambda stage, share: None)


def test_a_photo_from_the_front_needs_no_mirror_image(prepared: Prepared) -> None:
    assert mirror_cheek(prepared.relief, ROWS, COLUMNS) is None


def test_only_the_hidden_side_is_mirrored(turned: Relief) -> None:
    cheek = mirror_cheek(turned, ROWS, COLUMNS)
    assert cheek is not None
    looks_right = turned.face.to_head.rotation[0, 2] > 0
    far = (cell_azimuth() > 0) == looks_right
    assert not cheek.share[:, ~far].any()
    jaw = (rays()[0][:, 0, 1] < -0.6) & (rays()[0][:, 0, 1] > -0.8)
    side = far & (np.abs(cell_azimuth()) > 45) & (np.abs(cell_azimuth()) < 60)
    assert (cheek.share[np.ix_(jaw, side)] > 0.9).mean() > 0.7


def test_the_mirror_image_has_the_heads_size_and_the_faces_colours(turned: Relief) -> None:
    cheek = mirror_cheek(turned, ROWS, COLUMNS)
    assert cheek is not None
    chosen = cheek.share > 0.5
    assert cheek.radius[chosen].min() > 0.5 and cheek.radius[chosen].max() < 1.5
    face = turned.matte.foreground[turned.face.mesh.inside]
    median = np.median(cheek.colour[chosen], axis=0)
    assert (median < LARGEST_GAIN * np.percentile(face, 95, axis=0)).all()
    assert (median > np.percentile(face, 2, axis=0) / LARGEST_GAIN).all()
    sides = np.sign(cheek.u[chosen][:, 0])
    assert (sides == np.sign(turned.face.to_head.rotation[0, 2])).mean() > 0.99


def test_light_from_one_side_does_not_show_as_a_seam(turned: Relief) -> None:
    side = np.sign(turned.face.to_head.rotation[0, 2])
    canonical = turned.face.to_head.invert_map(unproject(*pixel_grid(), turned.surfaces.head))
    shaded = np.where(side * canonical[..., 0] < 0, 0.8, 1.0).astype(np.float32)[..., None] * turned.matte.foreground
    plain, dark = (
        mirror_cheek(replace(turned, matte=replace(turned.matte, foreground=colour)), ROWS, COLUMNS)
        for colour in (turned.matte.foreground, shaded)
    )
    assert plain is not None and dark is not None
    chosen = (dark.share > 0.5) & (np.abs(cell_azimuth()) < 50)
    assert np.median(dark.colour[chosen] / np.maximum(plain.colour[chosen], 0.05)) > 0.93  # 0.8 on the near side
    assert np.abs(dark.radius - plain.radius)[chosen].max() < 0.03


def test_the_cosine_to_the_view_is_that_of_the_surface() -> None:
    x, y = pixel_grid()
    height = 80 * np.exp(-(((x - 260) / 90) ** 2 + ((y - 350) / 120) ** 2)).astype(np.float32)
    points = unproject(x, y, height).astype(np.float64)
    normal = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    view = np.array([0, 0, DEFAULT_RADIUS]) - points
    normal, view = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (normal, view))
    expected = np.abs((normal * view).sum(-1))
    inner = np.s_[4:-4, 4:-4]
    assert np.abs(view_cosine(height) - expected)[inner].max() < 0.02
    assert expected[inner].min() < 0.8


@pytest.mark.parametrize("hair", [0.03, 0.2])
def test_dark_hair_beyond_the_far_outline_covers_the_ear(turned: Relief, hair: float) -> None:
    """Hair as dark as the shade on half of the face is hair; the same pixels in the face's colour are bare skin."""
    face, side = turned.face, np.sign(turned.face.to_head.rotation[0, 2])
    canonical = face.to_head.invert_map(unproject(*pixel_grid(), turned.surfaces.head))
    shade = np.where(side * canonical[..., 0] > 0.1, 0.45, 1.0).astype(np.float32)[..., None]
    skin = np.median(turned.matte.foreground[face.mesh.inside], axis=0)
    covered = np.where(face.mesh.inside[..., None], shade * turned.matte.foreground, np.float32(hair) * skin)
    wide = replace(turned, matte=replace(turned.matte, alpha=np.ones_like(turned.matte.alpha), foreground=covered))
    bare = replace(wide, matte=replace(wide.matte, foreground=np.broadcast_to(skin, covered.shape).astype(np.float32)))
    reach = []
    for relief in (wide, bare):
        cheek = mirror_cheek(relief, ROWS, COLUMNS)
        assert cheek is not None
        reach.append(np.abs(cell_azimuth())[cheek.share.max(0) > 0.05].max())
    assert reach[0] < COVERED[1] + 3 and reach[1] > COVERED[1] + 10


def test_pixels_that_graze_the_far_cheek_give_way(turned: Relief) -> None:
    cheek = mirror_cheek(turned, ROWS, COLUMNS)
    assert cheek is not None
    face = cheek.uncovered(turned).face
    more = face.gives_way > turned.face.gives_way
    assert 30 < more.sum() < 0.02 * (turned.matte.alpha > 0.5).sum()
    far = np.sign(face.to_head.rotation[0, 2]) * (pixel_grid()[0] - face.landmarks[CHIN, 0])
    assert (far[more] > 0).mean() > 0.98
    assert not (more & (face.body | face.mouth | face.eyes.any(0))).any()
    assert not replace(cheek, share=np.zeros_like(cheek.share)).uncovered(turned).face.gives_way[more].any()


def test_the_far_cheek_is_not_seen_in_the_photos_own_view(turned: Relief, face_model: FaceModel) -> None:
    torch.manual_seed(3)
    refinement = LearnedEncoder(EncoderNetwork(), face_model.mean).refine(turned)
    _, layer = refinement.hidden_layers(lambda: far_side(turned))
    assert len(layer) > 300
    place = project(layer.position)
    assert ((place[:, :2] >= 0) & (place[:, :2] < CANVAS_SIZE)).all()
    column, row = place[:, 0].astype(int), place[:, 1].astype(int)
    shown = np.where(turned.face.body, turned.surfaces.body, turned.surfaces.head)[row, column]
    known = turned.canvas.valid[row, column] & (refinement.relief.face.gives_way[row, column] <= VACATED)
    assert (turned.matte.alpha[row, column][known] > 0.8).mean() > 0.99
    assert (place[:, 2] <= shown)[known].mean() > 0.99


def test_where_nothing_is_mirrored_a_turned_head_keeps_the_templates_place(
    turned: Relief, face_model: FaceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also beside hanging hair, where the template is absent and only lends its colours."""
    asked: list[np.ndarray] = []

    def colours(prediction: Prediction, points: torch.Tensor, *others: object) -> np.ndarray:
        asked.append(points.numpy())
        return np.zeros(points.shape, np.float32)

    monkeypatch.setattr(learned, "hidden_colours", colours)
    LearnedEncoder(EncoderNetwork(), face_model.mean).refine(turned).hidden_layers(lambda: far_side(turned))
    rows, columns = asked[0].shape[:2]
    cheek = mirror_cheek(turned, rows, columns)
    assert cheek is not None
    origin, _ = rays(rows, columns)
    radius = np.linalg.norm(asked[0] - origin, axis=-1)
    kept = (cheek.share == 0) & (origin[..., 1] > NAPE_END + 0.05)
    assert np.allclose(radius[kept], 1, atol=1e-5)  # an untrained template's
    assert np.abs(radius[cheek.share > 0.9] - 1).max() > 0.1


def test_the_nape_runs_straight_into_the_collar() -> None:
    torch.manual_seed(5)
    with torch.no_grad():
        made = EncoderNetwork()(torch.rand(1, 12, 160, 160), torch.eye(4)[None])
        level = torch.from_numpy(rays()[0][:, 0, 1])
        flared = made.radius + 0.5 * (NAPE_END - level).clamp(min=0)[None, :, None].float()
        led = run_into_collar(made._replace(radius=flared, presence=torch.ones_like(made.presence)))
    above, below = level >= NAPE_END, level < COLLAR_DEPTH
    assert torch.equal(led.radius[:, above], flared[:, above])
    assert (led.radius[:, ~above] <= led.radius[:, above][:, -1:] + 1e-6).all()
    assert not led.presence[:, below].any()
    assert led.presence[:, ~below].all()


def test_the_rear_of_an_avatar_has_no_gap_from_the_nape_to_the_back(avatar: Avatar) -> None:
    matrix = np.linalg.inv(np.asarray(avatar.canonical_to_head, np.float64))
    canonical = avatar.rest[:3].numpy().T @ matrix[:3, :3].T + matrix[:3, 3]
    middle = canonical[(np.abs(canonical[:, 0]) < 0.15) & (canonical[:, 2] < -0.9)]
    levels = np.arange(-0.4, -2.0, -0.06)
    rear = []
    for top in levels:
        slab = middle[(middle[:, 1] < top) & (middle[:, 1] >= top - 0.06)]
        assert len(slab), f"nothing behind the neck at y = {top:.2f}"
        rear.append(slab[:, 2].min())
    assert np.abs(np.diff(rear)).max() < 0.3
