"""Every stage of the paper's networks against the reference's outputs, weights through the importer.

Tolerance: 1e-4 of a stage's standard deviation in float32. Two places differ. Fine samples of the ray variant invert
a peaked distribution, which no float32 port repeats to 1e-4: their depths are held to 5e-4 (head-space units), their
attributes at the reference's own positions. Counts of kept candidates may differ by those that lie on the threshold.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from avatar_core.camera import Camera
from avatar_core.gaussians import COLOR, MEAN, QUATERNION, SCALE
from avatar_core.models.paper.activation import activate, density
from avatar_core.models.paper.instantiation import (
    COARSE,
    FINE,
    MINIMUM_DENSITY,
    Candidates,
    RaySamples,
    from_mean_plane,
    from_rays,
    sample_planes,
)
from avatar_core.models.paper.networks import PaperNetworks
from avatar_core.models.paper.transformer import to_map
from tests.models.paper import rule

Golden = dict[str, NDArray[np.generic]]
TOLERANCE = 1e-4  # of the standard deviation of a stage's values
DEPTH_TOLERANCE = 5e-4  # head-space units, fine samples
THRESHOLD_CELLS, THRESHOLD_SAMPLES = 3, 12  # candidates whose density lies within rounding of the threshold
PERIOD = COARSE + FINE


def difference(golden: Golden, key: str, values: Tensor) -> float:
    """Largest difference to the golden ``key`` in its standard deviations."""
    reference = np.asarray(golden[key], np.float64)
    actual = values.detach().double().numpy()
    assert actual.shape == reference.shape, key
    return float(np.abs(actual - reference).max() / reference.std())


def at(golden: Golden, stage: str, values: Tensor) -> Tensor:
    return values.contiguous().flatten()[torch.from_numpy(golden[f"pos.{stage}"]).long()]


class Recorder:
    """Keeps what modules put out while they run."""

    def __init__(self) -> None:
        self.outputs: dict[str, Tensor] = {}

    def listen(self, stage: str, module: nn.Module, take: Callable[..., Tensor] = lambda output: output) -> None:
        module.register_forward_hook(lambda _, __, output: self.outputs.__setitem__(stage, take(output)))


@pytest.fixture(scope="module")
def encoder_outputs(networks: PaperNetworks) -> dict[str, dict[str, Tensor]]:
    """All stages of E for the pattern ("p") and for zeros ("z")."""
    recorder, encoder = Recorder(), networks.encoder

    def first(output: tuple[Tensor, object]) -> Tensor:
        return output[0]

    recorder.listen("stem", encoder.body, first)
    for index in range(1, 5):
        recorder.listen(f"enc_layer{index}", getattr(encoder.body, f"stage{index}"))
    recorder.listen("aspp", encoder.head.pyramid)
    recorder.listen("deeplab_low", encoder.head)
    low, decoder = encoder.low_branch, encoder.decoder
    recorder.listen("low_embed", low.embedding, first)
    recorder.listen("low_block1", low.blocks[0])
    recorder.listen("low_block2", low.blocks[1], lambda tokens: to_map(tokens, (32, 32)))
    recorder.listen("low_ps_up", low.unfold)
    recorder.listen("low_branch", low)
    recorder.listen("high_branch", encoder.high_branch)
    recorder.listen("dec_embed", decoder.embedding, first)
    recorder.listen("dec_block", decoder.block, lambda tokens: to_map(tokens, (64, 64)))
    recorder.listen("dec_layer_1", decoder.layer1)
    recorder.listen("dec_up", decoder.upsample)
    recorder.listen("dec_layer_4", decoder.layer4)
    recorder.listen("planes", encoder)
    outputs = {}
    for key, image in (("p", rule.image(512)), ("z", torch.zeros(1, 3, 512, 512))):
        encoder(image)
        outputs[key] = dict(recorder.outputs)
    return outputs


@pytest.fixture(scope="module")
def cells(golden: Golden) -> Tensor:
    return torch.from_numpy(golden["pos.cells"]).long()


@pytest.fixture(scope="module")
def plane(networks: PaperNetworks, encoder_outputs: dict[str, dict[str, Tensor]]) -> Candidates:
    return from_mean_plane(encoder_outputs["p"]["planes"][0].mean(0), networks.gaussian_decoder)


@pytest.fixture(scope="module")
def ray(networks: PaperNetworks, encoder_outputs: dict[str, dict[str, Tensor]]) -> tuple[Candidates, RaySamples]:
    return from_rays(encoder_outputs["p"]["planes"][0], networks.gaussian_decoder)


def assert_attributes(golden: Golden, key: str, raw: Tensor, rows: NDArray[np.bool_] | slice = slice(None)) -> None:
    planar = activate(raw)
    for name, values in (
        ("sigma", density(raw)[:, None]),
        ("rgb", planar[COLOR].T),
        ("delta", planar[MEAN].T),
        ("scaling", planar[SCALE].T),
        ("rotation", planar[QUATERNION].T),
    ):
        reference = {"": golden[f"{key}.{name}"][rows]}
        assert difference(reference, "", values) < TOLERANCE, name


def test_the_rule_makes_the_weights_the_reference_ran_with() -> None:
    checksums = rule.public_checksums()
    for name in list(checksums)[::9]:
        values = np.ascontiguousarray(rule.tensor(name, rule.public_shapes()[name]))
        assert zlib.crc32(values.tobytes()) == checksums[name], name


@pytest.mark.parametrize(("side", "name"), [(512, "image512"), (224, "image224")])
def test_the_pattern_picture_is_the_reference_s(golden: Golden, side: int, name: str) -> None:
    assert (
        float((at(golden, name, rule.image(side)) - torch.from_numpy(golden[f"in.{name}_samples"])).abs().max()) < 1e-6
    )


@pytest.mark.parametrize("key", ["p", "z"])
def test_every_stage_of_the_encoder(golden: Golden, encoder_outputs: dict[str, dict[str, Tensor]], key: str) -> None:
    stages = [stage for stage in encoder_outputs[key] if f"{key}.{stage}" in golden]
    assert len(stages) == (19 if key == "p" else 5)
    for stage in stages:
        values = at(golden, stage, encoder_outputs[key][stage])
        assert difference(golden, f"{key}.{stage}", values) < TOLERANCE, stage


def test_the_short_way_to_the_mean_plane(
    networks: PaperNetworks, encoder_outputs: dict[str, dict[str, Tensor]]
) -> None:
    planes = encoder_outputs["p"]["planes"].mean(1)
    assert float((networks.encoder.mean_plane(rule.image(512)) - planes).abs().max() / planes.std()) < 2e-5


def test_plane_instantiation(
    golden: Golden, networks: PaperNetworks, plane: Candidates, cells: Tensor,
    encoder_outputs: dict[str, dict[str, Tensor]],
) -> None:  # fmt: skip
    assert difference(golden, "p.plane.feature", plane.f[cells]) < TOLERANCE
    assert difference(golden, "p.plane.motion", plane.m[cells]) < TOLERANCE
    zeros = from_mean_plane(encoder_outputs["z"]["planes"][0].mean(0), networks.gaussian_decoder)
    for key, candidates in (("p", plane), ("z", zeros)):
        assert abs(int(candidates.kept.sum()) - int(golden[f"{key}.plane.count_kept"])) <= THRESHOLD_CELLS


def test_gaussian_decoder(golden: Golden, networks: PaperNetworks, plane: Candidates, cells: Tensor) -> None:
    assert_attributes(golden, "p.plane", networks.gaussian_decoder(plane.f[cells]))


def test_motion_decoder(golden: Golden, networks: PaperNetworks, plane: Candidates, cells: Tensor) -> None:
    u, v = rule.codes()
    for key, source, driver in (("uv", u, v), ("vu", v, u), ("uu", u, u)):
        delta = networks.motion_decoder(plane.m[cells], source, driver)
        assert difference(golden, f"p.delta_f.{key}", delta) < TOLERANCE, key
    moved = plane.f[cells] + networks.motion_decoder(plane.m[cells], u, v)
    assert_attributes(golden, "p.anim", networks.gaussian_decoder(moved))


def test_the_ray_camera_is_the_reference_s(golden: Golden) -> None:
    camera = Camera.orbit()
    assert np.abs(camera.cam2world - golden["p.ray.cam2world"]).max() < 1e-6
    assert np.abs(camera.intrinsics - golden["p.ray.intrinsics"]).max() < 1e-5


def test_ray_samples(golden: Golden, ray: tuple[Candidates, RaySamples]) -> None:
    candidates, samples = ray
    rows = torch.from_numpy(golden["pos.ray_gaussians"]).long()
    coarse = (rows % PERIOD < COARSE).numpy()
    error = np.abs(samples.depths.flatten()[rows].numpy() - golden["p.ray.depth"])
    assert error[coarse].max() < 1e-6
    assert error[~coarse].max() < DEPTH_TOLERANCE
    assert np.abs(samples.depths[0, :COARSE].numpy() - golden["p.ray.coarse_depths_ray0"]).max() < 1e-6
    assert difference(golden, "p.ray.dir", samples.directions[rows // PERIOD]) < TOLERANCE
    positions = {"": golden["p.ray.pos"][coarse]}
    assert difference(positions, "", samples.points[rows[torch.from_numpy(coarse)]]) < TOLERANCE
    assert abs(int(candidates.kept.sum()) - int(golden["p.ray.count_kept"])) <= THRESHOLD_SAMPLES


def test_ray_attributes_at_the_reference_s_positions(
    golden: Golden, networks: PaperNetworks, encoder_outputs: dict[str, dict[str, Tensor]]
) -> None:
    seen = sample_planes(encoder_outputs["p"]["planes"][0], torch.from_numpy(golden["p.ray.pos"]))
    assert difference(golden, "p.ray.feature", seen[:, :48]) < TOLERANCE
    assert difference(golden, "p.ray.motion", seen[:, 48:]) < TOLERANCE
    raw = networks.gaussian_decoder(torch.from_numpy(golden["p.ray.feature"]))
    assert_attributes(golden, "p.ray", raw)
    assert np.array_equal((density(raw) >= MINIMUM_DENSITY).numpy(), golden["p.ray.mask"])


def test_every_stage_of_the_motion_encoder(golden: Golden, networks: PaperNetworks) -> None:
    recorder, face = Recorder(), networks.motion_encoder.face
    modules = {
        "fan_bn1": face.stem_norm, "fan_conv2": face.block1, "fan_att1": face.attention1, "fan_conv4": face.block3,
        "fan_att2": face.attention2, "fan_m0": face.hourglass, "fan_bn_end0": face.mix_norm,
        "fan_att3": face.attention3, "fan_conv6": face.gather,
    }  # fmt: skip
    for stage, module in modules.items():
        recorder.listen(stage, module)
    recorder.listen("fan_fc", face.code, lambda code: code[0])
    code = networks.motion_encoder(rule.image(224))
    for stage in modules:
        assert difference(golden, f"m.{stage}", at(golden, stage, recorder.outputs[stage])) < TOLERANCE, stage
    assert difference(golden, "m.fan_fc", recorder.outputs["fan_fc"]) < TOLERANCE
    assert difference(golden, "m.out", code[0]) < TOLERANCE
    assert difference(golden, "m.out_zeros", networks.motion_encoder(torch.zeros(1, 3, 224, 224))[0]) < TOLERANCE
