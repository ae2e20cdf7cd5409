"""The rule-made checkpoint as a user would have it, imported once per run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from avatar_core.models.paper.import_checkpoint import import_checkpoint
from avatar_core.models.paper.networks import PaperNetworks
from tests.models.paper import rule

GOLDEN = Path(__file__).parent / "golden.npz"


@pytest.fixture(scope="session")
def golden() -> dict[str, NDArray[np.generic]]:
    """The reference's outputs at fixed positions of every stage, float32."""
    with np.load(GOLDEN) as stored:
        return {name: stored[name] for name in stored.files}


@pytest.fixture(scope="session")
def public_state() -> dict[str, torch.Tensor]:
    return rule.state_dict()


@pytest.fixture(scope="session")
def imported(public_state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rule-made checkpoint after the importer."""
    folder = tmp_path_factory.mktemp("paper")
    torch.save({"E": public_state, "step": 7}, folder / "ckpt.pth")
    import_checkpoint(folder / "ckpt.pth", folder / "paper.safetensors")
    (folder / "ckpt.pth").unlink()
    return folder / "paper.safetensors"


@pytest.fixture(scope="session")
def networks(imported: Path) -> PaperNetworks:
    """The imported networks, float32."""
    return PaperNetworks.load(imported)
