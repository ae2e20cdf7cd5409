"""How long a photo takes to become an avatar, ready for its first frame: with the learned encoder and without.

In: weights, device and a photo. Out: figures for the report.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from avatar_core.benchmarks.frames import Report, timed
from avatar_core.engine import ENCODERS, AvatarEngine

ENCODINGS = 7


def compare_encoders(weights: str | os.PathLike[str], device: str, photo: NDArray[np.uint8]) -> list[Report]:
    """Per encoder the seconds of the first encoding and the median of `ENCODINGS` more, in turns.

    Args:
        weights, device: as for `AvatarEngine.from_pretrained`.
        photo: RGB uint8 (H, W, 3).

    Raises:
        AvatarError: weights or device cannot be used, or the photo shows no face.
    """
    engines = {name: AvatarEngine.from_pretrained(weights, device, encoder=name) for name in ENCODERS}
    try:
        first = {name: timed(engine.encode, photo)[0] for name, engine in engines.items()}
        rounds = [{name: timed(engine.encode, photo)[0] for name, engine in engines.items()} for _ in range(ENCODINGS)]
    finally:
        for engine in engines.values():
            engine.close()
    return [
        {
            "encoder": name,
            "first_s": round(first[name], 3),
            "median_s": round(float(np.median([one[name] for one in rounds])), 3),
        }
        for name in engines
    ]


def describe_encoders(figures: list[Report]) -> str:
    """The figures as a line for people."""
    each = [f"{one['encoder']} {one['median_s']:.2f} s (the first {one['first_s']:.2f} s)" for one in figures]
    return f"Encode, median of {ENCODINGS}: {', '.join(each)}"
