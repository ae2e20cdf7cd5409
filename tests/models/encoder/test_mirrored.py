"""A photo and its mirror image, seen together."""

from __future__ import annotations

import torch

from avatar_core.models.encoder.mirrored import mirrored_input, mirrored_prediction, predict_both_ways
from avatar_core.models.encoder.network import EncoderNetwork


def _trained() -> EncoderNetwork:
    """A network whose last layers say something."""
    torch.manual_seed(5)
    network = EncoderNetwork().eval()
    with torch.no_grad():
        for last in (network.correction, network.template_head.conv):
            last.weight.normal_(0, 0.1)
    return network


def _input() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(6)
    similarity = torch.eye(4)[None].clone()
    similarity[0, :3, 3] = torch.tensor([0.1, -0.05, 0.02])
    return torch.randn(1, 12, 160, 160), similarity


@torch.inference_mode()
def test_the_mirror_image_of_a_photo_gives_the_mirror_image_of_its_prediction():
    network, (maps, similarity) = _trained(), _input()
    once = network(maps, similarity)
    seen = predict_both_ways(network, maps, similarity)
    reflected = mirrored_prediction(predict_both_ways(network, *mirrored_input(maps, similarity)))
    for name in ("correction", "radius", "presence", "colour", "gates"):
        assert torch.allclose(getattr(seen, name), getattr(reflected, name), atol=1e-4), name
        assert not torch.allclose(getattr(seen, name), getattr(once, name), atol=1e-4), name


@torch.inference_mode()
def test_mirrored_twice_is_the_photo():
    maps, similarity = _input()
    again = mirrored_input(*mirrored_input(maps, similarity))
    assert torch.equal(again[0], maps) and torch.equal(again[1], similarity)
