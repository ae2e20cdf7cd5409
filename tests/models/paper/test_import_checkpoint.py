"""The importer: what it accepts, and one clear message for everything else."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor

from avatar_core.errors import WeightsError
from avatar_core.models.paper.checkpoint_names import our_name, public_name
from avatar_core.models.paper.conversion import convert, public_shapes
from avatar_core.models.paper.import_checkpoint import import_checkpoint, main, public_tensors
from avatar_core.models.paper.networks import PaperNetworks
from avatar_core.models.paper.weights import load_networks
from tests.models.paper import rule


def hollow(dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """All public names and shapes; every tensor is one stored zero, so that a file of them is small."""
    return {
        name: torch.zeros((), dtype=torch.int64 if name.endswith("tracked") else dtype).expand(shape)
        for name, shape in rule.public_shapes().items()
    }


def refused(tmp_path: Path, content: object, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """The importer's message about ``content`` (saved by torch, or bytes); checks that it left nothing behind."""
    checkpoint, folder = tmp_path / "ckpt.pth", tmp_path / "out"
    folder.mkdir()
    if isinstance(content, bytes):
        checkpoint.write_bytes(content)
    else:
        torch.save(content, checkpoint)
    assert main([str(checkpoint), str(folder / "paper.safetensors"), *options]) == 2
    assert list(folder.iterdir()) == []
    message = capsys.readouterr().err
    assert str(checkpoint) in message
    assert "Traceback" not in message
    return message


def test_names_and_shapes_are_those_of_the_public_checkpoint() -> None:
    assert public_shapes() == rule.public_shapes()
    for name in rule.public_shapes():
        ours = our_name(name)
        assert ours is not None and public_name(ours) == name


def test_networks_have_the_published_sizes() -> None:
    def million(module: torch.nn.Module) -> float:
        return round(sum(parameter.numel() for parameter in module.parameters()) / 1e6, 1)

    with torch.device("meta"):
        networks = PaperNetworks()
    assert million(networks.encoder) == 54.0
    assert million(networks.motion_encoder) == 61.7


def test_learning_rate_factors_are_folded_into_plain_weights() -> None:
    names = (
        "backbone.low_feat_encoder.net.1.attn.q.bias", "backbone.low_feat_encoder.net.0.proj.bias",
        "motion_decoder.transform.proj.bias", "decoder.net.0.weight", "decoder.net.0.bias",
        "motion_decoder.net.2.weight",
    )  # fmt: skip
    shapes = public_shapes()
    converted = convert({name: torch.ones(shapes[name]) for name in names})
    factors = [float(tensor.flatten()[0]) for tensor in converted.values()]
    assert factors == pytest.approx([0.5, 1.0, 0.5, 48**-0.5, 1.0, 96**-0.5])


def test_outputs_that_nothing_reads_are_left_out() -> None:
    converted = convert({"decoder.net.2.bias": torch.arange(22.0)})
    kept = converted["gaussian_decoder.output.bias"].tolist()
    assert kept == [0, 1, 2, 3, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]


def test_a_half_precision_checkpoint_is_converted(tmp_path: Path, public_state: dict[str, Tensor]) -> None:
    halved = {name: value.half() if value.is_floating_point() else value for name, value in public_state.items()}
    torch.save(halved, tmp_path / "half.pth")
    import_checkpoint(tmp_path / "half.pth", tmp_path / "paper.safetensors", half=True)
    weight = PaperNetworks.load(tmp_path / "paper.safetensors").encoder.body.stem.weight
    expected = public_state["backbone.deep_lab_v3.encoder.conv1.weight"]
    straight = load_networks(tmp_path / "half.pth", tmp_path).encoder.body.stem.weight  # without importing first
    assert weight.dtype == straight.dtype == torch.float32
    assert torch.equal(weight, straight)
    assert float((weight - expected).abs().max()) <= 2**-11 * float(expected.abs().max())


def test_prefixes_and_other_networks_are_understood(tmp_path: Path) -> None:
    state = hollow()
    encoder = {f"module.{name}": value for name, value in state.items() if not name.startswith("model.")}
    motion = {name: value for name, value in state.items() if name.startswith("model.")}
    content = {"E": encoder, "M": motion, "discriminator": {"b4.conv.weight": torch.zeros(2)}, "step": 3}
    torch.save(content, tmp_path / "ckpt.pth")
    public, instantiation = public_tensors(tmp_path / "ckpt.pth")
    assert set(public.tensors) == set(state)
    assert public.other == ("discriminator.b4.conv.weight",)
    assert instantiation == "plane"


def test_the_averaged_copy_of_a_network_is_taken(tmp_path: Path) -> None:
    averaged = {name: torch.ones(()).expand(value.shape) for name, value in hollow().items()}
    torch.save({"E": hollow(), "E_ema": averaged}, tmp_path / "ckpt.pth")
    public, _ = public_tensors(tmp_path / "ckpt.pth")
    assert float(public.tensors["decoder.net.0.bias"][0]) == 1.0


def test_the_motion_encoder_may_be_a_file_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = hollow()
    motion = {name: state.pop(name) for name in list(state) if name.startswith("model.")}
    assert "--motion-encoder" in refused(tmp_path, state, capsys)
    torch.save(motion, tmp_path / "motion.pth")
    public, _ = public_tensors(tmp_path / "ckpt.pth", motion_encoder=tmp_path / "motion.pth")
    assert set(public.tensors) == set(rule.public_shapes())


def test_every_wrong_tensor_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = hollow()
    del state["decoder.net.0.bias"], state["model.final_proj.weight"]
    state["backbone.extra.weight"] = torch.zeros(1)
    state["motion_decoder.net.0.weight"] = torch.zeros(96, 47)
    message = refused(tmp_path, state, capsys)
    for named in (
        "2 missing: decoder.net.0.bias, model.final_proj.weight", "1 unexpected: backbone.extra.weight",
        "motion_decoder.net.0.weight (96x47 instead of 96x48)",
    ):  # fmt: skip
        assert named in message


def test_another_architecture_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "another architecture" in refused(tmp_path, torch.nn.Linear(2, 2).state_dict(), capsys)


def test_a_list_is_not_taken_for_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "not a dictionary" in refused(tmp_path, [torch.zeros(2)], capsys)


def test_numbers_that_are_not_finite_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = hollow()
    state["decoder.net.0.bias"] = torch.full((96,), float("nan"))
    assert "not finite in decoder.net.0.bias" in refused(tmp_path, state, capsys)


class Malicious:
    """Unpickles to a call; the file it would make shows whether it ran."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("protocol", [None, 2, 4])
def test_code_inside_a_checkpoint_never_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], protocol: int | None
) -> None:
    trace = tmp_path / "ran"
    content = {"E": torch.zeros(1), "hook": Malicious(trace)}
    message = refused(tmp_path, content if protocol is None else pickle.dumps(content, protocol), capsys)
    assert "would run code" in message or (protocol == 4 and "another kind of file" in message)
    assert not trace.exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_a_truncated_checkpoint_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], share: float) -> None:
    torch.save(hollow(), tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    assert "truncated" in refused(tmp_path, content[: int(share * len(content))], capsys)


def test_a_picture_is_no_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "another kind of file" in refused(tmp_path, b"\x89PNG\r\n\x1a\n" + bytes(1000), capsys)


def test_a_missing_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such checkpoint"):
        import_checkpoint(tmp_path / "none.pth", tmp_path / "out.safetensors")


def test_a_ray_checkpoint_is_not_taken_as_plane(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(tmp_path, {"state_dict": hollow(), "legacy": True}, capsys, "--instantiation", "plane")
    assert "'ray' variant" in message


def test_a_ray_file_is_not_loaded_as_plane(tmp_path: Path) -> None:
    torch.save({"state_dict": hollow(torch.float16), "legacy": True}, tmp_path / "ckpt.pth")
    out = tmp_path / "ray.safetensors"
    import_checkpoint(tmp_path / "ckpt.pth", out, half=True)
    with pytest.raises(WeightsError, match="made for the 'ray' variant"):
        load_networks(out, tmp_path, "plane")
    assert load_networks(out, tmp_path).instantiation == "ray"


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    torch.save(hollow(torch.float16), tmp_path / "ckpt.pth")
    (tmp_path / "out.safetensors").mkdir()
    with pytest.raises(WeightsError, match="cannot be written"):
        import_checkpoint(tmp_path / "ckpt.pth", tmp_path / "out.safetensors", half=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ckpt.pth", "out.safetensors"]


def test_our_own_networks_are_not_the_paper_s() -> None:
    ours = Path(__file__).resolve().parents[3] / "weights" / "motion.safetensors"
    with pytest.raises(WeightsError, match="not weights of the paper's networks"):
        load_networks(ours, ours.parent)


def test_a_truncated_imported_file_is_told(tmp_path: Path, imported: Path) -> None:
    with imported.open("rb") as stream:
        (tmp_path / "cut.safetensors").write_bytes(stream.read(1 << 20))
    with pytest.raises(WeightsError, match="damaged"):
        PaperNetworks.load(tmp_path / "cut.safetensors")


def test_without_a_checkpoint_the_way_to_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="--checkpoint"):
        load_networks(None, tmp_path)
