"""The training command."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from avatar_core.models.networks import FIRST_RESIDUAL, NAMED_COUNT, MotionNetworks
from avatar_core.training.activation_prior import mirrored_names, prior
from avatar_core.training.motion import main
from avatar_core.training.motion_loss import activation_gain, batched_change

ROOT = Path(__file__).resolve().parents[2]


def test_missing_data_is_answered_with_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--data", str(tmp_path / "nowhere"), "--work", str(tmp_path / "work"), "--smoke"])
    assert status == 1
    message = capsys.readouterr().err
    assert message.startswith("error: ") and "nowhere: no such folder" in message


def test_resuming_without_a_checkpoint_is_answered_with_one_message(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--data", str(data_folder), "--landmarks", str(ROOT / "runs/landmarks"), "--work", str(tmp_path)]
    assert main([*options, "--face-model", str(ROOT / "weights/face_model.safetensors"), "--resume"]) == 1
    assert "checkpoint.safetensors" in capsys.readouterr().err


def test_a_smoke_run_lowers_the_loss_and_writes_weights_that_load(data_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "motion.safetensors"
    options = ["--data", str(data_folder), "--landmarks", str(ROOT / "runs/landmarks"), "--work", str(tmp_path)]
    options += ["--face-model", str(ROOT / "weights/face_model.safetensors"), "--out", str(out), "--smoke"]
    assert main(options) == 0
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    for column, share in (("loss", 0.9), ("lips", 0.75), ("eyeballs", 0.6)):
        values = [float(row[column]) for row in rows]  # expressions grow at first, and the error with them
        assert values[-1] < share * max(values), column
    networks = MotionNetworks.load(out)
    assert (tmp_path / "checkpoint.safetensors").is_file()
    assert networks.activation_upper[:NAMED_COUNT].min() >= 1


def test_the_batched_training_form_equals_the_frame_equation() -> None:
    torch.manual_seed(3)
    networks = MotionNetworks(residual_count=2)
    for parameter in networks.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    f, m = torch.randn(7, 48), torch.randn(7, 48)
    sources, drivers = torch.rand(2, networks.activation_count), torch.rand(2, 3, networks.activation_count)
    with torch.no_grad():
        batched = batched_change(networks, f, m, sources, drivers)
        for source in range(2):
            for driver in range(3):
                plain = networks.change(f, m, sources[source], drivers[source, driver])
                torch.testing.assert_close(batched[source, driver], plain, atol=1e-4, rtol=1e-4)


def test_the_prior_is_convex_and_bounded() -> None:
    precision, sparsity, upper = prior(6)
    assert precision.shape == (FIRST_RESIDUAL + 6, FIRST_RESIDUAL + 6)
    np.testing.assert_allclose(precision, precision.T)
    assert np.linalg.eigvalsh(precision).min() > 0
    assert (sparsity >= 0).all() and (upper > 0).all()


def test_mirrored_names_pair_up() -> None:
    mirror = mirrored_names()
    np.testing.assert_array_equal(mirror[mirror], np.arange(NAMED_COUNT))
    assert activation_gain(60).shape == (60,)
