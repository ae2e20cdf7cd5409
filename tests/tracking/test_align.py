from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from avatar_core.tracking.align import similarity


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.floats(0.05, 50))
def test_recovers_any_similarity(seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    points = random.normal(size=(20, 3))
    rotation, translation = Rotation.random(random_state=seed).as_matrix(), random.normal(size=3)
    moved = scale * points @ rotation.T + translation
    found = similarity(points, moved)
    assert np.isclose(found.scale, scale)
    assert np.allclose(found.rotation, rotation, atol=1e-8)
    assert np.allclose(found.apply(points), moved, atol=1e-6 * scale)
    assert np.allclose(found.invert(moved), points, atol=1e-6)
    assert np.allclose((found.matrix() @ np.append(points[0], 1))[:3], moved[0], atol=1e-6 * scale)


def test_a_mirrored_set_is_not_matched_by_a_reflection() -> None:
    points = np.random.default_rng(0).normal(size=(30, 3))
    found = similarity(points, points * np.array([-1, 1, 1]))
    assert np.linalg.det(found.rotation) == pytest.approx(1.0)


def test_weights_ignore_an_outlier() -> None:
    points = np.random.default_rng(1).normal(size=(10, 3))
    target = points.copy()
    target[0] += 100
    weights = np.ones(10)
    weights[0] = 0
    assert np.allclose(similarity(points, target, weights).matrix(), np.eye(4), atol=1e-9)


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"\(4, 3\) and \(5, 3\)"):
        similarity(np.zeros((4, 3)), np.zeros((5, 3)))
