"""The encoder's network: starts at zero, its weights file, its colours."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from avatar_core.errors import WeightsError
from avatar_core.models.encoder.appearance import blend_sources
from avatar_core.models.encoder.guide import COLOUR_SIZE, GUIDE_CHANNELS, GUIDE_SIZE
from avatar_core.models.encoder.layout import COLUMNS, ROWS
from avatar_core.models.encoder.network import EncoderNetwork


@pytest.fixture
def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    similarity = torch.diag(torch.tensor([0.18, 0.18, 0.18, 1.0]))
    return torch.rand(2, GUIDE_CHANNELS, GUIDE_SIZE, GUIDE_SIZE, generator=generator), similarity.expand(2, 4, 4)


def trained_looking() -> EncoderNetwork:
    """A network whose last layers are not zero."""
    torch.manual_seed(0)
    network = EncoderNetwork()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return network.eval()


def test_an_untrained_network_corrects_nothing_and_shows_no_template(
    inputs: tuple[torch.Tensor, torch.Tensor],
) -> None:
    prediction = EncoderNetwork()(*inputs)
    assert not prediction.correction.any()
    assert not prediction.presence.any()
    assert prediction.radius.shape == (2, ROWS, COLUMNS)
    assert torch.equal(prediction.radius, torch.ones(2, ROWS, COLUMNS))


def test_gradients_reach_every_parameter_once_the_last_layers_are_not_zero(
    inputs: tuple[torch.Tensor, torch.Tensor],
) -> None:
    network = trained_looking()
    prediction = network(*inputs)
    values = (prediction.correction, prediction.radius, prediction.presence, prediction.colour, prediction.gates)
    torch.stack([(value * torch.randn_like(value)).sum() for value in values]).sum().backward()
    still = [
        name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert not still


def test_weights_survive_their_file_in_half_precision(
    tmp_path: Path, inputs: tuple[torch.Tensor, torch.Tensor]
) -> None:
    network = trained_looking()
    network.save(tmp_path / "encoder.safetensors")
    loaded = EncoderNetwork.load(tmp_path / "encoder.safetensors")
    with torch.no_grad():
        before, after = network(*inputs), loaded(*inputs)
    assert torch.allclose(before.radius, after.radius, atol=5e-3)
    assert torch.allclose(before.correction, after.correction, atol=5e-3)


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    weights = Path(__file__).parents[3] / "weights" / "motion.safetensors"
    with pytest.raises(WeightsError, match=r"motion\.safetensors.*learned encoder"):
        EncoderNetwork.load(weights)
    with pytest.raises(WeightsError, match="missing"):
        EncoderNetwork.load(tmp_path / "encoder.safetensors")


@pytest.mark.parametrize(("source", "expected"), [(None, 0.5), (2, 0.9)])
def test_gates_choose_where_a_colour_comes_from(source: int | None, expected: float) -> None:
    network = EncoderNetwork()
    similarity = torch.diag(torch.tensor([0.18, 0.18, 0.18, 1.0]))[None]
    front = torch.full((1, 3, COLOUR_SIZE, COLOUR_SIZE), 0.1)
    back, coverage = torch.full_like(front, 0.9), torch.ones(1, 1, COLOUR_SIZE, COLOUR_SIZE)
    base = torch.full((1, ROWS, COLUMNS, 3), 0.5)
    gates = torch.full((1, ROWS, COLUMNS, 3), -9.0)
    if source is not None:
        gates[..., source] = 6.0
    points = network.points(torch.ones(1, ROWS, COLUMNS))
    shown = blend_sources(points, network.rays_direction, similarity, front, back, coverage, base, gates)
    assert torch.allclose(shown, torch.full_like(shown, expected), atol=0.01)
