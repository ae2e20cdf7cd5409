"""Batches: mirroring, order, and a training of a few steps on samples of the bundled portrait."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from avatar_core.camera import Camera
from avatar_core.errors import AvatarError
from avatar_core.lift.relief import Relief, build_relief
from avatar_core.models.encoder.layout import CENTRE
from avatar_core.models.encoder.network import EncoderNetwork
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.training.encoder import train
from avatar_core.training.encoder.batches import SampleSet, colour_changes, mirror
from avatar_core.training.encoder.config import load_config
from avatar_core.training.encoder.identities import split
from avatar_core.training.encoder.loss import encoder_loss
from avatar_core.training.encoder.samples import encode_sample, read_sample, write_sample
from avatar_core.training.encoder.targets import TeacherSurface
from avatar_core.training.teacher_geometry import TrainingDataError
from tests.training.encoder.test_targets import ball


@pytest.fixture(scope="module")
def relief(portrait: NDArray[np.uint8], face_model: FaceModel) -> Relief:
    """The bundled portrait, lifted."""
    finder = PhotoFaceFinder(face_model)
    landmarks = finder.find(portrait).landmarks
    finder.close()
    return build_relief(portrait, landmarks, face_model, lambda stage, share: None)


@pytest.fixture(scope="module")
def samples(relief: Relief, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two training samples and a held-out one: the portrait with balls of three sizes as its teachers."""
    folder = tmp_path_factory.mktemp("samples")
    vertices, triangles = ball()
    for name, radius in (("train/a", 0.95), ("train/b", 1.05), ("held_out/c", 1.0)):
        placed = relief.face.to_head.apply(CENTRE + radius * vertices)
        colour = np.full((len(placed), 3), radius / 2)
        surface = TeacherSurface(
            placed, triangles, relief.face.head[:468], placed, colour, np.ones(len(placed)), np.zeros((0, 3)),
            Camera.orbit(), 512,
        )  # fmt: skip
        path = folder / f"{name}.safetensors"
        path.parent.mkdir(exist_ok=True)
        write_sample(encode_sample(relief, surface, np.eye(2, 3)), path)
    return folder


def test_a_sample_survives_its_file(samples: Path) -> None:
    sample = read_sample(samples / "train" / "a.safetensors")
    assert sample["maps"].dtype == np.float16
    assert sample["front"].dtype == np.uint8


def test_a_sample_with_a_number_that_is_not_finite_is_refused(relief: Relief) -> None:
    vertices, triangles = ball()
    placed = relief.face.to_head.apply(vertices)
    surface = TeacherSurface(
        placed, triangles, relief.face.head[:468], placed, np.ones_like(placed), np.ones(len(placed)),
        np.zeros((0, 3)), Camera.orbit(), 512,
    )  # fmt: skip
    holed = np.full_like(relief.surfaces.back, np.nan)
    broken = replace(relief, surfaces=replace(relief.surfaces, back=holed))
    with pytest.raises(TrainingDataError, match="maps"):
        encode_sample(broken, surface, np.eye(2, 3))
    dark = replace(relief, far_colour=np.full_like(relief.far_colour, np.nan))
    with pytest.raises(TrainingDataError, match="back"):
        encode_sample(dark, surface, np.eye(2, 3))


def test_samples_of_another_version_are_refused_by_name(samples: Path, tmp_path: Path) -> None:
    sample = read_sample(samples / "train" / "a.safetensors")
    del sample["presence"]
    write_sample(sample, tmp_path / "old.safetensors")
    with pytest.raises(TrainingDataError, match=r"old\.safetensors.*another version"):
        SampleSet(tmp_path)


def test_mirroring_twice_changes_nothing_and_once_turns_the_head(samples: Path) -> None:
    batch = SampleSet(samples / "train").batch([0, 1])
    once, twice = mirror(batch), mirror(mirror(batch))
    for name, values in batch.items():
        assert torch.allclose(twice[name], values, atol=1e-6), name
    assert torch.allclose(once["canonical_to_head"][:, 0, 3], -batch["canonical_to_head"][:, 0, 3])


def test_the_loss_of_a_mirrored_batch_is_that_of_the_batch_for_a_mirrored_network(samples: Path) -> None:
    """An untrained network is its own mirror image, so both losses agree."""
    batch = SampleSet(samples / "train").batch([0, 1])
    network = EncoderNetwork()
    losses = []
    for values in (batch, mirror(batch)):
        prediction = network(values["maps"], values["canonical_to_head"])
        losses.append(encoder_loss(network, prediction, values, load_config().loss)[1])
    for name, value in losses[0].items():
        assert losses[1][name] == pytest.approx(value, rel=2e-2, abs=1e-4), name


def test_batches_do_not_depend_on_where_the_training_resumed(samples: Path) -> None:
    data = SampleSet(samples / "train")
    straight, resumed = data.shuffled(2, 0, 1, 5, 0), data.shuffled(2, 0, 1, 5, 3)
    batches = [next(straight) for _ in range(4)]
    assert torch.equal(batches[3]["maps"], next(resumed)["maps"])


def test_colour_changes_keep_grey_in_proportion_and_take_saturation_from_some() -> None:
    changes = colour_changes(400, np.random.default_rng(0))
    grey = changes @ np.full(3, 0.5)
    assert grey.std(axis=1).max() < 0.1 and grey.min() > 0.2
    red = changes @ np.array([1.0, 0.0, 0.0])
    pale = (red.max(1) - red.min(1)) < 0.8 * red.max(1)
    assert 0.08 < pale.mean() < 0.25


def test_a_training_goes_on_from_given_weights(samples: Path, tmp_path: Path) -> None:
    torch.manual_seed(4)
    start = EncoderNetwork()
    with torch.no_grad():
        start.correction.bias.fill_(0.25)
    start.save(tmp_path / "start.safetensors")
    task = train.EncoderTask(replace(load_config(), samples=samples, start=tmp_path / "start.safetensors"))
    assert isinstance(task.model, EncoderNetwork) and task.model.training
    assert float(task.model.correction.bias.detach()) == 0.25


def test_a_short_training_lowers_the_loss_and_writes_weights(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        f"samples={samples}", f"out={tmp_path / 'encoder.safetensors'}", f"loop.folder={tmp_path / 'run'}",
        "batch_size=2",
        "loop.steps=24", "loop.warm_up_steps=4", "loop.save_every=12", "loop.picture_every=24", "loop.log_every=6",
        "loop.accelerator=cpu", "loop.devices=1", "loop.learning_rate=3e-4", "loop.average_decay=0.5",
    ]  # fmt: skip
    assert train.main(words) == 0
    assert "held out" in capsys.readouterr().out
    EncoderNetwork.load(tmp_path / "encoder.safetensors")
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()
    column = rows[0].split(",").index("loss")
    losses = [float(row.split(",")[column]) for row in rows[1:]]
    assert losses[-1] < 0.9 * losses[0]


def test_missing_samples_are_told_with_the_way_to_make_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main([f"samples={tmp_path}"]) == 2
    assert "avatar_core.training.encoder.data" in capsys.readouterr().err


def test_unknown_settings_and_held_out_names_are_refused(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("stepps: 3\n")
    with pytest.raises(AvatarError, match="stepps"):
        load_config(config)
    with pytest.raises(AvatarError, match="nobody"):
        split([tmp_path / "017.jpg"], ["nobody"])
