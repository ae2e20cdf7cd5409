"""Training of the paper's architecture: samples, the loss, and a run at small size."""

from __future__ import annotations

import json
from pathlib import Path

import imageio
import numpy as np
import pytest
import torch

from avatar_core.camera import Camera
from avatar_core.errors import AvatarError
from avatar_core.models.paper.networks import PaperNetworks
from avatar_core.training.paper import main
from avatar_core.training.paper_loss import LossWeights, paper_loss
from avatar_core.training.paper_pairs import PairFolder, RandomPairs
from avatar_core.training.paper_trainer import PaperTrainingConfig, parameter_groups


def write_pairs(folder: Path, **changes: object) -> None:
    rng = np.random.default_rng(0)
    for name, side in (("source", 64), ("neutral", 224), ("smile", 224), ("target", 48), ("seen", 32)):
        imageio.imwrite(folder / f"{name}.png", rng.integers(0, 255, (side, side, 3), dtype=np.uint8))
    camera = Camera.orbit(yaw=10)
    entry = {
        "source": "source.png", "source_face": "neutral.png", "driver_face": "smile.png", "target": "target.png",
        "cam2world": camera.cam2world.tolist(), "intrinsics": camera.intrinsics.tolist(), "visibility": "seen.png",
    }  # fmt: skip
    (folder / "pairs.json").write_text(json.dumps([{**entry, **changes}]))


def test_a_folder_of_pairs_is_read_in_the_networks_ranges(tmp_path: Path) -> None:
    write_pairs(tmp_path)
    sample = PairFolder(tmp_path, 64, 32).sample(0)
    assert sample.source.shape == (3, 64, 64) and -1 <= float(sample.source.min()) < -0.9
    assert sample.driver_face.shape == (3, 224, 224)
    assert sample.target.shape == (3, 32, 32) and float(sample.target.min()) >= 0
    assert 0 < float(sample.visibility.mean()) < 1 and float(sample.detail.max()) == 0
    assert not sample.same_expression
    assert np.allclose(sample.camera.cam2world, Camera.orbit(yaw=10).cam2world)


def test_wrong_pairs_are_told(tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match=r"pairs\.json"):
        PairFolder(tmp_path, 64, 32)
    write_pairs(tmp_path, intrinsics=[[1, 2], [3, 4]])
    with pytest.raises(AvatarError, match="pair 0: intrinsics must be"):
        PairFolder(tmp_path, 64, 32).sample(0)
    (tmp_path / "pairs.json").write_text('[{"source": "source.png"}]')
    with pytest.raises(AvatarError, match="pair 0 has no source_face"):
        PairFolder(tmp_path, 64, 32)


def test_invisible_pixels_do_not_count_and_equal_expressions_hold_still() -> None:
    sample = RandomPairs(64, 16).sample(0)
    hidden = type(sample)(**{**vars(sample), "visibility": torch.zeros(1, 16, 16)})
    delta_f = torch.full((5, 48), 0.5)
    _, terms = paper_loss(torch.zeros(3, 16, 16), delta_f, hidden, LossWeights())
    norm = 0.5 * 48**0.5
    assert terms == pytest.approx({"picture": 0.0, "detail": 0.0, "motion": 0.1 * norm})
    other = type(sample)(**{**vars(sample), "same_expression": False})
    _, terms = paper_loss(sample.target, delta_f, other, LossWeights())
    assert terms == pytest.approx({"picture": 0.0, "detail": 0.0, "motion": 0.001 * norm})


def test_learning_rates_are_those_of_the_public_networks() -> None:
    with torch.device("meta"):
        networks = PaperNetworks()
    rates = {round(group["lr"] / 1e-4, 6) for group in parameter_groups(networks, PaperTrainingConfig())}  # type: ignore[operator]
    assert rates == {1.0, 0.5, round(48**-0.5, 6), round(96**-0.5, 6)}
    assert not any(parameter.requires_grad for parameter in networks.motion_encoder.parameters())


@pytest.mark.parametrize("instantiation", ["plane", "ray"])
def test_a_small_training_runs_and_its_weights_load(
    instantiation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "paper.safetensors"
    steps = {"plane": 2, "ray": 1}[instantiation]
    arguments = ["--smoke", "--device", "cpu", "--instantiation", instantiation, "--steps", str(steps)]
    assert main([*arguments, "--out", str(out)]) == 0
    assert f"step {steps - 1}: picture" in capsys.readouterr().out
    trained = PaperNetworks.load(out, instantiation)
    torch.manual_seed(0)
    untrained = PaperNetworks(instantiation)
    assert not torch.equal(trained.encoder.body.stem.weight, untrained.encoder.body.stem.weight)
    assert torch.equal(trained.motion_encoder.project.weight, untrained.motion_encoder.project.weight)
