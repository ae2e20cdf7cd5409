"""The frame equation in its plain form, and the weights file."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import torch

from avatar_core.avatar import PART_NAMES
from avatar_core.errors import WeightsError
from avatar_core.models.networks import FORMAT, MotionNetworks
from avatar_core.weights_file import CHECKSUM_FILE, expected_sha256, record_sha256, sha256_of, write_tensors


def _points(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    u = torch.rand(count, 3, generator=generator) - 0.5
    normal = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=1)
    return u, normal, torch.arange(count, dtype=torch.uint8) % len(PART_NAMES)


def test_nothing_moves_when_the_driver_shows_the_source_expression(networks: MotionNetworks) -> None:
    f, m = networks.describe(*_points(40))
    activations = torch.rand(networks.activation_count)
    with torch.no_grad():
        assert torch.count_nonzero(networks.change(f, m, activations, activations)) == 0
        assert networks.change(f, m, activations, torch.zeros_like(activations)).abs().max() > 1e-3


def test_points_are_described_one_by_one(networks: MotionNetworks) -> None:
    u, normal, part = _points(30)
    f, m = networks.describe(u, normal, part)
    alone_f, alone_m = networks.describe(u[7:8], normal[7:8], part[7:8])
    torch.testing.assert_close(f[7:8], alone_f)
    torch.testing.assert_close(m[7:8], alone_m)


def test_body_and_back_are_described_as_head_and_neck(networks: MotionNetworks) -> None:
    u, normal, _ = _points(3)
    labels = torch.tensor([PART_NAMES.index(name) for name in ("head_neck", "body", "back")], dtype=torch.uint8)
    f, _ = networks.describe(u[:1].expand(3, 3), normal[:1].expand(3, 3), labels)
    torch.testing.assert_close(f[1], f[0])
    torch.testing.assert_close(f[2], f[0])


def test_no_points_give_no_descriptors(networks: MotionNetworks) -> None:
    f, m = networks.describe(torch.zeros(0, 3), torch.zeros(0, 3), torch.zeros(0, dtype=torch.uint8))
    assert f.shape == m.shape == (0, 48)


def test_wrong_shapes_are_answered_with_the_shapes_that_were_given(networks: MotionNetworks) -> None:
    with pytest.raises(ValueError, match=r"\(3, 10\)"):
        networks.describe(torch.zeros(3, 10), torch.zeros(3, 10), torch.zeros(10))


def test_saved_weights_load_unchanged(networks: MotionNetworks, tmp_path: Path) -> None:
    networks.save(tmp_path / "motion.safetensors", {"steps": "1"})
    loaded = MotionNetworks.load(tmp_path / "motion.safetensors")
    assert loaded.residual_count == networks.residual_count
    for name, tensor in networks.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    assert [path.name for path in tmp_path.iterdir()] == ["motion.safetensors"]


def test_missing_weights_are_named_with_the_way_back(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nowhere\.safetensors.*missing.*git checkout"):
        MotionNetworks.load(tmp_path / "nowhere.safetensors")


def test_a_damaged_file_is_told_apart_by_its_checksum(networks: MotionNetworks, tmp_path: Path) -> None:
    path = tmp_path / "motion.safetensors"
    networks.save(path)
    record_sha256(path)
    expected = sha256_of(path)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(WeightsError, match=f"damaged.*{expected}.*git checkout"):
        MotionNetworks.load(path)


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", struct.pack("<Q", 2**60) + b"{}"])
def test_what_is_no_safetensors_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "motion.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"motion\.safetensors.*cannot be read"):
        MotionNetworks.load(path)


def test_a_truncated_file_is_refused(networks: MotionNetworks, tmp_path: Path) -> None:
    path = tmp_path / "motion.safetensors"
    networks.save(path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(WeightsError, match="cannot be read"):
        MotionNetworks.load(path)


def test_another_shape_is_named(networks: MotionNetworks, tmp_path: Path) -> None:
    tensors = networks.state_dict()
    tensors["code.bias"] = torch.zeros(3)
    write_tensors(tmp_path / "m.safetensors", tensors, {"format": FORMAT, "version": "1", "residual_count": "5"})
    with pytest.raises(WeightsError, match=r"code\.bias has shape \(3,\), expected \(512,\)"):
        MotionNetworks.load(tmp_path / "m.safetensors")


def test_numbers_that_are_not_finite_are_refused(networks: MotionNetworks, tmp_path: Path) -> None:
    with torch.no_grad():
        networks.code.bias[0] = float("nan")
    networks.save(tmp_path / "m.safetensors")
    with pytest.raises(WeightsError, match=r"code\.bias contains numbers that are not finite"):
        MotionNetworks.load(tmp_path / "m.safetensors")


@pytest.mark.parametrize("metadata", [{}, {"format": FORMAT, "version": "99"}, {"format": "something else"}])
def test_another_format_or_version_is_refused(
    metadata: dict[str, str], networks: MotionNetworks, tmp_path: Path
) -> None:
    write_tensors(tmp_path / "m.safetensors", networks.state_dict(), metadata)
    with pytest.raises(WeightsError, match="version"):
        MotionNetworks.load(tmp_path / "m.safetensors")


def test_an_absurd_residual_count_is_refused(networks: MotionNetworks, tmp_path: Path) -> None:
    own = {"format": FORMAT, "version": "1", "residual_count": "99999999"}
    write_tensors(tmp_path / "m.safetensors", networks.state_dict(), own)
    with pytest.raises(WeightsError, match="residual_count"):
        MotionNetworks.load(tmp_path / "m.safetensors")


def test_checksums_keep_the_lines_of_other_files(tmp_path: Path) -> None:
    for name in ("a.bin", "b.bin"):
        (tmp_path / name).write_bytes(json.dumps(name).encode())
        record_sha256(tmp_path / name)
    (tmp_path / "a.bin").write_bytes(b"new")
    record_sha256(tmp_path / "a.bin")
    assert expected_sha256(tmp_path / "a.bin") == sha256_of(tmp_path / "a.bin")
    assert expected_sha256(tmp_path / "b.bin") == sha256_of(tmp_path / "b.bin")
    assert len((tmp_path / CHECKSUM_FILE).read_text().splitlines()) == 2
