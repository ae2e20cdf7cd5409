"""The paper's networks in the engine and the program, from photo to video, with rule-made weights.

The rule puts every Gaussian above the picture, as noise has no reason to aim. Here the decoder's positions are centred,
so that the pictures show something.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.cli import main
from avatar_core.avatar import Avatar
from avatar_core.avatar_file import load_avatar
from avatar_core.camera import DEFAULT_FOV, focal_from_fov
from avatar_core.engine import AvatarEngine
from avatar_core.errors import AvatarFileError
from avatar_core.gaussians import COLOR, MEAN, OPACITY, QUATERNION, SCALE
from avatar_core.lift.canvas import CROP_SIZE, cut_canvas, cut_view, inner_crop
from avatar_core.models.gaussian_decoder import RAW_POSITION
from avatar_core.models.paper import bench
from avatar_core.models.paper.activation import activate
from avatar_core.models.paper.animator import PaperAnimator
from avatar_core.models.paper.face_crop import FaceCropper, cut_square
from avatar_core.models.paper.networks import PaperNetworks
from avatar_core.models.paper.preprocess import ENCODER_FOV, WIDE_FOV, person_on_black, to_network
from avatar_core.motion import Gains, HeadPose, Motion
from avatar_core.paper_engine import PaperEngine
from avatar_core.performance import motion_at
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.landmarker import Landmarker
from avatar_core.tracking.photo_face import PhotoFaceFinder
from tests.app.conftest import write_video
from tests.conftest import WEIGHTS
from tests.models.paper import rule


@pytest.fixture(scope="module")
def centred(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The imported file with the Gaussians' mean position in front of the camera."""
    networks = PaperNetworks.load(imported)
    output = networks.gaussian_decoder.output
    output.weight[RAW_POSITION] -= output.weight[RAW_POSITION].mean(1, keepdim=True)
    output.weight[RAW_POSITION] *= 0.3
    path = tmp_path_factory.mktemp("centred") / "paper.safetensors"
    networks.save(path)
    return path


@pytest.fixture(scope="module")
def paper_engine(centred: Path) -> Iterator[PaperEngine]:
    made = PaperEngine.from_checkpoint(centred, WEIGHTS, "cpu")
    yield made
    made.close()


@pytest.fixture(scope="module")
def paper_avatar(paper_engine: PaperEngine, portrait: NDArray[np.uint8]) -> Avatar:
    return paper_engine.encode(portrait)


@pytest.fixture(scope="module")
def face_landmarks(face_model: FaceModel, portrait: NDArray[np.uint8]) -> NDArray[np.float32]:
    finder = PhotoFaceFinder(face_model)
    found = finder.find(portrait).landmarks
    finder.close()
    return found


def test_the_person_stands_on_black_and_smaller_in_the_wide_crop(
    portrait: NDArray[np.uint8], face_landmarks: NDArray[np.float32]
) -> None:
    wide = person_on_black(portrait, face_landmarks, WIDE_FOV)
    close = person_on_black(portrait, face_landmarks, ENCODER_FOV["ray"])
    for picture in (wide, close):
        assert picture.shape == (CROP_SIZE, CROP_SIZE, 3)
        assert int(picture[:40].max()) == 0  # nothing is left of the wall above the head
        assert int(picture[236:276, 236:276].min()) > 0  # the face is whole
    covered = [float((picture.max(axis=2) > 0)[: CROP_SIZE // 2].mean()) for picture in (wide, close)]
    assert covered[0] < covered[1]


def test_the_close_crop_is_what_the_default_camera_sees(
    portrait: NDArray[np.uint8], face_landmarks: NDArray[np.float32]
) -> None:
    close, wide = (cut_view(portrait, face_landmarks, fov) for fov in (DEFAULT_FOV, WIDE_FOV))
    canvas = cut_canvas(portrait, face_landmarks)
    assert np.allclose(close.image_to_crop, canvas.image_to_crop)
    assert np.abs(close.image[60:450, 60:450].astype(int) - inner_crop(canvas.image)[60:450, 60:450]).mean() < 1
    half = CROP_SIZE / 2
    ratio = focal_from_fov(WIDE_FOV) / focal_from_fov(DEFAULT_FOV)
    assert np.allclose(wide.landmarks[:, :2] - half, ratio * (close.landmarks[:, :2] - half))
    assert np.allclose(wide.landmarks[:, 2], ratio * close.landmarks[:, 2])


def test_pictures_enter_the_networks_between_minus_one_and_one() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[0, 0, 1] = 255
    tensor = to_network(picture, torch.device("cpu"), torch.float32)
    assert tensor.shape == (1, 3, 4, 4)
    assert float(tensor[0, 1, 0, 0]) == 1.0
    assert float(tensor.min()) == -1.0


def test_the_motion_crop_holds_the_face(portrait: NDArray[np.uint8], face_landmarks: NDArray[np.float32]) -> None:
    cropper = FaceCropper()
    crop = cropper.crop(portrait, face_landmarks)
    cropper.close()
    assert crop.shape == (224, 224, 3)
    with Landmarker(video=False) as landmarker:
        (found,) = landmarker.find(crop)
    features = found[[33, 263, 61, 291, 1], :2]  # eye corners, mouth corners, tip of the nose
    assert features.min() > 15 and features.max() < 209
    assert float(np.ptp(features[:, 0])) > 70


def test_a_crop_beyond_the_picture_is_black_there() -> None:
    crop = cut_square(np.full((100, 100, 3), 255, np.uint8), np.array([0.0, 50.0]), 60)
    assert int(crop[:, :100].max()) == 0
    assert int(crop[:, 124:].min()) == 255


def test_the_folded_frame_equation_is_phi_of_f_plus_psi(paper_engine: PaperEngine, paper_avatar: Avatar) -> None:
    networks = paper_engine.runtime.networks
    assert paper_avatar.motion_code is not None
    driver = rule.codes()[0]
    animator = PaperAnimator(paper_avatar, networks, torch.device("cpu"))
    planar = animator.animate(driver.numpy(), HeadPose()).planar
    psi = networks.motion_decoder(paper_avatar.m, torch.from_numpy(paper_avatar.motion_code), driver)
    expected = activate(networks.gaussian_decoder(paper_avatar.f + psi))
    for rows in (MEAN, SCALE, QUATERNION, slice(OPACITY, OPACITY + 1), COLOR):
        assert float((planar[rows] - expected[rows]).abs().max() / expected[rows].std()) < 1e-4


def test_rest_attributes_are_the_decoded_features(paper_engine: PaperEngine, paper_avatar: Avatar) -> None:
    decoded = activate(paper_engine.runtime.networks.gaussian_decoder(paper_avatar.f))
    assert torch.allclose(paper_avatar.rest[MEAN], decoded[MEAN], atol=1e-5)
    assert torch.allclose(paper_avatar.rest[SCALE].exp(), decoded[SCALE], atol=1e-6)
    assert torch.allclose(paper_avatar.rest[OPACITY].sigmoid(), decoded[OPACITY], atol=1e-5)


def test_a_face_in_a_frame_gives_a_code_and_moves_the_avatar(
    paper_engine: PaperEngine, paper_avatar: Avatar, portrait: NDArray[np.uint8]
) -> None:
    paper_engine.track.reset()
    motion = paper_engine.track(portrait)
    assert motion is not None and motion.code is not None
    assert motion.code.shape == (512,)
    assert set(paper_engine.track.last_timings) == {"track_landmarks", "track_face_crop", "track_motion_encoder"}
    assert paper_engine.track(np.zeros((240, 320, 3), np.uint8)) is None
    other = Motion(None, None, motion.activations, motion.gaze, HeadPose(), code=rule.codes()[1].numpy())
    still = paper_engine.render(paper_avatar, None, size=128)
    assert still.std() > 5
    assert np.abs(paper_engine.render(paper_avatar, other, size=128).astype(int) - still).mean() > 0.5
    faded = paper_engine.render(paper_avatar, other.faded(0.0), size=128)
    assert np.array_equal(faded, still)
    held = paper_engine.render(paper_avatar, other.with_gains(Gains(expression=0.0)), size=128)
    assert np.array_equal(held, still)


def test_a_scripted_performance_turns_the_head(paper_engine: PaperEngine, paper_avatar: Avatar) -> None:
    motion = max((motion_at(second) for second in range(8)), key=lambda motion: float(np.trace(-motion.pose.rotation)))
    still = paper_engine.render(paper_avatar, None, size=128).astype(int)
    assert np.abs(paper_engine.render(paper_avatar, motion, size=128) - still).mean() > 0.5


def test_an_avatar_survives_its_file_and_knows_its_networks(
    paper_engine: PaperEngine, paper_avatar: Avatar, engine: AvatarEngine, avatar: Avatar, tmp_path: Path
) -> None:
    paper_avatar.save(tmp_path / "paper.safetensors")
    loaded = paper_engine.load_avatar(tmp_path / "paper.safetensors")
    assert np.array_equal(
        paper_engine.render(loaded, None, size=128), paper_engine.render(paper_avatar, None, size=128)
    )
    with pytest.raises(AvatarFileError, match="--model paper"):
        engine.load_avatar(tmp_path / "paper.safetensors")
    avatar.save(tmp_path / "ours.safetensors")
    assert load_avatar(tmp_path / "ours.safetensors").motion_code is None
    with pytest.raises(AvatarFileError, match="Start without --model paper"):
        paper_engine.load_avatar(tmp_path / "ours.safetensors")


def test_the_program_runs_headless_from_photo_to_video(
    centred: Path, portrait: NDArray[np.uint8], tmp_path: Path
) -> None:
    video = write_video(tmp_path / "driver.mp4", [np.roll(portrait, 4 * index, axis=1) for index in range(3)])
    report = tmp_path / "report.json"
    arguments = ["--headless", "--model", "paper", "--checkpoint", str(centred), "--driver", str(video)]
    arguments += ["--size", "128", "--out", str(tmp_path / "out.mp4"), "--report", str(report), "--device", "cpu"]
    assert main(arguments) == 0
    figures = json.loads(report.read_text())
    assert figures["model"] == "paper"
    assert figures["frames"] == 3 and figures["frames_without_face"] == 0
    assert 0 < figures["gaussians"] <= 512 * 512
    for stage in ("cut_out", "encoder", "instantiation", "motion_encoder"):
        assert figures["encode_milliseconds"][stage] > 0
    stages = ("read", "track", "track_landmarks", "track_face_crop", "track_motion_encoder", "animate", "rasterise")
    for stage in (*stages, "compose", "write"):
        assert figures["milliseconds"][stage]["median"] > 0


def test_the_benchmark_prints_every_stage(imported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--checkpoint", str(imported), "--device", "cpu", "--repeats", "1"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["gaussians"] == 512 * 512
    for stage in ("encoder_ms", "instantiation_ms", "motion_encoder_ms", "animate_ms", "networks_mb", "avatar_mb"):
        assert figures[stage] > 0


def test_a_checkpoint_without_its_model_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = str(tmp_path / "out.mp4")
    assert main(["--headless", "--checkpoint", "any.pth", "--seconds", "1", "--out", out]) == 2
    assert "--model paper" in capsys.readouterr().err
    assert main(["--headless", "--model", "paper", "--seconds", "1", "--out", out]) == 2
    assert "authors' checkpoint" in capsys.readouterr().err
