"""Samples of photos as they are and bent."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avatar_core.tracking.face_model import FaceModel
from avatar_core.training.encoder.config import load_config
from avatar_core.training.encoder.data import Job, SampleMaker
from avatar_core.training.encoder.identities import portrait_files, split
from avatar_core.training.teacher.model import TeacherModel


def test_files_of_bent_photos_have_names_of_their_own() -> None:
    jobs = [Job("train", Path("a/015.jpg"), bent, 3) for bent in (0, 1, 2)]
    names = [job.target(Path("out"), index) for job in jobs for index in range(job.shots + 1)]
    assert len(set(names)) == len(names)
    assert names[0] == Path("out/train/015_00.safetensors")


def test_bent_photos_give_other_samples_and_the_same_ones_again(data_folder: Path, face_model: FaceModel) -> None:
    training, _ = split(portrait_files(data_folder), load_config().held_out)
    maker = SampleMaker(TeacherModel.load(data_folder), face_model, 0)
    plain, bent = Job("train", training[0], 0, 1), Job("train", training[0], 1, 1)
    first = {index: maker.sample(bent, index) for index in (0, 1)}
    straight = maker.sample(plain, 0)
    again = SampleMaker(TeacherModel.load(data_folder), face_model, 0).sample(bent, 0)
    assert straight is not None and again is not None
    for sample in first.values():
        assert sample is not None and set(sample) == set(straight)
        assert np.isfinite(sample["maps"].astype(np.float32)).all()
        assert np.abs(sample["radius"].astype(np.float32) - straight["radius"].astype(np.float32)).mean() > 0.005
    assert first[0] is not None
    assert all(np.array_equal(first[0][name], again[name]) for name in again)


def test_held_out_people_lend_nothing_to_those_who_train(data_folder: Path, face_model: FaceModel) -> None:
    training, held_out = split(portrait_files(data_folder), load_config().held_out)
    model = TeacherModel.load(data_folder)
    shots = [Job("train", training[0], 0, 4)] * 5
    alone, after = SampleMaker(model, face_model, 0), SampleMaker(model, face_model, 0)
    after.sample(Job("held_out", held_out[0], 0, 1), 0)
    for index, job in enumerate(shots):
        expected, sample = alone.sample(job, index), after.sample(job, index)
        assert expected is not None and sample is not None
        assert all(np.array_equal(expected[name], sample[name]) for name in expected)
