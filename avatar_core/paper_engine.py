"""The engine with the paper's own networks: same avatars, cameras, rasterisers and frame loop.

    engine = PaperEngine.from_checkpoint("weights/paper.safetensors")

Only three things differ from `AvatarEngine`: how a photo becomes an avatar (encoder E), what drives it (a visual motion
code), and what a raw attribute means (`avatar_core.models.paper.activation`). The named activations of `AvatarEngine`
are tracked beside it, for display; a motion without a code (scripted performance) moves the head alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core.avatar import PART_NAMES, Avatar
from avatar_core.engine import AvatarEngine
from avatar_core.errors import AvatarFileError, WeightsError
from avatar_core.gaussians import COLOR, MEAN, OPACITY, SCALE
from avatar_core.lift.canvas import cut_canvas, inner_crop
from avatar_core.lift.coordinates import neck_weight
from avatar_core.lift.matte import cut_out
from avatar_core.lift.pose import PIVOT, place_face
from avatar_core.models.networks import MotionNetworks
from avatar_core.models.paper.activation import activate
from avatar_core.models.paper.animator import PaperAnimator
from avatar_core.models.paper.face_crop import FaceCropper
from avatar_core.models.paper.networks import PaperNetworks
from avatar_core.models.paper.preprocess import ENCODER_FOV, person_on_black
from avatar_core.models.paper.runtime import PaperRuntime
from avatar_core.models.paper.tracker import PaperTracker
from avatar_core.models.paper.weights import load_networks
from avatar_core.models.retarget import Retargeter
from avatar_core.motion import Motion
from avatar_core.portrait_builder import Progress, thumbnail
from avatar_core.staging import FrameAnimator
from avatar_core.tracking.bared_teeth import rows_apart
from avatar_core.tracking.face_model import FaceModel

_LOGIT_MARGIN = 1e-6


class PaperEngine(AvatarEngine):
    """`AvatarEngine` on the paper's networks, which decode every Gaussian afresh: there is no level but "full"."""

    qualities = ("full",)

    def __init__(
        self, networks: MotionNetworks, face_model: FaceModel, paper: PaperNetworks, device: str = "auto"
    ) -> None:
        super().__init__(networks, face_model, device)
        self.runtime = PaperRuntime(paper, self.device)
        self.track = PaperTracker(face_model, self.runtime)
        self._cropper: FaceCropper | None = None

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: str | os.PathLike[str] | None = None,
        weights: str | os.PathLike[str] = "weights",
        device: str = "auto",
    ) -> PaperEngine:
        """An engine with the paper's weights of ``checkpoint`` and the tracking weights of the folder ``weights``.

        Args:
            checkpoint: an imported file (.safetensors) or the public checkpoint; None looks for paper.safetensors in
                ``weights``.
            device: "auto", "cpu" or "cuda".

        Raises:
            WeightsError: a file is missing, damaged, or of another architecture.
            DeviceError: ``device`` is unknown or not there.
        """
        folder = cls.weights_folder(weights)
        networks, face_model = cls.tracking_weights(folder)
        return cls(networks, face_model, load_networks(checkpoint, folder), device)

    def close(self) -> None:
        super().close()
        if self._cropper is not None:
            self._cropper.close()
            self._cropper = None

    def _build(
        self, image: NDArray[np.uint8], face_landmarks: NDArray[np.float32], report: Progress
    ) -> tuple[Avatar, Retargeter]:
        timings: dict[str, float] = {}
        report("Cutting out the person", 0.2)
        with _timed(timings, "cut_out"):
            instantiation = self.runtime.networks.instantiation
            picture = person_on_black(image, face_landmarks, ENCODER_FOV[instantiation])
            canvas = cut_canvas(image, face_landmarks)
            face = place_face(canvas, self.face_model)
            background = cut_out(canvas, face.mesh.inside, face.body).background
        crop = np.ascontiguousarray(inner_crop(canvas.image))
        report("Encoding", 0.4)
        with _timed(timings, "encoder"):
            planes = self.runtime.planes(picture)
        report("Making Gaussians", 0.7)
        with _timed(timings, "instantiation"):
            candidates = self.runtime.instantiate(planes)
            # rounded to what an avatar file keeps
            f, m = (values[candidates.kept].half().float().cpu() for values in (candidates.f, candidates.m))
            if not len(f):
                raise WeightsError("the paper's networks made no Gaussian of this photo; are these trained weights?")
            with torch.inference_mode():
                planar = activate(self.runtime.networks.gaussian_decoder(f.to(self.device))).cpu()
        report("Reading the expression", 0.8)
        with _timed(timings, "motion_encoder"):
            if self._cropper is None:
                self._cropper = FaceCropper()
            in_crop = face_landmarks[:, :2] @ canvas.image_to_crop[:, :2].T + canvas.image_to_crop[:, 2]
            code = self.runtime.motion_code(self._cropper.crop(crop, in_crop))
        self.last_encode_timings = timings
        teeth_apart = rows_apart(image, face_landmarks)
        retargeter = Retargeter(
            self.solver, self.face_model.mean, face.neutral, face.canonical, teeth_apart=teeth_apart
        )
        count = planar.shape[1]
        avatar = Avatar(
            rest=_rest(planar),
            f=f,
            m=m,
            neck_weight=torch.from_numpy(neck_weight(face.to_head.invert(planar[MEAN].T.double().numpy()))),
            expression_weight=torch.ones(count),
            part=torch.full((count,), PART_NAMES.index("head_neck"), dtype=torch.uint8),
            source_activations=retargeter.source_activations,
            landmarks=face.head.astype(np.float32),
            neutral_landmarks=face.neutral.astype(np.float32),
            canonical_to_head=face.to_head.matrix(),
            pivot=face.to_head.apply(PIVOT),
            background=np.round(255 * np.clip(inner_crop(background), 0, 1)).astype(np.uint8),
            thumbnail=thumbnail(crop),
            provenance={"encoder": f"paper, {instantiation}"},
            motion_code=code,
        )
        return avatar, retargeter

    def _animation_report(self) -> str:
        return "plain torch, fp32"

    def _make_animator(self, avatar: Avatar, quality: str) -> FrameAnimator:
        return PaperAnimator(avatar, self.runtime.networks, self.device)

    def _control(self, avatar: Avatar, motion: Motion | None) -> NDArray[np.float32]:
        """The driver's code, faded to the photo's own by gain and weight."""
        source = avatar.motion_code
        assert source is not None
        if motion is None or motion.code is None:
            return source
        share = np.float32(motion.gains.expression * motion.weight)
        return source + share * (motion.code - source)

    def _check_origin(self, path: str | os.PathLike[str], avatar: Avatar) -> None:
        if avatar.motion_code is None:
            raise AvatarFileError(f"{path}: not made with the paper's networks. Start without --model paper.")


def _rest(planar: torch.Tensor) -> torch.Tensor:
    """(14, N) rest attributes as every avatar keeps them, of activated Gaussians (14, N)."""
    rest = planar.clone()
    rest[SCALE] = planar[SCALE].log()
    rest[OPACITY] = planar[OPACITY].clamp(_LOGIT_MARGIN, 1 - _LOGIT_MARGIN).logit()
    rest[COLOR] = planar[COLOR].clamp(0, 1)
    return rest.contiguous()


@contextmanager
def _timed(timings: dict[str, float], name: str) -> Iterator[None]:
    """Put the milliseconds of the block into ``timings``."""
    start = time.perf_counter()
    yield
    timings[name] = 1e3 * (time.perf_counter() - start)
