"""The teacher's avatar reproduces its photo, moves as asked, and varies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.rendering import create
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.tracking.topology import INNER_LIPS, LEFT_EYE_RING, RIGHT_EYE_RING
from avatar_core.training.teacher import (
    Portrait,
    TeacherAvatar,
    TeacherModel,
    build_teacher_avatar,
    fit_portrait,
    load_portrait,
    transfer,
    vary,
)
from avatar_core.training.teacher.figures import drawn, face_psnr, face_region, head_overlap
from avatar_core.training.teacher.samples import areas
from avatar_core.training.teacher.sheet import make_avatar
from avatar_core.training.teacher.variation import rethicken
from avatar_core.training.teacher_geometry import SKIN
from avatar_core.training.teacher_lids import BLINKS, LOWER_MARGINS, UPPER_MARGINS
from tests.training.teacher.conftest import PORTRAITS


def _drawn(avatar: TeacherAvatar) -> NDArray[np.float32]:
    return drawn(avatar, create("cpu"), 512)


def _with(avatar: TeacherAvatar, **values: float) -> NDArray[np.float64]:
    activations = avatar.source_activations.copy()
    for name, value in values.items():
        activations[ACTIVATION_NAMES.index(name)] = value
    return activations


def test_reproduces_the_photo(avatars: list[TeacherAvatar], portraits: list[Portrait]) -> None:
    for avatar, portrait in zip(avatars, portraits, strict=True):
        rgba = _drawn(avatar)
        assert head_overlap(rgba, portrait) >= 0.93
        assert face_psnr(rgba, portrait) > 26
        assert rgba[..., 3][face_region(portrait)].min() > 0.9, "no holes in the face"


def test_a_wide_crop_shows_more_at_the_same_scale(
    model: TeacherModel, data_folder: Path, face_model: FaceModel, finder: PhotoFaceFinder, portraits: list[Portrait]
) -> None:
    wide = load_portrait(data_folder / "portraits_synthetic" / PORTRAITS[0], face_model, finder, wide=True)
    assert wide.image.shape == (640, 640, 3)
    narrow = fit_portrait(model, portraits[0].landmarks, portraits[0].intrinsics)
    fit = fit_portrait(model, wide.landmarks, wide.intrinsics)
    assert np.allclose(fit.translation, narrow.translation, atol=1e-3)
    assert np.allclose(fit.activations, narrow.activations, atol=1e-3)
    assert head_overlap(drawn(make_avatar(model, wide), create("cpu"), 640), wide) >= 0.9


def test_hair_reaches_the_matte(avatars: list[TeacherAvatar], portraits: list[Portrait]) -> None:
    for avatar, portrait in zip(avatars, portraits, strict=True):
        brow = int(portrait.landmarks[[70, 300], 1].mean())
        person = portrait.matte[:brow] > 0.5
        bald = rethicken(avatar, 0.0)

        def overlap(which: TeacherAvatar, person: NDArray[np.bool_] = person, brow: int = brow) -> float:
            drawn = _drawn(which)[:brow, :, 3] > 0.5
            return float((drawn & person).sum() / (drawn | person).sum())

        assert overlap(avatar) >= 0.9
        assert overlap(avatar) >= overlap(bald)


def test_hair_beside_the_neck_closes_behind_it(model: TeacherModel, portraits: list[Portrait]) -> None:
    portrait = portraits[0]
    eyes, chin = portrait.landmarks[[33, 263], :2], portrait.landmarks[152, :2]
    unit = float(np.linalg.norm(eyes[1] - eyes[0]))
    x, y = np.meshgrid(np.arange(portrait.matte.shape[1]), np.arange(portrait.matte.shape[0]))
    beside, below_ears = np.abs(x - chin[0]), y > eyes[:, 1].mean() + 0.5 * unit
    above_shoulders = y < chin[1] + 0.3 * unit
    bare = np.where(below_ears & above_shoulders & (beside > 0.6 * unit), 0, portrait.matte).astype(np.float32)
    hanging = np.where(below_ears & (beside < 1.3 * unit), 1, portrait.matte).astype(np.float32)
    short, long = (make_avatar(model, replace(portrait, matte=matte)) for matte in (bare, hanging))
    skin = model.neutral[SKIN]
    nape = (skin[:, 2] < -4) & (skin[:, 1] > -8) & (skin[:, 1] < -4)
    throat = (skin[:, 2] > 4) & (skin[:, 1] < -4)
    assert np.linalg.norm(long.hair[nape], axis=1).mean() > np.linalg.norm(short.hair[nape], axis=1).mean() + 1
    np.testing.assert_allclose(long.hair[throat], short.hair[throat], atol=0.1)


def test_landmarks_lie_on_the_skin_and_under_the_detected_ones(
    avatars: list[TeacherAvatar], portraits: list[Portrait]
) -> None:
    inner = list(RIGHT_EYE_RING + LEFT_EYE_RING + INNER_LIPS)
    for avatar, portrait in zip(avatars, portraits, strict=True):
        activations = avatar.source_activations
        landmarks = avatar.landmarks(activations)
        position, colour, seen = avatar.skin_points(activations)
        assert position.shape == colour.shape == (len(seen), 3)
        assert cKDTree(position).query(landmarks)[0].max() < 0.12
        pixels = avatar.camera.project(landmarks, 512, 512)
        miss = np.linalg.norm(pixels - portrait.landmarks[:468, :2], axis=1)
        assert np.median(miss[inner]) < 0.6
        assert set(np.unique(np.round(seen[seen > 0.999]))) == {1.0}
        assert 0.14 < seen.min() < 0.2


def test_a_blink_closes_the_eyes_and_keeps_skin_off_the_eyeballs(avatars: list[TeacherAvatar]) -> None:
    for avatar in avatars:
        open_eyes = avatar.vertices(avatar.source_activations)
        shut = avatar.vertices(_with(avatar, eyeBlink_L=1.0, eyeBlink_R=1.0))
        for eye in range(2):
            upper, lower = list(UPPER_MARGINS[eye])[5:-5], list(LOWER_MARGINS[eye])
            rows = [min(lower, key=lambda row: abs(open_eyes[row, 0] - open_eyes[u, 0])) for u in upper]
            gap_open = (open_eyes[upper, 1] - open_eyes[rows, 1]).mean()
            gap_shut = (shut[upper, 1] - shut[rows, 1]).mean()
            assert gap_shut < 0.15 * gap_open
            near = shut[upper] - avatar.eye_centres[eye]
            assert np.linalg.norm(near, axis=1).min() > avatar.model.eye_radius


def test_gaze_turns_only_the_eyes(avatars: list[TeacherAvatar]) -> None:
    avatar = avatars[0]
    straight = avatar.gaussians(avatar.source_activations, np.zeros((2, 2)))
    aside = avatar.gaussians(avatar.source_activations, np.tile([0.4, 0.0], (2, 1)))
    moved = (straight.means - aside.means).norm(dim=1) > 1e-4
    eyes = 2 * avatar.eye_colour.shape[1]
    assert 0.9 * eyes < int(moved.sum()) <= eyes
    assert float((aside.means - straight.means)[moved][:, 0].mean()) > 0


def test_size_stays_within_reason(avatars: list[TeacherAvatar]) -> None:
    for avatar in avatars:
        count = len(avatar.gaussians(avatar.source_activations, avatar.source_gaze))
        assert 100_000 < count < 260_000


def test_vary_changes_shape_but_not_topology(avatars: list[TeacherAvatar]) -> None:
    rng = np.random.default_rng(0)
    for avatar in avatars:
        other = vary(avatar, rng, avatars)
        own = avatar.source_activations
        before, after = avatar.vertices(own), other.vertices(own)
        assert other.skin_triangles is avatar.skin_triangles
        assert other.skin_colour.shape == avatar.skin_colour.shape
        assert np.abs(after - before)[SKIN].max() > 0.2
        assert np.isfinite(after).all()
        assert np.isfinite(other.gaussians(own, other.source_gaze).planar.numpy()).all()
        bust = avatar.model.regions.bust[avatar.skin_triangles].all(1)
        ratio = areas(after, avatar.skin_triangles)[bust] / np.maximum(areas(before, avatar.skin_triangles)[bust], 1e-6)
        assert 0.3 < np.median(ratio) < 3


def test_vary_is_reproducible(avatars: list[TeacherAvatar]) -> None:
    first = vary(avatars[0], np.random.default_rng(5), avatars)
    again = vary(avatars[0], np.random.default_rng(5), avatars)
    different = vary(avatars[0], np.random.default_rng(6), avatars)
    assert np.array_equal(first.base, again.base)
    assert np.array_equal(first.skin_colour, again.skin_colour)
    assert not np.array_equal(first.base, different.base)


def test_transfer_adds_the_drivers_change_within_bounds(avatars: list[TeacherAvatar]) -> None:
    avatar = avatars[0]
    neutral = np.full(53, 0.1)
    assert np.allclose(transfer(avatar, neutral, neutral), avatar.source_activations)
    driven = neutral.copy()
    driven[BLINKS[0]] = 5.0
    moved = transfer(avatar, neutral, driven)
    assert moved[BLINKS[0]] == pytest.approx(1.0)
    assert (transfer(avatar, neutral, neutral - 3) == 0).all()


def test_a_matte_of_another_size_is_refused(model: TeacherModel, portraits: list[Portrait]) -> None:
    portrait = portraits[0]
    fit = fit_portrait(model, portrait.landmarks, portrait.intrinsics)
    with pytest.raises(ValueError, match="matte"):
        build_teacher_avatar(model, fit, portrait.image, portrait.matte[:100], portrait.landmarks, portrait.intrinsics)
