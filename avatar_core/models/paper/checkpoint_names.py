"""The public checkpoint's tensor names and what they are called here.

Modules are listed one by one; a tensor keeps the last part of its name (weight, bias, running_mean ...). The first part
of our names is the network: encoder, gaussian_decoder, motion_decoder, motion_encoder.
"""

from __future__ import annotations

_Parts = tuple[tuple[str, str], ...]

_BASIC_BLOCK_PARTS: _Parts = (("conv1", "first"), ("conv2", "second"), ("downsample.0", "shortcut"))
_TRANSFORMER_PARTS: _Parts = (
    ("norm1", "attention_norm"),
    ("attn.q", "attention.query"),
    ("attn.kv", "attention.key_value"),
    ("attn.proj", "attention.project"),
    ("attn.sr", "attention.reduce"),
    ("attn.norm", "attention.reduce_norm"),
    ("norm2", "feed_forward_norm"),
    ("mlp.fc1", "feed_forward.expand"),
    ("mlp.dwconv.dwconv", "feed_forward.neighbours"),
    ("mlp.fc2", "feed_forward.contract"),
)
_PYRAMID_BLOCK_PARTS: _Parts = (
    ("bn1", "first.norm"),
    ("conv1", "first.conv"),
    ("bn2", "second.norm"),
    ("conv2", "second.conv"),
    ("bn3", "third.norm"),
    ("conv3", "third.conv"),
    ("downsample.0", "shortcut.norm"),
    ("downsample.2", "shortcut.conv"),
)
_ATTENTION_PARTS: _Parts = (
    ("norm", "norm"),
    ("pos_embed.proj", "embed"),
    ("transformer_blocks.0.norms.0", "attention_norm"),
    ("transformer_blocks.0.attention_blocks.0.to_q", "attention.query"),
    ("transformer_blocks.0.attention_blocks.0.to_k", "attention.key"),
    ("transformer_blocks.0.attention_blocks.0.to_v", "attention.value"),
    ("transformer_blocks.0.attention_blocks.0.to_out.0", "attention.project"),
    ("transformer_blocks.0.ff_norm", "feed_forward_norm"),
    ("transformer_blocks.0.ff.net.0.proj", "feed_forward.expand"),
    ("transformer_blocks.0.ff.net.2", "feed_forward.contract"),
    ("proj_out", "project"),
)
_DEPTH = 4  # of the hourglass; its public levels count down to the smallest map


def _below(public: str, ours: str, parts: _Parts) -> list[tuple[str, str]]:
    return [(f"{public}.{part}", f"{ours}.{name}") for part, name in parts]


def _encoder_rules() -> list[tuple[str, str]]:
    backbone, low, decoder = "backbone.deep_lab_v3", "backbone.low_feat_encoder", "backbone.feat_decoder"
    rules = [
        (f"{backbone}.encoder.conv1", "encoder.body.stem"),
        (f"{backbone}.decoder.aspp.convs.0.0", "encoder.head.pyramid.point"),
        *((f"{backbone}.decoder.aspp.convs.{k + 1}.net.0", f"encoder.head.pyramid.dilated.{k}") for k in range(3)),
        (f"{backbone}.decoder.aspp.convs.4.1", "encoder.head.pyramid.pooled"),
        (f"{backbone}.decoder.aspp.project.0", "encoder.head.pyramid.project"),
        (f"{backbone}.decoder.project.0", "encoder.head.project"),
        (f"{low}.net.0.proj", "encoder.low_branch.embedding.project"),
        (f"{low}.net.0.norm", "encoder.low_branch.embedding.norm"),
        (f"{low}.net.5", "encoder.low_branch.first"),
        (f"{low}.project", "encoder.low_branch.last"),
        ("backbone.high_feat_encoder.in_layer", "encoder.high_branch.layers.0"),
        *((f"backbone.high_feat_encoder.layer{k}", f"encoder.high_branch.layers.{k}") for k in range(1, 5)),
        ("backbone.high_feat_encoder.out_layer", "encoder.high_branch.layers.5"),
        (f"{decoder}.in_layer.0", "encoder.decoder.join"),
        (f"{decoder}.in_layer.1.proj", "encoder.decoder.embedding.project"),
        (f"{decoder}.in_layer.1.norm", "encoder.decoder.embedding.norm"),
        *((f"{decoder}.layer_{k}", f"encoder.decoder.layer{k}") for k in range(1, 5)),
        (f"{decoder}.out_layer", "encoder.decoder.output"),
    ]
    for stage in range(1, 5):
        for block in (0, 1):
            ours = f"encoder.body.stage{stage}.{block}"
            parts = _BASIC_BLOCK_PARTS[: 3 if stage > 1 and block == 0 else 2]
            rules += _below(f"{backbone}.encoder.layer{stage}.{block}", ours, parts)
    for index in (0, 1):
        rules += _below(f"{low}.net.{index + 1}", f"encoder.low_branch.blocks.{index}", _TRANSFORMER_PARTS)
    return rules + _below(f"{decoder}.in_layer.2", "encoder.decoder.block", _TRANSFORMER_PARTS)


def _decoder_rules() -> list[tuple[str, str]]:
    return [
        ("decoder.net.0", "gaussian_decoder.hidden"),
        ("decoder.net.2", "gaussian_decoder.output"),
        ("motion_decoder.transform.mapping", "motion_decoder.mapping"),
        ("motion_decoder.transform.proj", "motion_decoder.modulated"),
        ("motion_decoder.net.0", "motion_decoder.hidden"),
        ("motion_decoder.net.2", "motion_decoder.output"),
    ]


def _motion_encoder_rules() -> list[tuple[str, str]]:
    face, ours = "model.model", "motion_encoder.face"
    rules = [
        (f"{face}.conv1", f"{ours}.stem"),
        (f"{face}.bn1", f"{ours}.stem_norm"),
        (f"{face}.conv_last0", f"{ours}.mix"),
        (f"{face}.bn_end0", f"{ours}.mix_norm"),
        (f"{face}.l0", f"{ours}.maps"),
        (f"{face}.bn5", f"{ours}.maps_norm"),
        (f"{face}.conv6", f"{ours}.gather"),
        (f"{face}.fc", f"{ours}.code"),
        ("model.bbox_proj.0", "motion_encoder.box_first"),
        ("model.bbox_proj.3", "motion_encoder.box_last"),
        ("model.final_proj", "motion_encoder.project"),
    ]
    for index in (1, 2, 3):
        rules += _below(f"{face}.conv{index + 1}", f"{ours}.block{index}", _PYRAMID_BLOCK_PARTS)
        rules += _below(f"{face}.att_{index}", f"{ours}.attention{index}", _ATTENTION_PARTS)
    for level in range(_DEPTH):
        for public, name in (("b1", "detail"), ("b2", "descend"), ("b3", "ascend")):
            block = f"{face}.m0.{public}_{_DEPTH - level}"
            rules += _below(block, f"{ours}.hourglass.{name}.{level}", _PYRAMID_BLOCK_PARTS)
    rules += _below(f"{face}.m0.b2_plus_1", f"{ours}.hourglass.bottom", _PYRAMID_BLOCK_PARTS)
    return rules + _below(f"{face}.top_m_0", f"{ours}.top", _PYRAMID_BLOCK_PARTS)


_OURS = dict([*_encoder_rules(), *_decoder_rules(), *_motion_encoder_rules()])
_PUBLIC = {ours: public for public, ours in _OURS.items()}
_POSITION = ("model.pe", "motion_encoder.position")


def our_name(public: str) -> str | None:
    """What the public tensor ``public`` is called here, or None when the published architecture has no such module."""
    if public == _POSITION[0]:
        return _POSITION[1]
    module, _, leaf = public.rpartition(".")
    return f"{_OURS[module]}.{leaf}" if module in _OURS else None


def public_name(ours: str) -> str:
    """What our tensor ``ours`` is called in the public checkpoint.

    Raises:
        KeyError: no such tensor.
    """
    if ours == _POSITION[1]:
        return _POSITION[0]
    module, _, leaf = ours.rpartition(".")
    return f"{_PUBLIC[module]}.{leaf}"
