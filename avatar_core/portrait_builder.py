"""Photo and landmarks -> avatar: the lift (and who refines it), the descriptors, the photo's own expression.

In: RGB picture and the 478 landmarks of its face. Out: `Avatar` and the `Retargeter` that drives it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.avatar import Avatar
from avatar_core.lift import LiftResult, draft
from avatar_core.lift.relief import Refiner
from avatar_core.models.descriptor_cpu import CpuDescriber
from avatar_core.models.hidden_teeth import settle_hidden_teeth
from avatar_core.models.motion_encoder import ActivationSolver
from avatar_core.models.networks import MotionNetworks
from avatar_core.models.retarget import Retargeter
from avatar_core.tracking.bared_teeth import rows_apart
from avatar_core.tracking.face_model import FaceModel
from avatar_core.tracking.neutral import NeutralEstimator

Progress = Callable[[str, float], None]

THUMBNAIL_SIDE = 256


class PortraitBuilder:
    """Builds avatars for one set of motion networks.

    Args:
        refiner: the learned encoder; without one the lift is geometry alone.
    """

    def __init__(
        self, networks: MotionNetworks, solver: ActivationSolver, face_model: FaceModel, refiner: Refiner | None
    ) -> None:
        self._networks, self._solver, self._face_model = networks, solver, face_model
        self._refiner = refiner
        self._describer = CpuDescriber(networks.descriptors)
        self._neutral = NeutralEstimator(face_model)

    def build(
        self, image: NDArray[np.uint8], face_landmarks: NDArray[np.float32], report: Progress
    ) -> tuple[Avatar, Retargeter]:
        """The avatar of a photo (H, W, 3) whose face has ``face_landmarks`` (478, 3), and its retargeter."""
        report("Lifting to 3D", 0.25)
        drafted = draft(
            image,
            face_landmarks,
            self._face_model,
            lambda stage, share: report("Lifting to 3D", 0.25 + 0.5 * share),
            self._refiner,
        )
        report("Binding the motion", 0.75)
        lifted, mean = drafted.result, self._face_model.mean
        with ThreadPoolExecutor(1) as beside:
            describing = beside.submit(self._describe, lifted)
            drafted.paint()
            to_canonical = np.linalg.inv(lifted.canonical_to_head)
            canonical = lifted.landmarks @ to_canonical[:3, :3].T + to_canonical[:3, 3]
            neutral = self._neutral.neutral_of_photo(canonical)
            teeth_apart = rows_apart(image, face_landmarks)
            retargeter = Retargeter(self._solver, mean, neutral, canonical, teeth_apart=teeth_apart)
            source = retargeter.source_activations
            settle_hidden_teeth(drafted, self._networks, retargeter.at_rest, source, neutral, mean)
            f, m = describing.result()
        avatar = Avatar(
            rest=torch.from_numpy(lifted.rest),
            f=f,
            m=m,
            neck_weight=torch.from_numpy(lifted.neck_weight),
            expression_weight=torch.from_numpy(lifted.expression_weight),
            part=torch.from_numpy(lifted.part),
            source_activations=source,
            landmarks=lifted.landmarks.astype(np.float32),
            neutral_landmarks=neutral.astype(np.float32),
            canonical_to_head=lifted.canonical_to_head,
            pivot=lifted.pivot,
            background=lifted.background,
            thumbnail=thumbnail(lifted.crop),
            provenance={"encoder": "lift" if self._refiner is None else "learned"},
        )
        return avatar, retargeter

    def _describe(self, lifted: LiftResult) -> tuple[Tensor, Tensor]:
        """f and m (N, 48), rounded to what an avatar file keeps; zero for Gaussians that no expression moves."""
        moves = np.flatnonzero(lifted.expression_weight > 0)
        return self._describer.describe(lifted.u, lifted.normal, lifted.part, moves)


def thumbnail(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A square portrait (S, S, 3) at the size that an avatar keeps."""
    return cv2.resize(crop, (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA).astype(np.uint8)
