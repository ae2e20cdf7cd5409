"""The paper's networks from whatever file a user has: an imported one, or the public checkpoint itself."""

from __future__ import annotations

import os
from pathlib import Path

from avatar_core.errors import WeightsError
from avatar_core.models.paper.import_checkpoint import converted
from avatar_core.models.paper.networks import PaperNetworks

DEFAULT_NAME = "paper.safetensors"


def load_networks(
    checkpoint: str | os.PathLike[str] | None, folder: str | os.PathLike[str], instantiation: str | None = None
) -> PaperNetworks:
    """Networks of ``checkpoint``, or of ``paper.safetensors`` in ``folder`` when none is named.

    Args:
        instantiation: "plane" or "ray" when the file must be of that variant; None takes what it says.

    Raises:
        WeightsError: no file is there, or it cannot be used.
    """
    path = Path(folder) / DEFAULT_NAME if checkpoint is None else Path(checkpoint).expanduser()
    if checkpoint is None and not path.is_file():
        raise WeightsError(
            f"{path}: the paper's weights are not part of this program. Get the authors' checkpoint (see "
            "avatar_core/models/paper/README.md) and name it with --checkpoint FILE."
        )
    if path.suffix == ".safetensors":
        return PaperNetworks.load(path, instantiation)
    tensors, made_for = converted(path, instantiation)
    networks = PaperNetworks(made_for)
    networks.load_state_dict(tensors, assign=True)
    return networks.eval().requires_grad_(False)
