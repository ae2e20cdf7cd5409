"""What the driver does in one frame, independent of who drives and of whose portrait it will move.

Canonical space: unit = the person's inter-ocular distance (outer eye corners, landmarks 33 and 263), origin between
those corners, x right in the image, y up, z towards the viewer, head pose removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

ACTIVATION_NAMES: tuple[str, ...] = (
    "browDown_L", "browDown_R", "browInnerUp_L", "browInnerUp_R", "browOuterUp_L", "browOuterUp_R",
    "cheekPuff_L", "cheekPuff_R", "cheekSquint_L", "cheekSquint_R", "eyeBlink_L", "eyeBlink_R",
    "eyeLookDown_L", "eyeLookDown_R", "eyeLookIn_L", "eyeLookIn_R", "eyeLookOut_L", "eyeLookOut_R",
    "eyeLookUp_L", "eyeLookUp_R", "eyeSquint_L", "eyeSquint_R", "eyeWide_L", "eyeWide_R",
    "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthDimple_L", "mouthDimple_R",
    "mouthFrown_L", "mouthFrown_R", "mouthFunnel", "mouthLeft", "mouthLowerDown_L", "mouthLowerDown_R",
    "mouthPress_L", "mouthPress_R", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthSmile_L", "mouthSmile_R", "mouthStretch_L", "mouthStretch_R",
    "mouthUpperUp_L", "mouthUpperUp_R", "noseSneer_L", "noseSneer_R",
)  # fmt: skip
"""The 53 named FACS activations, in the order the networks use; L and R are the subject's left and right."""

TEETH_UNTOLD = 0.5
"""Inter-ocular distances for `Motion.teeth_apart` where nothing is known: farther than a jaw opens."""


@dataclass(frozen=True)
class HeadPose:
    """Head motion relative to the pose at calibration, axes of head space: rotation (3, 3), translation (3,)."""

    rotation: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    translation: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))


@dataclass(frozen=True)
class Gains:
    """How strongly the driver's motion is passed on; 1 passes it as it is, 0 switches the region off."""

    expression: float = 1.0
    eyes: float = 1.0
    mouth: float = 1.0
    head: float = 1.0


@dataclass(frozen=True)
class Motion:
    """One frame of driver motion.

    Args:
        displacement: (478, 3) landmark displacement from the driver's neutral, canonical space; None when the
            motion is given by named activations alone (scripted performance, sliders).
        landmarks: (478, 3) the driver's canonical landmarks behind ``displacement``, or None.
        activations: (53,) named activations in `ACTIVATION_NAMES` order; used when ``displacement`` is None.
        gaze: (2, 2) yaw and pitch in radians of the right and left eye, relative to straight ahead: row 0 is the
            subject's right eye (image left); yaw positive looks to image right, pitch positive looks up.
        pose: head pose relative to calibration, translation in inter-ocular distances.
        gains: applied when an avatar is animated.
        weight: 1 shows the motion, 0 the photo's own expression and pose; between fades (face lost).
        image_landmarks: (478, 2) pixels in the tracked frame, or None.
        code: (512,) what a visual motion encoder saw in the frame, or None.
        teeth_apart: inter-ocular distances, 0 to `TEETH_UNTOLD`, that the rows of teeth are apart at most, as far as
            the frame shows them; goes with ``displacement``.
    """

    displacement: NDArray[np.float32] | None
    landmarks: NDArray[np.float32] | None
    activations: NDArray[np.float32]
    gaze: NDArray[np.float32]
    pose: HeadPose
    gains: Gains = Gains()
    weight: float = 1.0
    image_landmarks: NDArray[np.float32] | None = None
    code: NDArray[np.float32] | None = None
    teeth_apart: float = TEETH_UNTOLD

    @classmethod
    def from_activations(
        cls,
        activations: Mapping[str, float],
        *,
        gaze: tuple[float, float] = (0.0, 0.0),
        pose: HeadPose | None = None,
    ) -> Motion:
        """Motion from named activations (0 neutral, 1 full), both eyes looking along ``gaze`` (yaw, pitch, radians).

        Raises:
            KeyError: a name is not in `ACTIVATION_NAMES`.
        """
        values = np.zeros(len(ACTIVATION_NAMES), np.float32)
        for name, value in activations.items():
            if name not in _INDEX:
                raise KeyError(f"unknown activation {name!r}; known names: {', '.join(ACTIVATION_NAMES)}")
            values[_INDEX[name]] = value
        both = np.array([gaze, gaze], np.float32)
        return cls(None, None, values, both, pose or HeadPose())

    def with_gains(self, gains: Gains) -> Motion:
        """The same motion, to be passed on with ``gains``."""
        return replace(self, gains=gains)

    def faded(self, weight: float) -> Motion:
        """The same motion shown with ``weight`` in [0, 1]."""
        return replace(self, weight=float(np.clip(weight, 0.0, 1.0)))


_INDEX = {name: index for index, name in enumerate(ACTIVATION_NAMES)}
