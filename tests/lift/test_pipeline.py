"""The lift as a whole, on a real portrait."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from avatar_core.avatar import PART_NAMES
from avatar_core.camera import Camera
from avatar_core.gaussians import COLOR, OPACITY, QUATERNION, SCALE, Gaussians
from avatar_core.lift import LiftResult, draft, lift
from avatar_core.lift.far_side import far_side_colour
from avatar_core.lift.relief import build_relief
from avatar_core.models.anatomy import EYEBALL_CENTRES, EYEBALL_RADIUS
from avatar_core.rendering.rasterizer import create
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.topology import CHIN, LEFT_IRIS, MESH_COUNT, RIGHT_IRIS

from .conftest import Portrait


def draw(lifted: LiftResult, yaw: float = 0.0) -> NDArray[np.float32]:
    """(512, 512, 4) premultiplied RGBA."""
    planar = torch.from_numpy(lifted.rest.copy())
    planar[SCALE] = planar[SCALE].exp()
    planar[OPACITY] = planar[OPACITY].sigmoid()
    return create("cpu").render(Gaussians(planar), Camera.orbit(yaw), 512, 512).numpy().copy()


def psnr_in_matte(lifted: LiftResult) -> float:
    rgba = draw(lifted)
    shown = rgba[..., :3] + (1 - rgba[..., 3:]) * lifted.background.astype(np.float32) / 255
    error = shown - lifted.crop.astype(np.float32) / 255
    return float(-10 * np.log10((error[lifted.matte > 0.5] ** 2).mean()))


def test_the_input_view_reproduces_the_photo(portrait: Portrait) -> None:
    assert psnr_in_matte(portrait.lifted) > 31.0


def test_count_is_in_the_range_that_the_frame_loop_is_made_for(portrait: Portrait) -> None:
    assert 150_000 < len(portrait.lifted) < 260_000


def test_every_value_is_finite_and_in_range(portrait: Portrait) -> None:
    lifted = portrait.lifted
    for name in ("rest", "u", "normal", "neck_weight", "landmarks", "canonical_to_head", "pivot", "matte"):
        assert np.isfinite(getattr(lifted, name)).all(), name
    assert np.allclose(np.linalg.norm(lifted.rest[QUATERNION], axis=0), 1, atol=1e-4)
    assert np.allclose(np.linalg.norm(lifted.normal, axis=1), 1, atol=1e-3)
    assert lifted.rest[COLOR].min() >= 0 and lifted.rest[COLOR].max() <= 1
    assert lifted.neck_weight.min() >= 0 and lifted.neck_weight.max() <= 1


def test_arrays_have_the_documented_shapes(portrait: Portrait) -> None:
    lifted, count = portrait.lifted, len(portrait.lifted)
    assert lifted.rest.shape == (14, count) and lifted.rest.dtype == np.float32
    assert lifted.u.shape == lifted.normal.shape == (count, 3)
    assert lifted.part.shape == lifted.neck_weight.shape == (count,) and lifted.part.dtype == np.uint8
    assert lifted.background.shape == lifted.crop.shape == (512, 512, 3)


@pytest.mark.parametrize(
    "name",
    ["upper_face", "lower_face", "mouth_socket", "upper_gums", "lower_gums", "upper_teeth", "lower_teeth",
     "left_eyeball", "right_eyeball", "hair", "body", "back"],
)  # fmt: skip
def test_every_part_is_present(portrait: Portrait, name: str) -> None:
    assert (portrait.lifted.part == PART_NAMES.index(name)).sum() > 100


def test_a_landmarks_gaussian_lies_where_the_mean_face_has_that_landmark(
    portrait: Portrait, face_model: FaceModel
) -> None:
    lifted = portrait.lifted
    skin = lifted.part <= PART_NAMES.index("lower_face")
    view = Camera.orbit()
    placed = view.project(lifted.rest[:3, skin].T, 512, 512)
    wanted = view.project(lifted.landmarks[:MESH_COUNT], 512, 512)
    u, depth = lifted.u[skin], lifted.rest[2, skin]
    facing = [1, 4, 6, 8, 9, 50, 101, 117, 118, 151, 168, 195, 199, 205, 280, 330, 346, 347, 425]
    errors = []
    for index in facing:
        close = np.nonzero(np.linalg.norm(placed - wanted[index], axis=1) < 1.0)[0]
        front = close[depth[close].argmax()]
        errors.append(np.linalg.norm(u[front, :2] - face_model.mean[index, :2]))
    # A pixel of this portrait spans 0.0077 inter-ocular distances.
    assert max(errors) < 0.012, [(i, round(float(e), 3)) for i, e in zip(facing, errors, strict=True) if e > 0.012]


def test_eyeballs_lie_on_the_spheres_that_the_networks_turn(portrait: Portrait) -> None:
    for side, name in enumerate(("right_eyeball", "left_eyeball")):
        u = portrait.lifted.u[portrait.lifted.part == PART_NAMES.index(name)]
        radius = np.linalg.norm(u - EYEBALL_CENTRES[side], axis=1)
        assert abs(np.median(radius) - EYEBALL_RADIUS) < 0.01


def test_the_iris_is_the_front_of_its_eyeball_whatever_it_looks_at(portrait: Portrait) -> None:
    lifted = portrait.lifted
    view = Camera.orbit()
    for side, (name, iris) in enumerate((("right_eyeball", RIGHT_IRIS), ("left_eyeball", LEFT_IRIS))):
        ball = lifted.part == PART_NAMES.index(name)
        placed = view.project(lifted.rest[:3, ball].T, 512, 512)
        target = view.project(lifted.landmarks[iris][None], 512, 512)
        at_iris = np.linalg.norm(placed - target, axis=1).argmin()
        assert np.linalg.norm(lifted.u[ball][at_iris, :2] - EYEBALL_CENTRES[side, :2]) < 0.015


def test_labels_part_at_the_lip_line(portrait: Portrait) -> None:
    lifted = portrait.lifted
    near_lips = (np.abs(lifted.u[:, 0]) < 0.15) & (lifted.u[:, 2] > 0.2)
    upper = near_lips & (lifted.part == PART_NAMES.index("upper_face"))
    lower = near_lips & (lifted.part == PART_NAMES.index("lower_face"))
    assert lifted.u[upper, 1].min() > lifted.u[lower, 1].max() - 0.02


def test_neck_weight_falls_from_head_to_shoulders(portrait: Portrait) -> None:
    lifted = portrait.lifted
    to_canonical = np.linalg.inv(lifted.canonical_to_head)
    canonical = lifted.rest[:3].T @ to_canonical[:3, :3].T + to_canonical[:3, 3]
    below = (canonical[:, 2] < -0.1) & (lifted.part != PART_NAMES.index("back"))
    central = below & (np.abs(canonical[:, 0]) < 0.4)
    levels = [-1.2, -1.4, -1.6, -1.8, -2.1]
    means = [
        lifted.neck_weight[central & (np.abs(canonical[:, 1] - level) < 0.08)].mean()
        for level in levels
        if (central & (np.abs(canonical[:, 1] - level) < 0.08)).any()
    ]
    assert len(means) >= 3 and all(a >= b for a, b in pairwise(means))
    assert means[-1] < 0.05
    face = (lifted.part == PART_NAMES.index("upper_face")) & (canonical[:, 1] > -0.5)
    assert (lifted.neck_weight[face] == 1).all()


@pytest.mark.parametrize("yaw", [-40.0, 40.0])
def test_a_turned_head_has_no_hole(portrait: Portrait, yaw: float) -> None:
    alpha = draw(portrait.lifted, yaw)[..., 3]
    outline = (alpha > 0.5).astype(np.uint8)
    contours, _ = cv2.findContours(outline, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(outline), contours, -1, (1,), cv2.FILLED)
    inner = cv2.erode(filled, np.ones((9, 9), np.uint8)) > 0
    assert (alpha[inner] < 0.8).mean() < 0.003


def test_the_photos_own_teeth_are_kept(portrait: Portrait) -> None:
    lifted = portrait.lifted
    teeth = lifted.part == PART_NAMES.index("upper_teeth")
    placed = Camera.orbit().project(lifted.rest[:3, teeth].T, 512, 512)
    mouth = Camera.orbit().project(lifted.landmarks[[13, 14]], 512, 512).mean(0)
    shown = np.linalg.norm(placed - mouth, axis=1) < 8
    cells = placed[shown].astype(int)
    photo = lifted.crop[cells[:, 1], cells[:, 0]].astype(np.float32) / 255
    assert shown.sum() > 50
    assert np.abs(lifted.rest[COLOR][:, teeth][:, shown].T - photo).mean() < 0.1


@pytest.mark.parametrize("scale", [0.85, 6.0])
def test_small_and_huge_photos_are_lifted(portrait: Portrait, face_model: FaceModel, scale: float) -> None:
    size = [round(scale * side) for side in portrait.image.shape[1::-1]]
    resized = cv2.resize(portrait.image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    lifted = lift(resized.astype(np.uint8), portrait.landmarks * scale, face_model)
    assert np.isfinite(lifted.rest).all()
    difference = lifted.crop.astype(np.float32) - portrait.lifted.crop.astype(np.float32)
    assert np.abs(difference).mean() < 12
    assert psnr_in_matte(lifted) > 29.0


def test_a_tight_photo_is_lifted(portrait: Portrait, face_model: FaceModel) -> None:
    low = portrait.landmarks[:, :2].min(0).astype(int) - 6
    high = portrait.landmarks[:, :2].max(0).astype(int) + 6
    tight = np.ascontiguousarray(portrait.image[low[1] : high[1], low[0] : high[0]])
    lifted = lift(tight, portrait.landmarks - np.array([*low, 0], np.float32), face_model)
    assert np.isfinite(lifted.rest).all() and len(lifted) > 50_000


def test_progress_grows_from_nothing(portrait: Portrait, face_model: FaceModel) -> None:
    shares: list[float] = []
    draft(portrait.image, portrait.landmarks, face_model, lambda stage, share: shares.append(share))
    assert shares[0] == 0.0 and 0.5 < shares[-1] < 1.0 and shares == sorted(shares)


def test_wrong_input_is_named(portrait: Portrait, face_model: FaceModel) -> None:
    with pytest.raises(ValueError, match=r"\(478, 3\)"):
        lift(portrait.image, portrait.landmarks[:468], face_model)
    with pytest.raises(ValueError, match="uint8"):
        lift(portrait.image.astype(np.float32), portrait.landmarks, face_model)
    broken = portrait.landmarks.copy()
    broken[5] = np.nan
    with pytest.raises(ValueError, match="finite"):
        lift(portrait.image, broken, face_model)


def test_behind_the_corners_of_the_eyes_a_sheet_goes_on(portrait: Portrait) -> None:
    lifted = portrait.lifted
    to_canonical = np.linalg.inv(lifted.canonical_to_head)
    points = lifted.rest[:3].T @ to_canonical[:3, :3].T + to_canonical[:3, 3]
    corners = lifted.landmarks @ to_canonical[:3, :3].T + to_canonical[:3, 3]
    own = np.isin(lifted.part, [PART_NAMES.index("eye_socket"), PART_NAMES.index("upper_face")])
    surface = points[own]
    _, beside = cKDTree(surface[:, :2]).query(surface[:, :2], 16)
    sheet = surface[surface[:, 2] < surface[beside, 2].max(1) - 0.008]
    for outer, inner in ((33, 133), (263, 362)):
        outward = np.sign(corners[outer, 0] - corners[inner, 0])
        level = np.abs(sheet[:, 1] - corners[inner, 1]) < 0.06
        near = sheet[level & (sheet[:, 0] * outward > 0)]
        past_inner = (corners[inner, 0] - near[:, 0]) * outward
        counts, _ = np.histogram(past_inner, np.arange(0.0, 0.13, 0.03))
        assert (counts > 8).all(), counts


def test_what_closes_an_eye_behind_hangs_on_skin_and_skull(portrait: Portrait) -> None:
    """Its edge goes with the skin, which would bare it as a brow rises; its middle stays where it is."""
    lifted = portrait.lifted
    upper = lifted.part == PART_NAMES.index("upper_face")
    hung = upper & (lifted.expression_weight > 0) & (lifted.expression_weight < 1)
    assert hung.sum() > 100
    still = upper & (lifted.expression_weight == 0)
    assert still.sum() > 100


def test_the_far_side_of_the_head_takes_no_colour_from_the_clothes(portrait: Portrait, face_model: FaceModel) -> None:
    relief = build_relief(portrait.image, portrait.landmarks, face_model, lambda stage, share: None)
    face, alpha = relief.face, relief.matte.alpha
    rows = np.arange(alpha.shape[0])[:, None]
    chin, unit = face.landmarks[CHIN], face.eye_distance
    clothes = np.broadcast_to(rows > chin[1] + 0.3 * unit, alpha.shape)
    red, green = np.array([1, 0, 0], np.float32), np.array([0, 1, 0], np.float32)
    painted = np.where(clothes[..., None], red, green).astype(np.float32)
    colour = far_side_colour(alpha, painted, face, relief.registered)
    x = int(chin[0])
    assert colour[int(chin[1] - 0.5 * unit), x, 0] < 0.15
    assert colour[int(chin[1] + 1.0 * unit), x, 1] < 0.15
