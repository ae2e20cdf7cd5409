"""Training samples of the encoder: one file each, half-precision maps and bytes.

In: a picture and the surface that it shows. Out: safetensors with the encoder's inputs and targets.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from avatar_core.atomic_file import replacing
from avatar_core.lift.relief import Relief, build_relief
from avatar_core.models.encoder.guide import build_guide
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.training.encoder.targets import TeacherSurface, make_targets
from avatar_core.training.teacher_geometry import TrainingDataError

Sample = dict[str, NDArray[np.generic]]
HALVES = ("maps", "correction", "radius")
BYTES = ("front", "back", "coverage", "correction_weight", "radius_weight", "presence", "colour", "colour_weight")
NAMES = ("canonical_to_head", *HALVES, *BYTES)


def make_sample(
    picture: NDArray[np.uint8], surface: TeacherSurface, face_model: FaceModel, finder: PhotoFaceFinder
) -> Sample:
    """Inputs and targets of one picture.

    Raises:
        NoFaceError: the detector finds no face in it.
        TrainingDataError: a number of the sample is not finite.
    """
    landmarks = finder.find(picture).landmarks
    relief = build_relief(picture, landmarks, face_model, lambda stage, share: None)
    return encode_sample(relief, surface)


def encode_sample(
    relief: Relief, surface: TeacherSurface, picture_to_crop: NDArray[np.float64] | None = None
) -> Sample:
    """The sample of a lifted picture; ``picture_to_crop`` as for `make_targets`.

    Raises:
        TrainingDataError: a number of it is not finite.
    """
    guide = build_guide(relief)
    targets = make_targets(relief, surface, picture_to_crop)
    arrays = {**vars(guide), **vars(targets)}
    for name in NAMES:
        if not np.isfinite(arrays[name]).all():
            raise TrainingDataError(f"{name} of a sample is not finite")
    sample: Sample = {"canonical_to_head": guide.canonical_to_head.astype(np.float32)}
    for name in HALVES:
        sample[name] = arrays[name].astype(np.float16)
    for name in BYTES:
        sample[name] = np.round(255 * np.clip(arrays[name], 0, 1)).astype(np.uint8)
    return sample


def write_sample(sample: Sample, path: Path) -> None:
    """Write to ``path``, whole or not at all."""
    with replacing(path) as temporary:
        save_file({name: np.ascontiguousarray(values) for name, values in sample.items()}, str(temporary))


def read_sample(path: Path) -> Sample:
    """The arrays of a sample file.

    Raises:
        TrainingDataError: it was made by another version of this program.
    """
    sample = dict(load_file(str(path)))
    if set(sample) != set(NAMES):
        raise TrainingDataError(
            f"{path}: a sample of another version. Make them anew, in an empty folder, with "
            "python -m avatar_core.training.encoder.data."
        )
    return sample
