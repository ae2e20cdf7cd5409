from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_core.camera import Camera, focal_from_fov

angles = st.floats(-180, 180)
pitches = st.floats(-85, 85)
radii = st.floats(0.5, 10)


@given(angles, pitches, radii)
def test_orbit_looks_at_its_target_from_its_radius(yaw: float, pitch: float, radius: float) -> None:
    target = (0.1, -0.2, 0.05)
    camera = Camera.orbit(yaw, pitch, radius, target=target)
    pixel = camera.project(np.array([target]), 512, 512)
    assert np.allclose(pixel, 256.0, atol=1e-6)
    assert np.isclose(np.linalg.norm(camera.cam2world[:3, 3] - target), radius)


@given(angles, pitches)
def test_cam2world_is_a_rigid_motion_and_world2cam_its_inverse(yaw: float, pitch: float) -> None:
    camera = Camera.orbit(yaw, pitch)
    rotation = camera.cam2world[:3, :3]
    assert np.allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
    assert np.isclose(np.linalg.det(rotation), 1.0)
    assert np.allclose(camera.world2cam @ camera.cam2world, np.eye(4), atol=1e-12)


def test_front_camera_keeps_the_photo_upright() -> None:
    camera = Camera.orbit()
    right, up = camera.project(np.array([[0.1, 0, 0], [0, 0.1, 0]]), 512, 512) - 256.0
    assert right[0] > 1 and abs(right[1]) < 1e-9
    assert up[1] < -1 and abs(up[0]) < 1e-9


def test_positive_yaw_moves_the_camera_to_the_right_and_positive_pitch_up() -> None:
    assert Camera.orbit(yaw=30).cam2world[0, 3] > 0
    assert Camera.orbit(pitch=30).cam2world[1, 3] > 0


def test_focal_length_of_the_paper() -> None:
    assert focal_from_fov(18.837) == pytest.approx(4.2647, abs=2e-3)


@pytest.mark.parametrize("fov", [0.0, 180.0, -5.0])
def test_impossible_field_of_view_is_refused(fov: float) -> None:
    with pytest.raises(ValueError, match="fov"):
        focal_from_fov(fov)


def test_wrong_shapes_and_values_are_named() -> None:
    with pytest.raises(ValueError, match=r"cam2world must be \(4, 4\), got \(3, 4\)"):
        Camera(np.zeros((3, 4)), np.eye(3))
    with pytest.raises(ValueError, match="finite"):
        Camera(np.full((4, 4), np.nan), np.eye(3))


def test_non_square_pictures_keep_the_focal_length_of_the_shorter_side() -> None:
    intrinsics = Camera.orbit().pixel_intrinsics(800, 400)
    assert intrinsics[0, 0] == intrinsics[1, 1] == pytest.approx(400 * focal_from_fov(18.837))
    assert (intrinsics[0, 2], intrinsics[1, 2]) == (400, 200)
