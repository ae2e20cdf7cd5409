"""The engine: photo -> avatar, frame -> motion, avatar + motion + camera -> picture.

    engine = AvatarEngine.from_pretrained("weights")
    avatar = engine.encode("portrait.jpg")
    rgb = engine.render(avatar, engine.track(frame), Camera.orbit(yaw=15))

Safe to call from several threads: `encode` and `render` may run side by side, two calls of one of them take turns.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from avatar_core.avatar import Avatar
from avatar_core.avatar_file import load_avatar
from avatar_core.camera import Camera
from avatar_core.devices import choose_device, cpu_report
from avatar_core.errors import AvatarError, AvatarFileError, DeviceError, NoFaceError, WeightsError
from avatar_core.gaussians import Gaussians
from avatar_core.image_io import as_rgb, load_image
from avatar_core.lift.relief import Refiner
from avatar_core.models.animator import Animator, animation_report
from avatar_core.models.encoder import LearnedEncoder
from avatar_core.models.motion_encoder import ActivationSolver
from avatar_core.models.networks import MotionNetworks
from avatar_core.models.retarget import Retargeter
from avatar_core.motion import HeadPose, Motion
from avatar_core.portrait_builder import PortraitBuilder, Progress
from avatar_core.rendering import Rasterizer, create, warm_up
from avatar_core.rendering.compose import composite
from avatar_core.rendering.device_picture import PictureReader
from avatar_core.simplify import QUALITIES, simplify
from avatar_core.stage_clock import StageClock
from avatar_core.staging import FrameAnimator, Stage, Staging
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.tracking.tracker import Tracker

Photo = str | os.PathLike[str] | NDArray[np.uint8]
Background = str | Sequence[int] | NDArray[np.uint8]

ENCODERS = ("lift", "learned")
DEFAULT_ENCODER = "learned"
ENCODER_FILE = "encoder.safetensors"
MIN_SIZE, MAX_SIZE = 16, 4096  # pixels of a rendered picture's side


class AvatarEngine:
    """Owns the networks, the detectors and the rasteriser; avatars are plain data.

    Attributes:
        track: callable `Tracker`: ``engine.track(frame) -> Motion | None``, with ``reset``, ``calibrate``,
            ``smoothing`` and ``calibrated``.
        qualities: the levels that `quality` may be set to, best first.
        device_report: the device in use and why.
        last_timings: milliseconds of the last `render`: animate, rasterise, compose.
        last_activations: (A,) activations that the last `render` showed.
        last_gaussians: how many Gaussians it drew.
        last_encode_timings: milliseconds of the last `encode`'s parts, where the encoder tells them.
    """

    qualities: tuple[str, ...] = QUALITIES

    def __init__(
        self,
        networks: MotionNetworks,
        face_model: FaceModel,
        device: str = "auto",
        refiner: Refiner | None = None,
        quality: str = "full",
        *,
        exact_animation: bool = False,
    ) -> None:
        self.quality = quality
        self._exact_animation = exact_animation
        self.networks = networks.eval().requires_grad_(False)
        self.device, self.device_report, self.rasterizer = _start(device)
        if self.device.type == "cuda":
            self.device_report += f"; drawn by {self.rasterizer.name}; animated by {self._animation_report()}"
        self.face_model = face_model
        self.solver = ActivationSolver(networks, face_model)
        self.track = Tracker(face_model)
        self.last_timings: dict[str, float] = {}
        self.last_activations: NDArray[np.float32] = np.zeros(networks.activation_count, np.float32)
        self.last_gaussians = 0
        self.last_encode_timings: dict[str, float] = {}
        self._builder = PortraitBuilder(networks, self.solver, face_model, refiner)
        self._finder: PhotoFaceFinder | None = None
        self._clock = StageClock(self.device)
        self._reader = PictureReader(self.device) if self.device.type == "cuda" else None
        self._compute = threading.RLock()
        self._staging = Staging(self._make_animator, self._make_retargeter, self._compute)
        self._encoding = threading.Lock()

    @classmethod
    def from_pretrained(
        cls,
        weights: str | os.PathLike[str] = "weights",
        device: str = "auto",
        *,
        encoder: str = DEFAULT_ENCODER,
        quality: str = "full",
        exact_animation: bool = False,
    ) -> AvatarEngine:
        """An engine with the weights of a folder; a relative folder is also looked for beside the package.

        Args:
            device: "auto", "cpu" or "cuda".
            encoder: "learned" builds what the photo hides with the trained encoder, "lift" by geometry alone.
            quality: see `quality`.
            exact_animation: on the CPU, send every Gaussian that moves through the networks instead of a few that the
                others follow; slower, for comparisons.

        Raises:
            WeightsError: a weights file is missing or damaged.
            DeviceError: ``device`` is unknown or not there.
            ValueError: ``encoder`` or ``quality`` is none of those there are.
        """
        if encoder not in ENCODERS:
            raise ValueError(f"encoder must be one of {', '.join(ENCODERS)}, got {encoder!r}")
        folder = cls.weights_folder(weights)
        networks, face_model = cls.tracking_weights(folder)
        refiner = LearnedEncoder.load(folder / ENCODER_FILE, face_model.mean) if encoder == "learned" else None
        return cls(networks, face_model, device, refiner, quality, exact_animation=exact_animation)

    @property
    def quality(self) -> str:
        """How many of an avatar's Gaussians are animated and drawn: "full", "balanced" or "fast", see
        `avatar_core.simplify`. Avatars themselves, and what is saved of them, stay full. A change takes effect with the
        next picture, which it delays by some tenths of a second.

        Raises:
            ValueError: set to a level that is not one of `qualities`.
        """
        return self._quality

    @quality.setter
    def quality(self, quality: str) -> None:
        if quality not in self.qualities:
            raise ValueError(f"quality must be one of {', '.join(self.qualities)}, got {quality!r}")
        self._quality = quality

    @staticmethod
    def weights_folder(weights: str | os.PathLike[str]) -> Path:
        """The folder ``weights``, or the one of that name beside the package.

        Raises:
            WeightsError: neither is there.
        """
        folder = Path(weights)
        beside_package = Path(__file__).resolve().parent.parent / folder
        if not folder.is_dir() and beside_package.is_dir():
            folder = beside_package
        if not folder.is_dir():
            raise WeightsError(f"{folder}: no such weights folder. Run from the repository or name the folder.")
        return folder

    @staticmethod
    def tracking_weights(folder: Path) -> tuple[MotionNetworks, FaceModel]:
        """Networks and face model of a weights folder.

        Raises:
            WeightsError: a file is missing or damaged.
        """
        networks = MotionNetworks.load(folder / "motion.safetensors")
        return networks, FaceModel.load(folder / "face_model.safetensors")

    def warm_up(self, progress: Progress | None = None) -> None:
        """Load the compiled kernels; the first start on a machine compiles them, which takes up to a minute."""
        with self._compute:
            warm_up(progress)

    def encode(self, photo: Photo | Sequence[Photo], progress: Progress | None = None) -> Avatar:
        """Build an avatar of the largest face in a photo.

        Args:
            photo: a path, or RGB uint8 (H, W, 3) of any size.
            progress: called with the stage's name and the share done, 0..1.

        Raises:
            UnreadableImageError: the file is no picture that can be read.
            NoFaceError: no face, too small, or turned away too far.
        """
        if isinstance(photo, list | tuple):
            if len(photo) != 1:
                raise AvatarError(f"one photo builds one avatar for now, got {len(photo)}. Pass the best one.")
            photo = photo[0]
        report = progress or (lambda stage, share: None)
        started = time.perf_counter()
        with self._encoding:
            report("Reading the photo", 0.0)
            path = None if isinstance(photo, np.ndarray) else os.fspath(cast("str | os.PathLike[str]", photo))
            image = as_rgb(np.asarray(photo)) if path is None else load_image(path)
            name = "array" if path is None else Path(path).name
            report("Finding the face", 0.1)
            if self._finder is None:
                self._finder = PhotoFaceFinder(self.face_model)
            try:
                face = self._finder.find(image)
            except NoFaceError as error:
                raise NoFaceError(str(error) if path is None else f"{path}: {error}") from error
            avatar, retargeter = self._build(image, face.landmarks, report)
            report("Preparing the first frame", 0.9)
            self._staging.stage(avatar, self.quality, retargeter)
            seconds = time.perf_counter() - started
            avatar.provenance |= {
                "source": name,
                "faces": str(face.face_count),
                "encode_seconds": f"{seconds:.2f}",
                "synthetic": "yes",
            }
            report("Ready", 1.0)
            return avatar

    def load_avatar(self, path: str | os.PathLike[str]) -> Avatar:
        """Read an avatar saved by ``avatar.save``.

        Raises:
            AvatarFileError: missing, damaged, or made for other weights.
        """
        avatar = load_avatar(path)
        self._check_origin(path, avatar)
        if len(avatar.source_activations) != self.networks.activation_count:
            raise AvatarFileError(f"{path}: made for other weights. Encode the photo again.")
        return avatar

    def activations(self, avatar: Avatar, motion: Motion | None) -> NDArray[np.float32]:
        """(A,) what ``motion`` asks of ``avatar``: 53 named, 4 gaze angles, residual modes."""
        return self._stage(avatar).retargeter.activations(motion)

    def gaussians(self, avatar: Avatar, motion: Motion | None = None) -> Gaussians:
        """The animated set at the engine's quality, in a buffer of its own."""
        with self._compute:
            animated = self._animate(self._stage(avatar), motion)
            return Gaussians(animated.planar.clone())

    def render(
        self,
        avatar: Avatar,
        motion: Motion | None,
        camera: Camera | None = None,
        size: int = 512,
        background: Background = (0, 0, 0),
    ) -> NDArray[np.uint8]:
        """Picture (size, size, 3), RGB uint8.

        Args:
            motion: None shows the photo's own expression and pose.
            camera: the photo's own view without it.
            background: RGB in 0..255, "photo", "blurred", or a picture (size, size, 3).

        Raises:
            ValueError: size or background make no sense.
        """
        if not MIN_SIZE <= size <= MAX_SIZE:
            raise ValueError(f"size must lie between {MIN_SIZE} and {MAX_SIZE} pixels, got {size}")
        with self._compute:
            stage = self._stage(avatar)
            ground = self._background(stage, background, size)
            self._clock.start()
            animated = self._animate(stage, motion)
            self._clock.mark("animate")
            rgba = self.rasterizer.render(animated, camera or Camera.orbit(), size, size)
            self._clock.mark("rasterise")
            picture = composite(rgba, ground) if self._reader is None else self._reader.send(rgba, ground).result()
            self.last_timings = self._clock.finish("compose")
        self.last_gaussians = len(animated)
        return picture

    def reenact(
        self,
        avatar: Avatar,
        frames: Iterable[NDArray[np.uint8]],
        camera: Camera | None = None,
        size: int = 512,
        background: Background = "photo",
    ) -> Iterator[NDArray[np.uint8]]:
        """Pictures of ``avatar`` driven by ``frames``; a frame without a face holds the motion before it."""
        self.track.reset()
        motion: Motion | None = None
        for frame in frames:
            motion = self.track(frame) or motion
            yield self.render(avatar, motion, camera, size, background)

    def close(self) -> None:
        """Release the detectors."""
        self.track.close()
        if self._finder is not None:
            self._finder.close()
            self._finder = None

    def _build(
        self, image: NDArray[np.uint8], face_landmarks: NDArray[np.float32], report: Progress
    ) -> tuple[Avatar, Retargeter]:
        """The avatar of a photo (H, W, 3) whose face has ``face_landmarks`` (478, 3), and its retargeter."""
        return self._builder.build(image, face_landmarks, report)

    def _animation_report(self) -> str:
        """What animates on the GPU, and why that."""
        return animation_report(self.networks, self.device)

    def _make_animator(self, avatar: Avatar, quality: str) -> FrameAnimator:
        return Animator(simplify(avatar, quality), self.networks, self.device, exact=self._exact_animation)

    def _animate(self, stage: Stage, motion: Motion | None) -> Gaussians:
        self.last_activations = stage.retargeter.activations(motion)
        return stage.animator.animate(self._control(stage.avatar, motion), _head_pose(motion, stage.avatar.scale))

    def _control(self, avatar: Avatar, motion: Motion | None) -> NDArray[np.float32]:
        """What the animator of ``avatar`` is driven by."""
        return self.last_activations

    def _check_origin(self, path: str | os.PathLike[str], avatar: Avatar) -> None:
        """Raise `AvatarFileError` unless these networks can animate the avatar read from ``path``."""
        if avatar.motion_code is not None:
            raise AvatarFileError(f"{path}: made with the paper's networks. Start with --model paper, or encode again.")

    def _make_retargeter(self, avatar: Avatar) -> Retargeter:
        return Retargeter(
            self.solver,
            self.face_model.mean,
            avatar.neutral_landmarks,
            avatar.canonical_landmarks(),
            avatar.source_activations,
        )

    def _stage(self, avatar: Avatar) -> Stage:
        return self._staging.stage(avatar, self.quality)

    def _background(self, stage: Stage, background: Background, size: int) -> NDArray[np.uint8] | tuple[int, int, int]:
        if isinstance(background, str):
            return stage.background(background, size, writeable=self._reader is None)
        array = np.asarray(background)
        if array.shape == (3,):
            red, green, blue = (int(np.clip(value, 0, 255)) for value in array)
            return red, green, blue
        if array.shape != (size, size, 3) or array.dtype != np.uint8:
            raise ValueError(f"a background picture must be uint8 ({size}, {size}, 3), got {array.dtype} {array.shape}")
        return array


def _head_pose(motion: Motion | None, scale: float) -> HeadPose:
    """The pose to show: gain and fade applied, translation in head-space units."""
    if motion is None or motion.weight <= 0:
        return HeadPose()
    strength = motion.gains.head * motion.weight
    turned = Rotation.from_matrix(motion.pose.rotation).as_rotvec() * strength
    return HeadPose(Rotation.from_rotvec(turned).as_matrix(), motion.pose.translation * (strength * scale))


def _start(request: str) -> tuple[torch.device, str, Rasterizer]:
    """Device, sentence and rasteriser for ``request``; "auto" takes the CPU where nothing can draw on the GPU."""
    device, report = choose_device(request)
    try:
        return device, report, create(device)
    except DeviceError as error:
        if request != "auto":
            raise
        return torch.device("cpu"), cpu_report(str(error)), create("cpu")
