"""Makes the encoder's training set.

    python -m avatar_core.training.encoder.data --data DIR --out DIR [--shots 10] [--bends 14] [--bent-shots 3]

For each portrait: the photo itself, and ``--shots`` pictures of random identities made from it (another head shape,
face texture, light, hair, expression, place and distance of the camera, background). Then the same for ``--bends``
photos bent into other people's (see `warping`), with ``--bent-shots`` pictures each. Files that exist are kept, so an
interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from avatar_core.errors import AvatarError
from avatar_core.image_io import load_image
from avatar_core.lift.canvas import CANVAS_SIZE, MARGIN_LEFT, MARGIN_TOP, inner_crop
from avatar_core.lift.relief import build_relief
from avatar_core.models.networks import NAMED_COUNT
from avatar_core.rendering import create
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.training.encoder.config import EncoderSettings, load_config
from avatar_core.training.encoder.identities import portrait_files, split, teacher_avatar
from avatar_core.training.encoder.pictures import Shot, picture, surface_of
from avatar_core.training.encoder.samples import Sample, encode_sample, make_sample, write_sample
from avatar_core.training.encoder.warping import bend
from avatar_core.training.expression_sampling import random_combinations
from avatar_core.training.teacher.avatar import TeacherAvatar
from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher.portrait import cut_portrait
from avatar_core.training.teacher.variation import vary
from avatar_core.training.teacher_geometry import TrainingDataError

YAW_SPREAD, PITCH_SPREAD, LARGEST_TURN = 14.0, 6.0, 32.0  # degrees
DISTANCE_SPREAD = 0.18  # of the logarithm
KEPT_EXPRESSION = 0.4  # share of the shots with the photo's own expression
DONORS = 6
TRAIN, HELD_OUT = "train", "held_out"
HELD_OUT_SHOTS = 3

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the samples; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make the encoder's training set.")
    parser.add_argument("--data", type=Path, required=True, help="folder with portraits_synthetic and the ICT files")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=None)
    parser.add_argument("--shots", type=int, default=10, help="random pictures per portrait")
    parser.add_argument("--bends", type=int, default=14, help="bent photos per training portrait")
    parser.add_argument("--bent-shots", type=int, default=3, help="random pictures per bent photo")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--weights", type=Path, default=Path("weights"))
    options = parser.parse_args(arguments)
    try:
        make_dataset(options)
    except (TrainingDataError, AvatarError) as error:
        parser.exit(2, f"{error}\n")
    return 0


def make_dataset(options: argparse.Namespace) -> None:
    """All samples, shared out over processes."""
    config = load_config(options.config)
    files = portrait_files(options.data)
    training, held_out = split(files, config.held_out)
    jobs = [Job(TRAIN, path, 0, options.shots) for path in training]
    jobs += [Job(TRAIN, path, bent, options.bent_shots) for bent in range(1, options.bends + 1) for path in training]
    jobs += [Job(HELD_OUT, path, 0, HELD_OUT_SHOTS) for path in held_out]
    for kind in (TRAIN, HELD_OUT):
        (options.out / kind).mkdir(parents=True, exist_ok=True)
    shares = [(options, config, jobs[k :: options.processes]) for k in range(options.processes)]
    if options.processes == 1:
        _work(shares[0])
        return
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for _ in pool.imap_unordered(_work, shares):
            pass


@dataclass(frozen=True)
class Job:
    """The samples of one photo: ``shots`` random pictures, and itself. ``bent``: 0 as it is, else how it is bent."""

    kind: str
    path: Path
    bent: int
    shots: int

    def target(self, out: Path, index: int) -> Path:
        """The file of sample ``index``."""
        bent = f"_b{self.bent}" if self.bent else ""
        return out / self.kind / f"{self.path.stem}{bent}_{index:02d}.safetensors"


def _work(share: tuple[argparse.Namespace, EncoderSettings, list[Job]]) -> None:
    options, config, jobs = share
    model = TeacherModel.load(options.data)
    face_model = FaceModel.load(options.weights / "face_model.safetensors")
    maker = SampleMaker(model, face_model, config.seed)
    for job in tqdm(jobs, desc="photos", smoothing=0):
        for index in range(job.shots + 1):
            target = job.target(options.out, index)
            if target.exists():
                continue
            try:
                sample = maker.sample(job, index)
            except AvatarError as error:
                _log.warning("left out: %s: %s", target.stem, error)
                continue
            if sample is not None:
                write_sample(sample, target)


class SampleMaker:
    """Makes the samples of one photo after the other.

    The same number gives the same sample but for what others lend it: faces and backgrounds of the last few photos.
    """

    def __init__(self, model: TeacherModel, face_model: FaceModel, seed: int) -> None:
        self._model, self._face_model, self._seed = model, face_model, seed
        self._finder = PhotoFaceFinder(face_model)
        self._rasterizer = create("cpu")
        self._job: Job | None = None
        self._photo: _Photo | None = None
        self._others: list[TeacherAvatar] = []
        self._backgrounds: list[NDArray[np.uint8]] = []

    def sample(self, job: Job, index: int) -> Sample | None:
        """Sample ``index`` of a photo, 0 being the photo itself; None where the teacher does not fit it.

        Raises:
            AvatarError: the photo cannot be read or shows no face, or a number of the sample is not finite.
        """
        if self._job != job:
            self._lend()
            self._job, self._photo = job, None
            self._photo = self._take(job)
        if self._photo is None:
            return None
        if index == 0:
            return self._itself(self._photo)
        rng = self._rng(job, index)
        person = vary(self._photo.avatar, rng, self._others)
        shot = random_shot(person, rng)
        backgrounds = [*self._backgrounds, self._photo.background]
        background = backgrounds[int(rng.integers(len(backgrounds)))]
        rgb, surface = picture(person, shot, self._rasterizer, background)
        return make_sample(rgb, surface, self._face_model, self._finder)

    def _rng(self, job: Job, index: int) -> np.random.Generator:
        name = int.from_bytes(job.path.stem.encode()[-6:], "little")
        return np.random.default_rng([self._seed, name, index, *([job.bent] if job.bent else [])])

    def _lend(self) -> None:
        """Let later photos have the last one's face and background; a held-out person lends nothing."""
        if self._job is None or self._photo is None or self._job.kind != TRAIN:
            return
        self._others = [*self._others, self._photo.avatar][-DONORS:]
        self._backgrounds = [*self._backgrounds, self._photo.background][-DONORS:]

    def _take(self, job: Job) -> _Photo | None:
        image = load_image(job.path)
        landmarks = self._finder.find(image).landmarks
        if job.bent:
            image = bend(image, landmarks, self._rng(job, 0))
            landmarks = self._finder.find(image).landmarks
        portrait = cut_portrait(image, landmarks, self._face_model, wide=True)
        avatar = teacher_avatar(portrait, f"{job.path.name}, bent {job.bent}", self._model)
        if avatar is None:
            return None
        ground = np.asarray(cv2.GaussianBlur(inner_crop(portrait.image), (0, 0), 12), np.uint8)
        return _Photo(image, landmarks, avatar, ground)

    def _itself(self, photo: _Photo) -> Sample:
        relief = build_relief(photo.image, photo.landmarks, self._face_model, lambda stage, share: None)
        avatar = photo.avatar
        surface = surface_of(avatar, avatar.source_activations, avatar.camera, CANVAS_SIZE)
        canvas_to_crop = np.column_stack([np.eye(2), [-MARGIN_LEFT, -MARGIN_TOP]])
        return encode_sample(relief, surface, canvas_to_crop)


@dataclass(frozen=True)
class _Photo:
    image: NDArray[np.uint8]
    landmarks: NDArray[np.floating]
    avatar: TeacherAvatar
    background: NDArray[np.uint8]


def random_shot(avatar: TeacherAvatar, rng: np.random.Generator) -> Shot:
    """A training view and expression."""
    activations, gaze = avatar.source_activations, avatar.source_gaze
    if rng.random() > KEPT_EXPRESSION:
        drawn = random_combinations(1, NAMED_COUNT + 4, rng)[0]
        activations = np.clip(0.5 * activations + drawn[:NAMED_COUNT], 0, 1)
        gaze = drawn[NAMED_COUNT:].reshape(2, 2).astype(np.float64)
    return Shot(
        activations=activations,
        gaze=gaze,
        yaw=float(np.clip(rng.normal(0, YAW_SPREAD), -LARGEST_TURN, LARGEST_TURN)),
        pitch=float(np.clip(rng.normal(0, PITCH_SPREAD), -LARGEST_TURN, LARGEST_TURN)),
        distance=float(np.exp(rng.normal(0, DISTANCE_SPREAD))),
    )


if __name__ == "__main__":
    raise SystemExit(main())
