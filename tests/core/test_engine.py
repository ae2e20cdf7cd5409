"""The engine end to end: one photo in, moving pictures out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from avatar_core import Avatar, Camera, Gains, HeadPose, Motion
from avatar_core.engine import AvatarEngine
from avatar_core.errors import AvatarError, DeviceError, NoFaceError, UnreadableImageError, WeightsError
from avatar_core.performance import motion_at
from avatar_core.tracking.landmarker import Landmarker
from avatar_core.tracking.measures import eye_opening, mouth_opening
from avatar_core.tracking.topology import LEFT_EYE_RING, RIGHT_EYE_RING


def _landmarks(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    with Landmarker(video=False) as detector:
        found = detector.find(picture)
    assert found, "no face in the render"
    return found[0]


def test_rest_view_reproduces_the_photo(engine: AvatarEngine, avatar: Avatar) -> None:
    shown = engine.render(avatar, None, Camera.orbit(), 256, "photo").astype(float)
    error = np.abs(shown - avatar.thumbnail.astype(float))
    assert error.mean() < 6.0


def test_the_avatar_has_the_promised_size_and_parts(avatar: Avatar) -> None:
    assert 120_000 <= len(avatar) <= 300_000
    assert {0, 1, 8, 9, 10, 11} <= set(np.unique(avatar.part).tolist())
    assert np.isfinite(avatar.landmarks).all() and avatar.landmarks.shape == (478, 3)


def test_no_motion_gives_exactly_the_rest_attributes(engine: AvatarEngine, avatar: Avatar) -> None:
    shown = engine.gaussians(avatar, None).planar.numpy()
    rest = avatar.rest.numpy()
    rest_order, shown_order = np.lexsort(rest[:3]), np.lexsort(shown[:3])  # the engine sorts them its own way
    assert np.array_equal(shown[:3, shown_order], rest[:3, rest_order])
    position, times = np.unique(rest[:3], axis=1, return_counts=True)
    alone = np.isin(rest[0], position[0, times == 1])[rest_order]
    assert np.allclose(shown[11:, shown_order][:, alone], rest[11:, rest_order][:, alone].clip(0, 1), atol=1e-6)


def test_a_blink_shuts_the_lids_and_an_open_jaw_opens_the_mouth(engine: AvatarEngine, avatar: Avatar) -> None:
    neutral = _landmarks(engine.render(avatar, Motion.from_activations({}), size=512))
    blink = _landmarks(engine.render(avatar, Motion.from_activations({"eyeBlink_L": 1, "eyeBlink_R": 1}), size=512))
    for ring in (LEFT_EYE_RING, RIGHT_EYE_RING):
        assert eye_opening(blink, ring) < 0.6 * eye_opening(neutral, ring)
    jaw = _landmarks(engine.render(avatar, Motion.from_activations({"jawOpen": 0.8}), size=512))
    assert mouth_opening(jaw) > mouth_opening(neutral) + 0.15


def test_weight_zero_is_rest_and_gains_of_zero_keep_the_head_still(engine: AvatarEngine, avatar: Avatar) -> None:
    rest = engine.render(avatar, None)
    assert np.array_equal(engine.render(avatar, motion_at(2.0).faded(0.0)), rest)
    turned = Motion.from_activations({}, pose=HeadPose(cv2.Rodrigues(np.array([0, 0.3, 0]))[0]))
    still = engine.render(avatar, turned.with_gains(Gains(head=0.0)))
    assert np.array_equal(still, engine.render(avatar, Motion.from_activations({})))
    assert np.abs(engine.render(avatar, turned).astype(int) - still).mean() > 1.0


def test_the_tracked_photo_itself_hardly_moves_the_avatar(
    engine: AvatarEngine, avatar: Avatar, portrait: NDArray[np.uint8]
) -> None:
    engine.track.reset()
    motion = engine.track(portrait)
    rest, shown = engine.render(avatar, None), engine.render(avatar, motion)
    assert np.abs(rest.astype(int) - shown).mean() < 3.0


def test_quality_lightens_what_is_drawn_and_not_what_is_saved(
    engine: AvatarEngine, avatar: Avatar, tmp_path: Path
) -> None:
    whole = engine.render(avatar, None)
    assert engine.last_gaussians == len(avatar)
    try:
        engine.quality = "fast"
        light = engine.render(avatar, None)
        assert engine.last_gaussians == len(engine.gaussians(avatar)) < 0.6 * len(avatar)
        assert 0 < np.abs(whole.astype(int) - light).mean() < 3.0
        avatar.save(tmp_path / "avatar.safetensors")
        assert len(engine.load_avatar(tmp_path / "avatar.safetensors")) == len(avatar)
        with pytest.raises(ValueError, match="balanced"):
            engine.quality = "best"
        assert engine.quality == "fast"
    finally:
        engine.quality = "full"
    assert np.array_equal(engine.render(avatar, None), whole)


def test_backgrounds(engine: AvatarEngine, avatar: Avatar) -> None:
    green = engine.render(avatar, None, size=128, background=(0, 255, 0))
    assert tuple(green[2, 2]) == (0, 255, 0)
    picture = np.full((128, 128, 3), 77, np.uint8)
    assert tuple(engine.render(avatar, None, size=128, background=picture)[2, 2]) == (77, 77, 77)
    photo, blurred = (engine.render(avatar, None, size=128, background=name) for name in ("photo", "blurred"))
    assert not np.array_equal(photo, blurred)
    for bad in ("sunset", np.zeros((3, 3, 3), np.uint8)):
        with pytest.raises(ValueError, match="background"):
            engine.render(avatar, None, size=128, background=bad)
    with pytest.raises(ValueError, match="size"):
        engine.render(avatar, None, size=3)


def test_reenact_yields_a_picture_per_frame_and_holds_over_lost_frames(
    engine: AvatarEngine, avatar: Avatar, portrait: NDArray[np.uint8]
) -> None:
    frames = [portrait, portrait, np.zeros_like(portrait), portrait]
    pictures = list(engine.reenact(avatar, frames, size=128))
    assert [picture.shape for picture in pictures] == [(128, 128, 3)] * 4
    assert np.abs(pictures[2].astype(int) - pictures[1]).mean() < 2.0


def test_photos_from_disk_name_the_file_in_errors(engine: AvatarEngine, tmp_path: Path) -> None:
    landscape = np.tile(np.linspace(0, 255, 300).astype(np.uint8)[:, None, None], (1, 400, 3))
    Image.fromarray(landscape).save(tmp_path / "hills.png")
    with pytest.raises(NoFaceError, match=r"hills\.png.*no face"):
        engine.encode(tmp_path / "hills.png")
    with pytest.raises(UnreadableImageError, match=r"gone\.png"):
        engine.encode(tmp_path / "gone.png")
    with pytest.raises(AvatarError, match="got 2"):
        engine.encode([tmp_path / "a.png", tmp_path / "b.png"])


def test_an_80_pixel_face_still_makes_an_avatar(engine: AvatarEngine, portrait: NDArray[np.uint8]) -> None:
    small = cv2.resize(portrait, None, fx=0.85, fy=0.85, interpolation=cv2.INTER_AREA)
    assert len(engine.encode(small)) > 100_000


def test_missing_weights_and_unknown_devices_are_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such weights folder"):
        AvatarEngine.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(WeightsError, match=r"motion\.safetensors"):
        AvatarEngine.from_pretrained(tmp_path)
    with pytest.raises(DeviceError, match="tpu"):
        AvatarEngine.from_pretrained(device="tpu")


def test_progress_is_told_in_order(engine: AvatarEngine, portrait: NDArray[np.uint8]) -> None:
    seen: list[tuple[str, float]] = []
    engine.encode(portrait, progress=lambda stage, share: seen.append((stage, share)))
    shares = [share for _, share in seen]
    assert shares == sorted(shares) and shares[-1] == 1.0 and len({stage for stage, _ in seen}) >= 4
