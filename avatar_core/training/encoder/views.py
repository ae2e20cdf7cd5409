"""Pictures of held-out teacher identities from several sides and under new expressions, to measure encoders on.

    python -m avatar_core.training.encoder.views --data DIR --out DIR

One folder per identity: source.png, the true views (RGBA, premultiplied), drivers' pictures, and views.json, which
`python -m avatar_core.evaluate --views DIR` reads: cameras and landmarks in one space.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.camera import Camera
from avatar_core.errors import AvatarError
from avatar_core.models.networks import NAMED_COUNT
from avatar_core.motion import ACTIVATION_NAMES
from avatar_core.rendering import create
from avatar_core.rendering.rasterizer import Rasterizer
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.training.encoder.config import load_config
from avatar_core.training.encoder.identities import portrait_files, split, teacher_avatars
from avatar_core.training.encoder.pictures import WIDER, Shot, picture, shot_camera
from avatar_core.training.teacher.avatar import TeacherAvatar
from avatar_core.training.teacher.model import TeacherModel
from avatar_core.training.teacher.variation import vary

SIZE = 512
TURNS = {
    "0": [(0.0, 0.0)],
    "15-30": [(-22.0, 0.0), (22.0, 0.0), (-15.0, 8.0), (28.0, -6.0)],
    "30-50": [(-40.0, 0.0), (40.0, 0.0), (-32.0, -8.0), (48.0, 6.0)],
}
EXPRESSIONS: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.6, "browInnerUp_L": 0.8, "browInnerUp_R": 0.8},
    {"mouthSmile_L": 0.9, "mouthSmile_R": 0.9},
    {"eyeBlink_L": 1.0, "eyeBlink_R": 1.0},
    {"mouthPucker": 0.9, "browDown_L": 0.7, "browDown_R": 0.7},
)
HEAD_FROM = -9.0  # cm: the teacher's skin above this height is head


def make_views(name: str, avatar: TeacherAvatar, out: Path, rasterizer: Rasterizer) -> None:
    """Write one identity's folder."""
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    source = Shot(avatar.source_activations, avatar.source_gaze)
    rgb, _ = picture(avatar, source, rasterizer)
    _write(folder / "source.png", rgb)
    entries = []
    for kind, turns in TURNS.items():
        for number, (yaw, pitch) in enumerate(turns):
            shot = Shot(avatar.source_activations, avatar.source_gaze, yaw, pitch)
            entries.append(_view(avatar, shot, f"{kind}_{number}", kind, rasterizer, folder))
    calm = Shot(_named({}), avatar.source_gaze)
    _write(folder / "calm.png", picture(avatar, calm, rasterizer)[0])
    for number, values in enumerate(EXPRESSIONS):
        shot = Shot(_named(values), avatar.source_gaze)
        entry = _view(avatar, shot, f"expression_{number}", "expression", rasterizer, folder)
        _write(folder / f"driver_{number}.png", picture(avatar, shot, rasterizer)[0])
        entries.append({**entry, "drivers": ["calm.png"] * 3 + [f"driver_{number}.png"]})
    landmarks = avatar.landmarks(avatar.source_activations)
    listing = {"landmarks": landmarks.tolist(), "source": _entry(shot_camera(avatar.camera, source, WIDER))}
    (folder / "views.json").write_text(json.dumps({**listing, "views": entries}))


def _view(
    avatar: TeacherAvatar, shot: Shot, name: str, kind: str, rasterizer: Rasterizer, folder: Path
) -> dict[str, object]:
    camera = shot_camera(avatar.camera, shot, WIDER)
    rgba = rasterizer.render(avatar.gaussians(shot.activations, shot.gaze), camera, SIZE, SIZE).numpy()
    head = _head_mask(avatar, shot, camera) & (rgba[..., 3] > 0.5)
    _write(folder / f"{name}.png", np.round(255 * np.clip(rgba, 0, 1)).astype(np.uint8))
    _write(folder / f"{name}_head.png", (255 * head).astype(np.uint8))
    return {"file": f"{name}.png", "head": f"{name}_head.png", "kind": kind, **_entry(camera)}


def _entry(camera: Camera) -> dict[str, object]:
    return {"cam2world": camera.cam2world.tolist(), "intrinsics": camera.intrinsics.tolist()}


def _head_mask(avatar: TeacherAvatar, shot: Shot, camera: Camera) -> NDArray[np.bool_]:
    """(S, S) where head, hair or ears are, whatever hides them."""
    vertices = avatar.vertices(shot.activations)
    placed = np.round(16 * (camera.project(vertices, SIZE, SIZE) - 0.5)).astype(np.int32)
    chosen = avatar.skin_triangles[(vertices[avatar.skin_triangles][:, :, 1] > HEAD_FROM).all(1)]
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for triangle in placed[chosen]:
        cv2.fillConvexPoly(mask, triangle, (1,), shift=4)
    return mask > 0


def _named(values: dict[str, float]) -> NDArray[np.float64]:
    activations = np.zeros(NAMED_COUNT)
    for name, value in values.items():
        activations[ACTIVATION_NAMES.index(name)] = value
    return activations


def _write(path: Path, picture_array: NDArray[np.uint8]) -> None:
    code = {2: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    channels = 2 if picture_array.ndim == 2 else picture_array.shape[2]
    conversion = code[channels]
    cv2.imwrite(str(path), picture_array if conversion is None else cv2.cvtColor(picture_array, conversion))


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the view set; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make pictures of held-out teacher identities.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=None)
    parser.add_argument("--weights", type=Path, default=Path("weights"))
    options = parser.parse_args(arguments)
    try:
        config = load_config(options.config)
        _, held_out = split(portrait_files(options.data), config.held_out)
        model = TeacherModel.load(options.data)
        face_model = FaceModel.load(options.weights / "face_model.safetensors")
        rasterizer = create("cpu")
        rng = np.random.default_rng(config.seed)
        for path, avatar in teacher_avatars(held_out, model, face_model, PhotoFaceFinder(face_model)):
            make_views(path.stem, vary(avatar, rng, []), options.out, rasterizer)
            print(path.stem, flush=True)
    except AvatarError as error:
        parser.exit(2, f"{error}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
