"""Fixtures shared by all tests: the bundled public-domain portrait and one engine for the whole run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

import tests.triton_device  # noqa: F401 (for its effect, before anything imports Triton)
from avatar_core.avatar import Avatar
from avatar_core.engine import AvatarEngine
from avatar_core.tracking.face_model import FaceModel

REPOSITORY = Path(__file__).resolve().parent.parent
WEIGHTS = REPOSITORY / "weights"


@pytest.fixture(scope="session")
def portrait() -> NDArray[np.uint8]:
    """The astronaut Eileen Collins (NASA, public domain), (512, 512, 3) RGB."""
    return skimage.data.astronaut()


@pytest.fixture(scope="session")
def face_model() -> FaceModel:
    return FaceModel.load(WEIGHTS / "face_model.safetensors")


@pytest.fixture(scope="session")
def engine() -> Iterator[AvatarEngine]:
    """The engine with the shipped weights on the CPU."""
    made = AvatarEngine.from_pretrained(WEIGHTS, device="cpu")
    yield made
    made.close()


@pytest.fixture(scope="session")
def avatar(engine: AvatarEngine, portrait: NDArray[np.uint8]) -> Avatar:
    """An avatar of the bundled portrait."""
    return engine.encode(portrait)
