"""Self-reenactment: a clip's first frame becomes the avatar, the clip drives it, and each render is held against
the frame it should show. Landmarks are detected on the render again, so the whole chain is measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar_core.avatar import Avatar
from avatar_core.camera import Camera
from avatar_core.engine import AvatarEngine
from avatar_core.errors import NoFaceError
from avatar_core.evaluation.metrics import correlation_and_slope, jitter, psnr, ssim
from avatar_core.evaluation.sheets import tile
from avatar_core.lift import lift
from avatar_core.tracking.face_model import image_to_axes_up
from avatar_core.tracking.landmarker import Landmarker
from avatar_core.tracking.measures import brow_raise, mean_eye_opening, mouth_opening, mouth_width
from avatar_core.tracking.neutral_stream import POSE_FRAMES
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.tracking.topology import MESH_COUNT

SIZE = 512
SCORED_FRAMES = 40  # frames per clip that enter PSNR and SSIM
STILL_FRAMES = 60
SENSOR_NOISE = 2.0  # standard deviation of the grey levels added to a repeated frame
MEASURES = {
    "mouth_opening": mouth_opening,
    "mouth_width": mouth_width,
    "eye_opening": mean_eye_opening,
    "brow_raise": brow_raise,
}


@dataclass(frozen=True)
class Reenactment:
    """Figures of one clip (distances in inter-ocular distances) and rows of its contact sheet."""

    name: str
    frames: int
    lost: int
    landmark_error: float
    psnr_face: float
    ssim_face: float
    jitter: float
    correlation: dict[str, float]
    slope: dict[str, float]
    rows: list[list[NDArray[np.uint8]]]


def read_frames(path: Path, limit: int) -> Iterator[NDArray[np.uint8]]:
    """RGB frames of a video, ``limit`` at most."""
    capture = cv2.VideoCapture(str(path))
    try:
        for _ in range(limit):
            read, frame = capture.read()
            if not read:
                return
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8)
    finally:
        capture.release()


def self_reenact(engine: AvatarEngine, path: Path, limit: int = 150, columns: int = 8) -> Reenactment:
    """Figures of one clip.

    Raises:
        NoFaceError: the first frame shows no usable face, or hardly any frame does.
    """
    frames = list(read_frames(path, limit))
    if not frames:
        raise NoFaceError(f"{path}: no frame can be read")
    avatar = engine.encode(frames[0])
    to_crop = _pixel_transform(engine, frames[0])
    engine.track.reset()
    for _ in range(POSE_FRAMES):  # the avatar is the first frame: its pose is the rest pose
        engine.track(frames[0])
    driver_faces, shown_faces, shown_pictures, wanted_pictures, boxes, kept = [], [], [], [], [], []
    with Landmarker(video=True) as detector:
        for index, frame in enumerate(frames):
            motion = engine.track(frame)
            if motion is None or motion.image_landmarks is None:
                continue
            shown = engine.render(avatar, motion, Camera.orbit(), SIZE, "photo")
            found = detector.find(shown)
            wanted = cv2.warpAffine(frame, to_crop, (SIZE, SIZE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
            if not found or engine.track.last_landmarks is None:
                continue
            driver_faces.append(engine.face_model.canonicalise(image_to_axes_up(engine.track.last_landmarks))[0])
            shown_faces.append(engine.face_model.canonicalise(image_to_axes_up(found[0]))[0])
            shown_pictures.append(shown)
            wanted_pictures.append(wanted.astype(np.uint8))
            in_crop = motion.image_landmarks @ to_crop[:, :2].T + to_crop[:, 2]
            boxes.append(np.stack([in_crop.min(0), in_crop.max(0)]))
            kept.append(index)
    if len(kept) < 5:
        raise NoFaceError(f"{path}: a face was found in {len(kept)} of {len(frames)} frames only")

    driver, shown_landmarks = np.array(driver_faces), np.array(shown_faces)
    error = np.linalg.norm((driver - shown_landmarks)[:, :MESH_COUNT, :2], axis=-1).mean()
    scores = []
    for index in range(0, len(kept), max(1, len(kept) // SCORED_FRAMES)):
        box = _face_box(boxes[index])
        shown_face, wanted_face = shown_pictures[index][box], wanted_pictures[index][box]
        scores.append((psnr(shown_face, wanted_face), ssim(shown_face, wanted_face)))
    correlation, slope = {}, {}
    for name, measure in MEASURES.items():
        pair = [np.array([measure(face) for face in faces]) for faces in (driver, shown_landmarks)]
        correlation[name], slope[name] = correlation_and_slope(pair[0], pair[1])
    picks = _telling_frames(driver, columns)
    rows = [
        [tile(wanted_pictures[i], 256, f"{path.stem} {kept[i]}") for i in picks],
        [tile(shown_pictures[i], 256) for i in picks],
    ]
    return Reenactment(
        path.name,
        len(frames),
        len(frames) - len(kept),
        float(error),
        float(np.mean([score[0] for score in scores])),
        float(np.mean([score[1] for score in scores])),
        still_jitter(engine, avatar, frames[0]),
        correlation,
        slope,
        rows,
    )


def _pixel_transform(engine: AvatarEngine, frame: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(2, 3) frame pixels to crop pixels for OpenCV, which counts from pixel centres."""
    finder = PhotoFaceFinder(engine.face_model)
    transform = lift(frame, finder.find(frame).landmarks, engine.face_model).image_to_crop.copy()
    finder.close()
    transform[:, 2] += 0.5 * transform[:, :2].sum(1) - 0.5
    return transform


def still_jitter(engine: AvatarEngine, avatar: Avatar, frame: NDArray[np.uint8]) -> float:
    """Jitter of the avatar's landmarks while one frame is repeated with sensor noise, once the filters have settled."""
    noise = np.random.default_rng(0)
    engine.track.reset()
    tracks = []
    for index in range(STILL_FRAMES):
        noisy = np.clip(frame + noise.normal(0, SENSOR_NOISE, frame.shape), 0, 255).astype(np.uint8)
        motion = engine.track(noisy)
        if motion is not None and index >= STILL_FRAMES // 3:
            tracks.append(engine.solver.landmark_displacement(engine.activations(avatar, motion)))
    return jitter(np.array(tracks, np.float64)[:, :MESH_COUNT]) if len(tracks) > 1 else float("nan")


def _face_box(corners: NDArray[np.float64]) -> tuple[slice, slice]:
    """Rows and columns of a box (2, 2) of low and high x, y, inside the picture."""
    low = np.clip(corners[0].astype(int), 0, SIZE - 16)
    high = np.clip(corners[1].astype(int), low + 16, SIZE)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _telling_frames(driver: NDArray[np.float64], count: int) -> list[int]:
    """The frames a viewer wants to see: extremes of each measure, then frames spread over the clip."""
    picks: list[int] = [0]
    for measure in MEASURES.values():
        values = np.array([measure(face) for face in driver])
        picks += [int(values.argmax()), int(values.argmin())]
    picks += [int(index) for index in np.linspace(0, len(driver) - 1, count)]
    return sorted(list(dict.fromkeys(picks))[:count])
