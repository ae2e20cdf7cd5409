"""Targets of the motion training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from avatar_core.models.anatomy import EYEBALL_CENTRES, gaze_rotation
from avatar_core.models.networks import GAZE
from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.tracking.face_model import FaceModel
from avatar_core.training.expression_sampling import random_combinations
from avatar_core.training.motion_teacher import Teacher, build_teacher
from avatar_core.training.surface_samples import EYEBALLS, SHARES, SurfaceSampler, SurfaceSamples
from avatar_core.training.teacher_lids import BLINKS, OVERLAP
from avatar_core.training.teacher_target import HIDDEN_LOGIT, TargetMaker, gaze_matrices, rotation_change

A = len(ACTIVATION_NAMES) + 4


@pytest.fixture(scope="module")
def teacher(data_folder: Path, face_model: FaceModel) -> Teacher:
    from avatar_core.training.clip_statistics import ClipMotion

    still = ClipMotion(np.zeros((2, 468, 3)), np.zeros((2, 4)))
    return build_teacher(data_folder, face_model, [still], residual_count=0)


@pytest.fixture(scope="module")
def samples(teacher: Teacher, face_model: FaceModel) -> SurfaceSamples:
    return SurfaceSampler(teacher, face_model.mean).draw(2000, np.random.default_rng(0))


def _one(**values: float) -> torch.Tensor:
    activations = torch.zeros(1, A)
    for name, value in values.items():
        activations[0, ACTIVATION_NAMES.index(name)] = value
    return activations


def test_shares_of_the_strata_make_a_whole() -> None:
    assert sum(SHARES.values()) == pytest.approx(1.0)


def test_equal_expressions_have_a_zero_target(teacher: Teacher, samples: SurfaceSamples) -> None:
    some = torch.from_numpy(random_combinations(3, A, np.random.default_rng(1)))
    target = TargetMaker(teacher).target(samples, some, some[:, None])
    assert target.position.abs().max() == 0
    assert target.stretch.abs().max() == 0
    assert target.rotation.abs().max() < 1e-5
    assert target.opacity.abs().max() == 0


def test_rotating_eyes_keep_their_distance_from_the_centre(teacher: Teacher, samples: SurfaceSamples) -> None:
    driver = torch.zeros(1, 1, A)
    driver[0, 0, GAZE] = torch.tensor([0.4, -0.2, 0.3, 0.1])
    target = TargetMaker(teacher).target(samples, torch.zeros(1, A), driver)
    ball = samples.region == EYEBALLS
    centre = torch.as_tensor(EYEBALL_CENTRES, dtype=torch.float32)[samples.eye[ball]]
    before = (samples.u[ball] - centre).norm(dim=-1)
    after = (samples.u[ball] + target.position[0, ball] - centre).norm(dim=-1)
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-4)
    assert target.position[0, ball].norm(dim=-1).max() > 0.03


def test_eyeballs_vanish_under_shut_lids_only(teacher: Teacher, samples: SurfaceSamples) -> None:
    ball = samples.region == EYEBALLS
    maker = TargetMaker(teacher)
    shut = maker.target(samples, torch.zeros(1, A), _one(eyeBlink_L=1.0, eyeBlink_R=1.0)[:, None])
    half = maker.target(samples, torch.zeros(1, A), _one(eyeBlink_L=0.5, eyeBlink_R=0.5)[:, None])
    torch.testing.assert_close(shut.opacity[0, ball], torch.full((int(ball.sum()),), HIDDEN_LOGIT))
    assert half.opacity[0, ball].abs().max() == 0
    assert shut.opacity[0, ~ball].abs().max() == 0


def test_lids_never_cross_however_hard_they_close(teacher: Teacher) -> None:
    maker = TargetMaker(teacher)
    hard = _one(eyeBlink_L=1.3, eyeBlink_R=1.3, eyeSquint_L=1.0, eyeSquint_R=1.0, eyeLookDown_L=1.0, eyeLookDown_R=1.0)
    assert float(maker.closure(hard).max()) < 1.1
    upper = teacher.lids.pair_upper[0]
    lids = torch.from_numpy(np.asarray(upper))
    fields = teacher.fields[lids]  # (M, L, 3)
    count = len(lids)
    margin = SurfaceSamples(
        u=torch.from_numpy(teacher.geometry.vertices[upper]).float(),
        normal=torch.zeros(count, 3),
        part=torch.zeros(count, dtype=torch.long),
        region=torch.zeros(count, dtype=torch.long),
        basis=fields,
        tangents=torch.eye(3)[:2].expand(count, 2, 3),
        tangent_basis=torch.zeros(count, 2, fields.shape[1], 3),
        eye=torch.zeros(count, dtype=torch.long),
        is_eyeball=torch.zeros(count, dtype=torch.bool),
        is_lid=torch.zeros(count, dtype=torch.bool),
        lift_weight=torch.ones(count),
        lift_pair=torch.arange(count),
    )
    moved = maker.target(margin, torch.zeros(1, A), hard[:, None]).position[0]
    lower = teacher.lids.pair_lower[0]
    share = teacher.lids.pair_share[0]
    heights = teacher.geometry.vertices[:, 1] + (hard[0, :53].numpy() @ teacher.fields[..., 1].numpy().T)
    facing = heights[lower[:, 0]] * (1 - share) + heights[lower[:, 1]] * share
    gap = teacher.geometry.vertices[upper, 1] + moved[:, 1].numpy() - facing
    assert gap.min() >= -OVERLAP - 1e-4
    assert gap[count // 4 : -count // 4].max() < 0.01


def test_quaternions_agree_with_scipy() -> None:
    vectors = np.random.default_rng(2).normal(size=(50, 3))
    rotation = Rotation.from_rotvec(vectors)
    change = rotation_change(torch.from_numpy(rotation.as_matrix())).numpy()
    expected = rotation.as_quat()[:, [3, 0, 1, 2]]
    expected *= np.sign(expected[:, :1])
    large = np.linalg.norm(vectors, axis=1) < 2.5
    np.testing.assert_allclose(change[large] + [1, 0, 0, 0], expected[large], atol=1e-6)


def test_gaze_matrices_agree_with_the_published_convention() -> None:
    angles = np.array([[0.3, -0.2, 0.1, 0.4]])
    made = gaze_matrices(torch.from_numpy(angles))[0].numpy()
    np.testing.assert_allclose(made, gaze_rotation(angles.reshape(2, 2)), atol=1e-12)


def test_blinks_close_the_eye_of_their_own_side(teacher: Teacher) -> None:
    closure = TargetMaker(teacher).closure(torch.cat([_one(eyeBlink_R=1.0), _one(eyeBlink_L=1.0)]))
    assert closure[0, 0] > 0.98 > 0.1 > closure[0, 1].abs()
    assert closure[1, 1] > 0.98 > 0.1 > closure[1, 0].abs()
    assert (ACTIVATION_NAMES.index("eyeBlink_R"), ACTIVATION_NAMES.index("eyeBlink_L")) == BLINKS
