"""The bundled scripted performance: what drives an avatar when there is no camera.

Everything is a function of time alone, so any frame can be made in any order. One round lasts `DURATION` seconds and
joins its own beginning without a jump.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from avatar_core.motion import HeadPose, Motion

DURATION = 24.0  # seconds

_BLINKS = (1.3, 4.4, 7.9, 8.35, 11.6, 14.9, 18.2, 21.7)
_BLINK_CLOSING, _BLINK_OPENING = 0.08, 0.16  # seconds; lids fall faster than they rise

# (start, end, activations at full strength); each fades in and out over EASE seconds.
_EASE = 0.35
_ACTS: tuple[tuple[float, float, dict[str, float]], ...] = (
    (0.4, 3.0, {"mouthSmile_L": 0.75, "mouthSmile_R": 0.75, "cheekSquint_L": 0.5, "cheekSquint_R": 0.5}),
    (3.2, 4.2, {"browInnerUp_L": 0.9, "browInnerUp_R": 0.9, "browOuterUp_L": 0.8, "browOuterUp_R": 0.8}),
    (9.0, 10.6, {"browDown_L": 0.8, "browDown_R": 0.8, "eyeSquint_L": 0.4, "eyeSquint_R": 0.4}),
    (12.2, 13.8, {"jawOpen": 0.75, "eyeWide_L": 0.8, "eyeWide_R": 0.8, "browInnerUp_L": 0.8, "browInnerUp_R": 0.8,
                  "browOuterUp_L": 0.8, "browOuterUp_R": 0.8}),
    (14.2, 15.4, {"mouthPucker": 0.8}),
    (15.8, 16.6, {"eyeBlink_L": 1.0, "cheekSquint_L": 0.6, "mouthSmile_L": 0.6}),
    (20.6, 23.4, {"mouthSmile_L": 0.9, "mouthSmile_R": 0.9, "jawOpen": 0.18, "cheekSquint_L": 0.6,
                  "cheekSquint_R": 0.6, "mouthUpperUp_L": 0.25, "mouthUpperUp_R": 0.25}),
)  # fmt: skip
_SPEECH = ((4.6, 8.6), (10.8, 12.0), (16.9, 20.3))

# (start, end, yaw, pitch, roll in degrees, gaze yaw, gaze pitch in radians)
_TURNS = (
    (5.0, 6.8, 14.0, 2.0, 3.0, 0.10, 0.0),
    (7.0, 8.6, -13.0, -2.0, -3.0, -0.10, 0.0),
    (9.2, 10.6, 0.0, -7.0, 0.0, 0.0, -0.12),
    (12.2, 13.8, 0.0, 6.0, 0.0, 0.0, 0.10),
    (14.2, 15.4, -8.0, 0.0, 5.0, 0.28, 0.0),
    (17.2, 18.6, 10.0, 0.0, -4.0, 0.0, 0.05),
    (18.8, 20.2, -9.0, 3.0, 2.0, -0.22, 0.0),
)


def _smooth(value: float) -> float:
    value = min(max(value, 0.0), 1.0)
    return value * value * (3.0 - 2.0 * value)


def _window(now: float, start: float, end: float) -> float:
    """0 outside [start, end], 1 inside, with smooth flanks of `_EASE` seconds."""
    return _smooth((now - start) / _EASE) * _smooth((end - now) / _EASE)


def _blink(now: float) -> float:
    closed = 0.0
    for start in _BLINKS:
        since = now - start
        falling, rising = _smooth(since / _BLINK_CLOSING), _smooth((since - _BLINK_CLOSING - 0.03) / _BLINK_OPENING)
        closed = max(closed, falling - rising)
    return closed


def _speech(now: float) -> dict[str, float]:
    """Mouth shapes of speech-like rhythm: syllables at about 4 Hz over slower vowel colours."""
    strength = max(_window(now, start, end) for start, end in _SPEECH)
    syllable = 0.5 - 0.5 * np.cos(2 * np.pi * 3.9 * now + 1.3 * np.sin(2 * np.pi * 0.9 * now))
    stress = 0.55 + 0.45 * np.sin(2 * np.pi * 0.61 * now + 0.4)
    rounding = max(0.0, float(np.sin(2 * np.pi * 1.25 * now + 2.0)))
    spreading = max(0.0, float(np.sin(2 * np.pi * 1.25 * now + 5.1)))
    return {
        "jawOpen": strength * float(syllable) * (0.12 + 0.28 * float(stress)),
        "mouthFunnel": 0.35 * strength * rounding,
        "mouthPucker": 0.25 * strength * rounding,
        "mouthStretch_L": 0.25 * strength * spreading,
        "mouthStretch_R": 0.25 * strength * spreading,
        "mouthLowerDown_L": 0.3 * strength * float(syllable),
        "mouthLowerDown_R": 0.3 * strength * float(syllable),
        "mouthUpperUp_L": 0.15 * strength * float(syllable),
        "mouthUpperUp_R": 0.15 * strength * float(syllable),
    }


def motion_at(seconds: float) -> Motion:
    """The performance at ``seconds`` since its start (any real number; it repeats every `DURATION` seconds)."""
    now = float(seconds) % DURATION
    activations: dict[str, float] = {}

    def add(values: dict[str, float], strength: float) -> None:
        for name, value in values.items():
            activations[name] = activations.get(name, 0.0) + strength * value

    for start, end, values in _ACTS:
        add(values, _window(now, start, end))
    add(_speech(now), 1.0)
    blink = _blink(now)
    for name in ("eyeBlink_L", "eyeBlink_R"):
        activations[name] = max(activations.get(name, 0.0), blink)
    activations = {name: min(value, 1.0) for name, value in activations.items()}

    sway = 2 * np.pi * now / DURATION  # whole periods per round: the end meets the beginning
    angles = np.array([1.6 * np.sin(3 * sway), 1.1 * np.sin(4 * sway + 1.0), 0.9 * np.sin(2 * sway + 2.0)])
    gaze = np.array([0.02 * np.sin(5 * sway), 0.012 * np.sin(7 * sway)])
    for start, end, yaw, pitch, roll, gaze_yaw, gaze_pitch in _TURNS:
        share = _window(now, start, end)
        angles += share * np.array([yaw, pitch, roll])
        gaze += share * np.array([gaze_yaw, gaze_pitch])
    rotation = Rotation.from_euler("YXZ", angles * np.array([1.0, -1.0, 1.0]), degrees=True).as_matrix()
    translation = 0.02 * np.array([np.sin(2 * sway), np.sin(3 * sway + 0.5), 0.0])
    return Motion.from_activations(
        activations, gaze=(float(gaze[0]), float(gaze[1])), pose=HeadPose(rotation, translation)
    )
