"""Encoders against known views: avatars of a source picture held against true pictures from other sides.

In: a folder of identities, each with views.json (see `avatar_core.training.encoder.views`). Out: figures per kind of
view: PSNR inside the true matte and inside the head, the silhouettes' overlap, and the same above the chin.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.avatar import Avatar
from avatar_core.camera import DEFAULT_RADIUS, Camera
from avatar_core.engine import AvatarEngine
from avatar_core.errors import AvatarError
from avatar_core.evaluation.metrics import psnr
from avatar_core.evaluation.sheets import tile
from avatar_core.lift.canvas import CROP_SIZE, FOCAL, cut_canvas
from avatar_core.motion import HeadPose, Motion
from avatar_core.tracking.align import Similarity
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.tracking.topology import CHIN, MESH_COUNT

GROUND = 128  # grey level behind both pictures


@dataclass(frozen=True)
class ViewFigures:
    """One view: its kind, PSNR in dB inside the true matte and inside the head, overlap (IoU) of the silhouettes, and
    the same above the chin: the head's, without clothes."""

    kind: str
    psnr: float
    psnr_head: float
    overlap: float
    overlap_head: float


def score_identity(engine: AvatarEngine, folder: Path) -> tuple[list[ViewFigures], list[NDArray[np.uint8]]]:
    """Figures of all views of one identity, and tiles: shown beside true.

    Raises:
        AvatarError: the folder is incomplete, or its source cannot be encoded.
    """
    try:
        listing = json.loads((folder / "views.json").read_text())
        landmarks, views = np.array(listing["landmarks"], np.float64), listing["views"]
    except (OSError, ValueError, KeyError) as error:
        raise AvatarError(f"{folder}: no usable views.json ({error}). Make the view set again.") from error
    source = np.ascontiguousarray(_read(folder / "source.png")[..., :3])
    avatar = engine.encode(source)
    to_head = _placement(engine, avatar, source, landmarks, _camera(listing["source"]))
    figures, tiles = [], [tile(source, 192, folder.name)]
    for view in views:
        truth, head = _read(folder / view["file"]), _read(folder / view["head"])[..., 0] > 127
        motion = _drive(engine, [folder / name for name in view.get("drivers", [])])
        true_camera = _camera(view)
        camera = _placed(true_camera, to_head)
        shown = _draw(engine, avatar, motion, camera, truth.shape[0])
        chin = int(true_camera.project(landmarks[[CHIN]], truth.shape[1], truth.shape[0])[0, 1])
        figures.append(_compare(view["kind"], shown, truth, head, chin))
        tiles += [tile(_on_grey(shown), 192, view["kind"]), tile(_on_grey(truth), 192, "true")]
    return figures, tiles


def summary(figures: list[ViewFigures]) -> dict[str, dict[str, float]]:
    """Means per kind of view."""
    result = {}
    for kind in dict.fromkeys(figure.kind for figure in figures):
        own = [figure for figure in figures if figure.kind == kind]
        result[kind] = {
            name: float(np.mean([getattr(figure, name) for figure in own]))
            for name in ("psnr", "psnr_head", "overlap", "overlap_head")
        }
    return result


def _read(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise AvatarError(f"{path}: the picture cannot be read. Make the view set again.")
    if picture.ndim == 2:
        return np.asarray(picture[..., None], np.uint8)
    code = cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(picture, code), np.uint8)


def _drive(engine: AvatarEngine, drivers: list[Path]) -> Motion | None:
    """The motion after a driver's pictures, without its head pose."""
    if not drivers:
        return None
    engine.track.reset()
    motion = None
    for path in drivers:
        motion = engine.track(np.ascontiguousarray(_read(path)[..., :3])) or motion
    if motion is None:
        raise AvatarError(f"{drivers[-1]}: no face was found in the driver's picture.")
    return replace(motion, pose=HeadPose())


def _camera(entry: dict[str, Any]) -> Camera:
    return Camera(np.array(entry["cam2world"]), np.array(entry["intrinsics"]))


def _placement(
    engine: AvatarEngine, avatar: Avatar, source: NDArray[np.uint8], landmarks: NDArray[np.float64], camera: Camera
) -> Similarity:
    """The truth's space in the avatar's head space.

    The source's ``camera`` and the default camera look the same way at the same pixels; the faces' depth and the scale
    of the avatar's crop settle the rest. ``landmarks`` (468, 3) of the truth.
    """
    finder = PhotoFaceFinder(engine.face_model)
    found = finder.find(source).landmarks
    finder.close()
    to_crop = cut_canvas(source, found).image_to_crop
    pixel = camera.pixel_intrinsics(source.shape[1], source.shape[0])
    level = float(np.median(avatar.landmarks[:MESH_COUNT, 2]))
    depth = float(np.median(landmarks @ camera.world2cam[2, :3] + camera.world2cam[2, 3]))
    per_pixel = (DEFAULT_RADIUS - level) / FOCAL
    scale = pixel[0, 0] * to_crop[0, 0] / depth * per_pixel
    middle = to_crop[:, :2] @ pixel[:2, 2] + to_crop[:, 2] - CROP_SIZE / 2
    axes = np.diag([1.0, -1.0, -1.0]) @ camera.world2cam[:3, :3]
    at_face = camera.cam2world[:3, 3] + depth * camera.cam2world[:3, 2]
    place = np.array([middle[0] * per_pixel, -middle[1] * per_pixel, level])
    return Similarity(scale, axes, place - scale * axes @ at_face)


def _placed(camera: Camera, to_head: Similarity) -> Camera:
    cam2world = np.eye(4)
    cam2world[:3, :3] = to_head.rotation @ camera.cam2world[:3, :3]
    cam2world[:3, 3] = to_head.apply(camera.cam2world[:3, 3])
    return Camera(cam2world, camera.intrinsics)


def _draw(engine: AvatarEngine, avatar: Avatar, motion: Motion | None, camera: Camera, size: int) -> NDArray[np.uint8]:
    """RGBA (size, size, 4), premultiplied."""
    rgba = engine.rasterizer.render(engine.gaussians(avatar, motion), camera, size, size).cpu().numpy()
    return np.round(255 * np.clip(rgba, 0, 1)).astype(np.uint8)


def _on_grey(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    behind = GROUND * (255 - rgba[..., 3:].astype(np.float32)) / 255
    return np.clip(np.round(rgba[..., :3] + behind), 0, 255).astype(np.uint8)


def _compare(
    kind: str, shown: NDArray[np.uint8], truth: NDArray[np.uint8], head: NDArray[np.bool_], chin: int
) -> ViewFigures:
    """``chin``: the row of the chin of the source's expression."""
    inside, drawn = truth[..., 3] > 127, shown[..., 3] > 127
    ours, theirs = _on_grey(shown), _on_grey(truth)
    return ViewFigures(
        kind,
        psnr(ours, theirs, inside),
        psnr(ours, theirs, head),
        _overlap(inside, drawn),
        _overlap(inside[: max(chin, 1)], drawn[: max(chin, 1)]),
    )


def _overlap(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return float((first & second).sum() / max((first | second).sum(), 1))
