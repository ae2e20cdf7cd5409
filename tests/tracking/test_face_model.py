from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from avatar_core.errors import WeightsError
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.measures import inter_ocular_distance, mouth_opening
from avatar_core.tracking.neutral import NeutralEstimator
from avatar_core.tracking.topology import LEFT_EYE_OUTER, RIGHT_EYE_OUTER, TRIANGLES


def test_mean_face_defines_canonical_space(face_model: FaceModel) -> None:
    assert inter_ocular_distance(face_model.mean) == pytest.approx(1.0)
    assert np.allclose(face_model.mean[RIGHT_EYE_OUTER] + face_model.mean[LEFT_EYE_OUTER], 0, atol=1e-6)
    assert face_model.mean[1, 2] > face_model.mean[33, 2]  # the nose stands towards the viewer
    assert face_model.mean[152, 1] < -0.8  # the chin hangs below the eyes
    assert mouth_opening(face_model.mean) < 0.02


def test_mean_face_is_symmetric(face_model: FaceModel) -> None:
    mirrored = face_model.mean[face_model.mirror] * np.array([-1, 1, 1])
    assert np.abs(mirrored - face_model.mean).max() < 1e-6
    assert np.array_equal(face_model.mirror[face_model.mirror], np.arange(478))


def test_canonicalise_takes_pose_and_size_off(face_model: FaceModel) -> None:
    rotation = Rotation.from_euler("YXZ", [25, -10, 5], degrees=True).as_matrix()
    posed = 140.0 * face_model.mean @ rotation.T + np.array([300.0, -200.0, 10.0])
    canonical, to_input = face_model.canonicalise(posed)
    assert np.allclose(canonical, face_model.mean, atol=1e-9)
    assert np.allclose(to_input.rotation, rotation)


def test_neutral_keeps_identity_and_takes_expression_off(face_model: FaceModel) -> None:
    estimator = NeutralEstimator(face_model)
    identity = face_model.mean + face_model.identity_std[0] * face_model.identity_basis[0]
    expression = 2 * face_model.expression_std[0] * face_model.expression_basis[0]
    left_over = np.linalg.norm(estimator.neutral(identity + expression) - identity)
    assert left_over < 0.35 * np.linalg.norm(expression)
    assert np.linalg.norm(estimator.expression(face_model.mean)) < 1e-9


def test_triangles_cover_the_mesh() -> None:
    assert TRIANGLES.shape == (852, 3)
    assert len(np.unique(TRIANGLES)) == 468


def test_missing_and_damaged_files_are_named(face_model: FaceModel, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone\.safetensors: the weights file is missing"):
        FaceModel.load(tmp_path / "gone.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00garbage")
    with pytest.raises(WeightsError, match=r"bad\.safetensors"):
        FaceModel.load(tmp_path / "bad.safetensors")
    FaceModel(**{**vars(face_model), "mean": np.zeros((3, 3))}).save(tmp_path / "shape.safetensors")
    with pytest.raises(WeightsError, match=r"mean has shape \(3, 3\)"):
        FaceModel.load(tmp_path / "shape.safetensors")
