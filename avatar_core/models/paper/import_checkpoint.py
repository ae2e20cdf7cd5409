"""Import the paper authors' checkpoint.

    python -m avatar_core.models.paper.import_checkpoint ckpt.pth out.safetensors

Nothing in the file is executed, every tensor is checked against the published architecture, and the output appears
under its name only when it is complete.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError
from torch import Tensor

from avatar_core.errors import AvatarError, WeightsError
from avatar_core.models.paper.conversion import convert
from avatar_core.models.paper.instantiation import INSTANTIATIONS
from avatar_core.models.paper.networks import metadata
from avatar_core.models.paper.public_checkpoint import PublicCheckpoint, read_public_checkpoint
from avatar_core.weights_file import write_tensors


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the import; returns the process's exit status."""
    options = _parser().parse_args(arguments)
    try:
        public = import_checkpoint(
            options.checkpoint, options.out, options.instantiation, options.motion_encoder, half=options.half
        )
    except AvatarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"Wrote {len(public.tensors)} tensors to '{options.out}'.")
    if public.other:
        print(f"Left out {len(public.other)} tensors that belong to no network used here: {', '.join(public.other)}")
    return 0


def import_checkpoint(
    checkpoint: Path,
    out: Path,
    instantiation: str | None = None,
    motion_encoder: Path | None = None,
    *,
    half: bool = False,
) -> PublicCheckpoint:
    """Write ``checkpoint`` as ``out``; see `public_tensors` for the arguments.

    Args:
        half: keep the numbers as float16, half the size.

    Raises:
        WeightsError: bad input, or ``out`` cannot be written; nothing is left under its name.
    """
    if out.suffix != ".safetensors":
        raise WeightsError(f"{out}: the output must end in .safetensors.")
    public, stated = public_tensors(checkpoint, instantiation, motion_encoder)
    tensors = convert(public.tensors)
    if half:
        tensors = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    try:
        write_tensors(out, tensors, metadata(stated))
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{out}: cannot be written ({error}). Choose another place.") from error
    return public


def public_tensors(
    checkpoint: Path, instantiation: str | None = None, motion_encoder: Path | None = None
) -> tuple[PublicCheckpoint, str]:
    """The checked tensors of ``checkpoint`` and the instantiation they are for.

    Args:
        instantiation: how the weights make Gaussians: "plane" (the release) or "ray" (the paper). None takes what the
            checkpoint states, and "plane" where it states nothing: names and shapes are alike in both.
        motion_encoder: the motion encoder's file, where it is apart.

    Raises:
        WeightsError: bad input.
    """
    public = read_public_checkpoint([checkpoint, *([motion_encoder] if motion_encoder else [])])
    if instantiation is not None and public.instantiation not in (None, instantiation):
        raise WeightsError(
            f"{checkpoint}: this is a checkpoint of the {public.instantiation!r} variant and cannot be used as "
            f"{instantiation!r}. Leave the variant out, or take the other checkpoint."
        )
    return public, instantiation or public.instantiation or "plane"


def converted(checkpoint: Path, instantiation: str | None = None) -> tuple[dict[str, Tensor], str]:
    """Our state dict straight from a public checkpoint, and its instantiation; nothing is written.

    Raises:
        WeightsError: bad input.
    """
    public, stated = public_tensors(checkpoint, instantiation)
    return convert(public.tensors), stated


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m avatar_core.models.paper.import_checkpoint", description="Import the paper's public checkpoint."
    )
    parser.add_argument("checkpoint", type=Path, metavar="CKPT.pth")
    parser.add_argument("out", type=Path, metavar="OUT.safetensors")
    parser.add_argument(
        "--motion-encoder", type=Path, metavar="FILE", help="the motion encoder's weights, where CKPT.pth has none"
    )
    parser.add_argument(
        "--instantiation", choices=INSTANTIATIONS, help="the variant the weights were trained for (default: as stated)"
    )
    parser.add_argument("--half", action="store_true", help="keep the numbers as float16")
    return parser


if __name__ == "__main__":
    sys.exit(main())
