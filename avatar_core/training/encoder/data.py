"""Makes the encoder's training set.

    python -m avatar_core.training.encoder.data --data DIR --out DIR [--shots 10] [--processes 2]

For each portrait: the photo itself, and ``--shots`` pictures of random identities made from it (another head shape,
face texture, light, hair, expression, place and distance of the camera, background). Files that exist are kept, so an
interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from avatar_core.errors import AvatarError
from avatar_core.image_io import load_image
from avatar_core.lift.canvas import CANVAS_SIZE, MARGIN_LEFT, MARGIN_TOP
from avatar_core.lift.relief import build_relief
from avatar_core.models.networks import NAMED_COUNT
from avatar_core.rendering import create
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.training.encoder.config import EncoderSettings, load_config
from avatar_core.training.encoder.identities import portrait_files, split, teacher_avatars
from avatar_core.training.encoder.pictures import Shot, picture, surface_of
from avatar_core.training.encoder.samples import Sample, encode_sample, make_sample, write_sample
from avatar_core.training.expression_sampling import random_combinations
from avatar_core.training.teacher.avatar import TeacherAvatar
from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher.portrait import load_portrait
from avatar_core.training.teacher.variation import vary
from avatar_core.training.teacher_geometry import TrainingDataError

YAW_SPREAD, PITCH_SPREAD, LARGEST_TURN = 14.0, 6.0, 32.0  # degrees
DISTANCE_SPREAD = 0.18  # of the logarithm
KEPT_EXPRESSION = 0.4  # share of the shots with the photo's own expression
DONORS = 6
HELD_OUT_SHOTS = 3

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the samples; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make the encoder's training set.")
    parser.add_argument("--data", type=Path, required=True, help="folder with portraits_synthetic and the ICT files")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=None)
    parser.add_argument("--shots", type=int, default=10, help="random pictures per portrait")
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
    jobs = [("train", path, options.shots) for path in training]
    jobs += [("held_out", path, HELD_OUT_SHOTS) for path in held_out]
    for kind in ("train", "held_out"):
        (options.out / kind).mkdir(parents=True, exist_ok=True)
    shares = [(options, config, jobs[k :: options.processes]) for k in range(options.processes)]
    if options.processes == 1:
        _work(shares[0])
        return
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for _ in pool.imap_unordered(_work, shares):
            pass


def _work(share: tuple[argparse.Namespace, EncoderSettings, list[tuple[str, Path, int]]]) -> None:
    options, config, jobs = share
    model = TeacherModel.load(options.data)
    face_model = FaceModel.load(options.weights / "face_model.safetensors")
    maker = SampleMaker(options.data, model, face_model, config.seed)
    for kind, path, shots in tqdm(jobs, desc="portraits", smoothing=0):
        for index in range(shots + 1):
            target = options.out / kind / f"{path.stem}_{index:02d}.safetensors"
            if target.exists():
                continue
            try:
                sample = maker.sample(path, index)
            except AvatarError as error:
                _log.warning("left out: %s", error)
                continue
            if sample is not None:
                write_sample(sample, target)


class SampleMaker:
    """Makes the samples of one portrait after the other; the same number gives the same sample."""

    def __init__(self, data: Path, model: TeacherModel, face_model: FaceModel, seed: int) -> None:
        self._files = portrait_files(data)
        self._model, self._face_model, self._seed = model, face_model, seed
        self._finder = PhotoFaceFinder(face_model)
        self._rasterizer = create("cpu")
        self._path: Path | None = None
        self._avatar: TeacherAvatar | None = None
        self._others: list[TeacherAvatar] = []
        self._backgrounds: list[NDArray[np.uint8]] = []

    def sample(self, path: Path, index: int) -> Sample | None:
        """Sample ``index`` of a portrait, 0 being the photo itself; None where the teacher does not fit it."""
        if self._path != path:
            self._take(path)
        if self._avatar is None:
            return None
        if index == 0:
            return self._photo(path, self._avatar)
        rng = np.random.default_rng([self._seed, int.from_bytes(path.stem.encode()[-6:], "little"), index])
        person = vary(self._avatar, rng, self._others)
        shot = random_shot(person, rng)
        background = self._backgrounds[int(rng.integers(len(self._backgrounds)))]
        rgb, surface = picture(person, shot, self._rasterizer, background)
        return make_sample(rgb, surface, self._face_model, self._finder)

    def _take(self, path: Path) -> None:
        found = dict(teacher_avatars([path], self._model, self._face_model, self._finder))
        self._path, self._avatar = path, found.get(path)
        if self._avatar is None:
            return
        portrait = load_portrait(path, self._face_model, self._finder)
        ground = np.asarray(cv2.GaussianBlur(portrait.image, (0, 0), 12), np.uint8)
        self._backgrounds = [*self._backgrounds[-DONORS:], ground]
        self._others = [*self._others[-DONORS:], self._avatar]

    def _photo(self, path: Path, avatar: TeacherAvatar) -> Sample:
        image = load_image(path)
        relief = build_relief(image, self._finder.find(image).landmarks, self._face_model, lambda stage, share: None)
        surface = surface_of(avatar, avatar.source_activations, avatar.camera, CANVAS_SIZE)
        canvas_to_crop = np.column_stack([np.eye(2), [-MARGIN_LEFT, -MARGIN_TOP]])
        return encode_sample(relief, surface, canvas_to_crop)


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
