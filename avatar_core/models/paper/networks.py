"""The paper's networks together: encoder E, Phi, Psi and motion encoder M, and their file.

A file is safetensors with the metadata ``format``, ``version`` and ``instantiation`` ("plane" or "ray"); the names in
it are those of `PaperNetworks.state_dict`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from avatar_core.errors import WeightsError
from avatar_core.models.gaussian_decoder import GaussianDecoder
from avatar_core.models.motion_decoder import MotionDecoder
from avatar_core.models.paper.encoder import PlaneEncoder
from avatar_core.models.paper.instantiation import INSTANTIATIONS
from avatar_core.models.paper.motion_encoder import VisualMotionEncoder
from avatar_core.weights_file import write_tensors

FORMAT, VERSION = "paper-networks", "1"
DELTA_GAIN = 0.01
_LISTED = 5  # problems told of a file that this program wrote itself
_IMPORT = "python -m avatar_core.models.paper.import_checkpoint"


class PaperNetworks(nn.Module):
    """All learned parts; ``instantiation`` says how planes become Gaussians, which the weights are trained for."""

    def __init__(self, instantiation: str = "plane") -> None:
        super().__init__()
        if instantiation not in INSTANTIATIONS:
            raise ValueError(f"instantiation must be one of {', '.join(INSTANTIATIONS)}, got {instantiation!r}")
        self.instantiation = instantiation
        self.encoder = PlaneEncoder()
        self.gaussian_decoder = GaussianDecoder()
        self.motion_decoder = MotionDecoder(DELTA_GAIN)
        self.motion_encoder = VisualMotionEncoder()

    def save(self, path: str | Path) -> None:
        """Write the weights; the file appears under its name only when complete."""
        write_tensors(Path(path), self.state_dict(), metadata(self.instantiation))

    @classmethod
    def load(cls, path: str | Path, instantiation: str | None = None) -> PaperNetworks:
        """Networks with the weights of an imported file, float32.

        Args:
            instantiation: what the file must have been made for; None takes what it says.

        Raises:
            WeightsError: missing, damaged, of another format or architecture, or for the other instantiation.
        """
        source = Path(path)
        if not source.is_file():
            raise WeightsError(f"{source}: no such weights file. Import one with: {_IMPORT} CHECKPOINT {source}")
        try:
            with safe_open(str(source), framework="pt") as reader:
                about = reader.metadata() or {}
                if about.get("format") != FORMAT or about.get("version") != VERSION:
                    raise WeightsError(
                        f"{source}: not weights of the paper's networks (format {FORMAT} {VERSION}). "
                        f"Import the public checkpoint with: {_IMPORT} CHECKPOINT OUT.safetensors"
                    )
                made_for = about.get("instantiation", "")
                _check_instantiation(source, made_for, instantiation)
                networks = cls(made_for)
                names = list(reader.keys())
                _check_tensors(source, {name: tuple(reader.get_slice(name).get_shape()) for name in names}, networks)
                tensors = {name: reader.get_tensor(name) for name in networks.state_dict()}
        except (SafetensorError, OSError) as error:
            raise WeightsError(
                f"{source}: damaged or not a safetensors file ({error}). Import the checkpoint again: {_IMPORT}"
            ) from error
        for name, tensor in tensors.items():
            if tensor.is_floating_point():
                tensors[name] = tensor.float()
                if not bool(torch.isfinite(tensor).all()):
                    raise WeightsError(f"{source}: {name} holds numbers that are not finite; the file is damaged.")
        networks.load_state_dict(tensors, assign=True)
        return networks.eval().requires_grad_(False)


def metadata(instantiation: str) -> dict[str, str]:
    """What a file says about itself."""
    return {"format": FORMAT, "version": VERSION, "instantiation": instantiation}


def _check_instantiation(source: Path, made_for: str, wanted: str | None) -> None:
    if made_for not in INSTANTIATIONS:
        raise WeightsError(f"{source}: unknown instantiation {made_for!r}; import the checkpoint again: {_IMPORT}")
    if wanted is not None and wanted != made_for:
        raise WeightsError(
            f"{source}: these weights were made for the {made_for!r} variant and cannot run as {wanted!r}. "
            f"Start without naming the variant, or import the other checkpoint."
        )


def _check_tensors(source: Path, found: dict[str, tuple[int, ...]], networks: PaperNetworks) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in networks.state_dict().items()}
    problems = [f"{name} is missing" for name in expected if name not in found]
    problems += [f"{name} is unknown" for name in found if name not in expected]
    problems += [
        f"{name} is {found[name]} instead of {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    if problems:
        shown = "; ".join(problems[:_LISTED]) + (
            f"; and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
        )
        raise WeightsError(f"{source}: other tensors than this version has: {shown}. Import again: {_IMPORT}")
