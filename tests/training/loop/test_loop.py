"""The training loop on a real small task: it learns, resumes to the same numbers, and says what goes wrong."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from avatar_core.errors import AvatarError

pytest.importorskip("lightning_fabric", reason="needs the 'train' extra")

from avatar_core.training.loop import LoopConfig, load_model, train
from avatar_core.training.loop.checkpoints import checkpoints_in
from tests.training.loop.regression import Regression

REPOSITORY = Path(__file__).resolve().parents[3]
QUICK = LoopConfig(
    steps=40, learning_rate=1e-2, warm_up_steps=5, average_decay=0.9, log_every=5, save_every=10, picture_every=20,
    accelerator="cpu", devices="1",
)  # fmt: skip


def columns(folder: Path, name: str) -> list[float]:
    with (folder / "log.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file)]


def command(folder: Path, *words: str) -> list[str]:
    settings = [f"loop.folder={folder}", "loop.accelerator=cpu", "loop.learning_rate=0.01", "loop.warm_up_steps=5"]
    return [sys.executable, "-m", "tests.training.loop.regression", *settings, *words]


def test_it_learns_and_leaves_a_log_pictures_and_checkpoints(tmp_path, capsys):
    task = Regression()
    outcome = train(task, replace(QUICK, folder=tmp_path, steps=300, log_every=5, save_every=100, picture_every=150))
    assert outcome.finished and outcome.step == 300 and outcome.checkpoint is not None
    losses = columns(tmp_path, "loss")
    assert np.mean(losses[-5:]) < 0.1 * losses[0]
    assert columns(tmp_path, "step") == list(range(5, 301, 5))
    rates = columns(tmp_path, "learning_rate")
    assert rates[0] == pytest.approx(1e-2 * 5 / 6) and max(rates) <= 1e-2 and rates[-1] == pytest.approx(1e-4, rel=0.1)
    assert columns(tmp_path, "progress")[-1] == pytest.approx((295 + 299) / 2 / 300)
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert [picture.name for picture in pictures] == ["step-00000150.png", "step-00000300.png"]
    assert imageio.imread(pictures[-1]).shape == (24, 48, 3)
    assert [path.name for path in checkpoints_in(tmp_path)] == [f"step-00000{n}.safetensors" for n in (100, 200, 300)]
    assert "samples/s" in capsys.readouterr().out


def test_a_resumed_training_gives_the_numbers_of_an_uninterrupted_one(tmp_path):
    whole, first, second = Regression(), Regression(), Regression()
    train(whole, replace(QUICK, folder=tmp_path / "whole"))

    class Killed(Exception):
        pass

    def killed(*_: object) -> None:
        raise Killed

    first.pictures = killed  # type: ignore[assignment]
    with pytest.raises(Killed):
        train(first, replace(QUICK, folder=tmp_path / "parts", picture_every=27))
    assert checkpoints_in(tmp_path / "parts")[-1].name == "step-00000020.safetensors"
    torch.manual_seed(999)  # the state of the generators must not matter
    outcome = train(second, replace(QUICK, folder=tmp_path / "parts"))
    assert first.losses[:27] + second.losses[7:] == whole.losses
    assert second.losses[:7] == whole.losses[20:27]
    assert outcome.loss == whole.losses[-1]
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name
    ends = [load_file(tmp_path / folder / "step-00000040.safetensors") for folder in ("whole", "parts")]
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())
    assert columns(tmp_path / "parts", "step") == list(range(5, 41, 5))
    assert columns(tmp_path / "parts", "loss") == columns(tmp_path / "whole", "loss")


def test_it_resumes_from_a_named_checkpoint_of_another_folder(tmp_path):
    whole, later = Regression(), Regression()
    train(whole, replace(QUICK, folder=tmp_path / "whole"))
    named = tmp_path / "whole" / "step-00000020.safetensors"
    train(later, replace(QUICK, folder=tmp_path / "later", resume=str(named)))
    assert later.losses == whole.losses[20:]
    with pytest.raises(AvatarError, match=r"step-00000040\.safetensors, which is later than"):
        train(Regression(), replace(QUICK, folder=tmp_path / "whole", resume=str(named)))


def test_a_finished_training_is_left_alone_and_never_mixed_with_a_fresh_one(tmp_path):
    train(Regression(), replace(QUICK, folder=tmp_path))
    again = Regression()
    assert train(again, replace(QUICK, folder=tmp_path)).finished and not again.losses
    with pytest.raises(AvatarError, match=r"holds step-00000040\.safetensors already"):
        train(Regression(), replace(QUICK, folder=tmp_path, resume="never"))


def test_a_loss_that_is_not_finite_stops_the_training_at_that_step(tmp_path):
    task = Regression(broken_from=26)
    with pytest.raises(AvatarError, match=r"step 27: .* not finite .*step-00000020.safetensors.*learning rate"):
        train(task, replace(QUICK, folder=tmp_path))
    kept = load_file(checkpoints_in(tmp_path)[-1])
    assert checkpoints_in(tmp_path)[-1].name == "step-00000020.safetensors"
    assert all(bool(torch.isfinite(value).all()) for value in kept.values())
    assert all(bool(torch.isfinite(value).all()) for value in task.model.state_dict().values() if value.ndim == 2)


def test_a_checkpoint_of_another_model_names_the_tensors(tmp_path):
    train(Regression(16), replace(QUICK, folder=tmp_path))
    with pytest.raises(AvatarError, match=r"other shape: 0\.bias is \(16,\), the model needs \(24,\)"):
        train(Regression(24), replace(QUICK, folder=tmp_path, steps=50))
    other = Regression()
    other.model.add_module("last", torch.nn.Linear(1, 1))
    with pytest.raises(AvatarError, match=r"missing: last\.bias, last\.weight"):
        train(other, replace(QUICK, folder=tmp_path, steps=50))
    fewer = Regression()
    fewer.model[4].bias.requires_grad_(False)
    with pytest.raises(AvatarError, match=r"trained 4\.bias, which this training holds fixed"):
        train(fewer, replace(QUICK, folder=tmp_path, steps=50))


def test_a_checkpoint_of_another_version_or_a_damaged_one_is_told(tmp_path):
    train(Regression(), replace(QUICK, folder=tmp_path))
    path = checkpoints_in(tmp_path)[-1]
    save_file(load_file(path), path, metadata={"training": json.dumps({"format": 2})})
    with pytest.raises(AvatarError, match="a checkpoint of format 2; this version reads format 1"):
        train(Regression(), replace(QUICK, folder=tmp_path, steps=50))
    save_file(load_file(path), path)
    with pytest.raises(AvatarError, match="no checkpoint of a training"):
        train(Regression(), replace(QUICK, folder=tmp_path, steps=50))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(AvatarError, match=r"step-00000040.safetensors: the checkpoint cannot be read"):
        train(Regression(), replace(QUICK, folder=tmp_path, steps=50))
    with pytest.raises(AvatarError, match=r"nowhere.safetensors: the checkpoint cannot be read"):
        train(Regression(), replace(QUICK, folder=tmp_path / "new", resume=str(tmp_path / "nowhere.safetensors")))


def test_the_averaged_weights_load_into_a_model(tmp_path):
    outcome = train(Regression(), replace(QUICK, folder=tmp_path))
    assert outcome.checkpoint is not None
    stored = load_file(outcome.checkpoint)
    fresh = Regression().model
    load_model(outcome.checkpoint, fresh)
    assert torch.equal(fresh[0].weight, stored["average.0.weight"])
    load_model(outcome.checkpoint, fresh, average=False)
    assert torch.equal(fresh[0].weight, stored["model.0.weight"])
    assert not torch.equal(stored["average.0.weight"], stored["model.0.weight"])


def test_tied_weights_are_stored_and_stay_tied(tmp_path):
    def tied() -> Regression:
        task = Regression()
        task.model.add_module("mirror", torch.nn.Linear(16, 1))
        task.model.mirror.weight = task.model[4].weight
        task.model.mirror.forward = lambda x: x  # type: ignore[method-assign]
        task.model.mirror.bias.requires_grad_(False)
        return task

    train(tied(), replace(QUICK, folder=tmp_path, steps=20, average_decay=0.0))
    task = tied()
    train(task, replace(QUICK, folder=tmp_path, average_decay=0.0))
    assert task.model.mirror.weight is task.model[4].weight


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX systems can")
def test_a_full_disk_is_told_and_the_last_good_checkpoint_stays(tmp_path, capsys):
    import resource

    train(Regression(), replace(QUICK, folder=tmp_path, steps=20))
    before = checkpoints_in(tmp_path)
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (before[-1].stat().st_size // 2, former[1]))
    try:
        with pytest.raises(AvatarError, match=r"after step 40 could not be written.*step-00000020.safetensors"):
            train(Regression(), replace(QUICK, folder=tmp_path, keep=1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    told = capsys.readouterr().err
    assert "the checkpoint of step 30 cannot be written" in told and "Make room on the disk" in told
    assert checkpoints_in(tmp_path) == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert train(Regression(), replace(QUICK, folder=tmp_path)).finished


def test_mixed_precision_trains_in_bfloat16_with_float32_weights(tmp_path):
    seen = []
    task = Regression()
    task.model[0].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    train(task, replace(QUICK, folder=tmp_path, steps=5, precision="bf16-mixed", picture_every=100))
    assert torch.bfloat16 in seen and task.model[0].weight.dtype == torch.float32


def test_a_terminated_training_saves_first_and_goes_on_to_the_same_weights(tmp_path):
    config = replace(QUICK, steps=60, save_every=1000, log_every=1)
    train(Regression(), replace(config, folder=tmp_path / "whole"))
    words = ("loop.steps=60", "loop.save_every=1000", "loop.log_every=1", "loop.average_decay=0.9", "loop.devices=1")
    process = subprocess.Popen(command(tmp_path / "parts", *words, "pause=0.2"), cwd=REPOSITORY, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    deadline = time.monotonic() + 300
    while not (tmp_path / "parts" / "log.csv").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    told, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "the same command goes on from there" in told
    assert 0 < len(columns(tmp_path / "parts", "step")) < 60
    train(Regression(), replace(config, folder=tmp_path / "parts"))
    ends = [load_file(tmp_path / folder / "step-00000060.safetensors") for folder in ("whole", "parts")]
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())


def run_two(launcher: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Two processes, started by Fabric itself or by torchrun; they leave their weights in ``folder``."""
    line = command(folder, "loop.strategy=ddp", "loop.devices=2", *words)
    if launcher == "torchrun":
        line = [line[0], "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *line[1:]]
    environment = {**os.environ, "REGRESSION_WEIGHTS": str(folder), "OMP_NUM_THREADS": "1"}
    return subprocess.run(line, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("launcher", ["fabric", "torchrun"])
def test_two_processes_hold_the_same_weights_and_learn(tmp_path, launcher):
    done = run_two(launcher, tmp_path, "loop.steps=100", "loop.log_every=1", "loop.save_every=50")
    assert done.returncode == 0, done.stderr
    ranks = [torch.load(tmp_path / f"rank-{rank}.pt", weights_only=True) for rank in range(2)]
    trained = [name for name in ranks[0] if "running" not in name]
    assert all(torch.equal(ranks[0][name], ranks[1][name]) for name in trained)
    assert not torch.equal(Regression().model[0].weight, ranks[0]["0.weight"])
    losses = columns(tmp_path, "loss")
    assert np.mean(losses[-10:]) < 0.3 * np.mean(losses[:3])
    assert columns(tmp_path, "step") == list(range(1, 101))  # one process writes
    if launcher == "fabric":
        again = run_two(launcher, tmp_path, "loop.steps=110", "loop.log_every=1")
        assert again.returncode == 0, again.stderr
        assert "goes on from" in again.stdout and columns(tmp_path, "step")[-1] == 110


def test_a_loss_that_is_not_finite_in_one_of_two_processes_stops_both(tmp_path):
    done = run_two("fabric", tmp_path, "loop.steps=20", "loop.save_every=5", "broken_from=7")
    assert done.returncode != 0
    assert done.stderr.count("error: step 8: loss or gradient is not finite") == 2
    assert checkpoints_in(tmp_path)[-1].name == "step-00000005.safetensors"


def test_settings_that_this_machine_cannot_satisfy_are_told(tmp_path):
    with pytest.raises(AvatarError, match="the training cannot start on this machine"):
        train(Regression(), replace(QUICK, folder=tmp_path, accelerator="nonsense"))
    (tmp_path / "file").write_text("")
    with pytest.raises(AvatarError, match="the folder cannot be made"):
        train(Regression(), replace(QUICK, folder=tmp_path / "file" / "below"))


def test_data_that_ends_early_is_told(tmp_path):
    task = Regression()
    endless = task.batches
    task.batches = lambda *a: (batch for batch, _ in zip(endless(*a), range(7), strict=False))  # type: ignore[method-assign]
    with pytest.raises(AvatarError, match="the data ended after step 7 of 40"):
        train(task, replace(QUICK, folder=tmp_path))
