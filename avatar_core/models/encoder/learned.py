"""The learned encoder as the lift's `Refiner`: runs the network once, on the photo and its mirror image, and turns its
template into samples.

In: `Relief`. Out: `Refinement`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from avatar_core.lift.layer import Layer
from avatar_core.lift.relief import Refinement, Relief
from avatar_core.lift.torso import without_scraps
from avatar_core.models.encoder.appearance import finer
from avatar_core.models.encoder.correction import with_correction
from avatar_core.models.encoder.extent import (
    above_shoulders,
    bare_columns,
    bare_sides,
    run_into_collar,
    stood_for,
)
from avatar_core.models.encoder.far_cheek import FarCheek, mirror_cheek
from avatar_core.models.encoder.far_side import in_colours
from avatar_core.models.encoder.guide import Guide, build_guide
from avatar_core.models.encoder.hidden_colours import hidden_colours
from avatar_core.models.encoder.layout import COLUMNS, PRESENT, ROWS, rays, usable
from avatar_core.models.encoder.mirrored import predict_both_ways
from avatar_core.models.encoder.network import EncoderNetwork, Prediction
from avatar_core.models.encoder.sheet import cut_sheet

LARGE_PERSON = 185_000
"""Pixels of the canvas: a person who covers more has Gaussians enough, and one per cell of the template must do; else
there are two, both ways."""


class LearnedEncoder:
    """Corrects the relief and adds the hidden template layer.

    Args:
        network: trained weights; untrained ones change nothing.
        mean: (478, 3) the mean face that coordinates refer to.
    """

    def __init__(self, network: EncoderNetwork, mean: NDArray[np.floating]) -> None:
        self.network = network.eval()
        self._mean = np.asarray(mean, np.float64)

    @classmethod
    def load(cls, path: str | Path, mean: NDArray[np.floating]) -> LearnedEncoder:
        """The encoder of a weights file.

        Raises:
            WeightsError: see `EncoderNetwork.load`.
        """
        return cls(EncoderNetwork.load(path), mean)

    @torch.inference_mode()
    def refine(self, relief: Relief) -> Refinement:
        """The corrected relief and, to be cut, what the photo hides: the far side and the template."""
        guide = build_guide(relief)
        similarity = torch.from_numpy(guide.canonical_to_head).float()[None]
        prediction = run_into_collar(predict_both_ways(self.network, torch.from_numpy(guide.maps)[None], similarity))
        sides = bare_sides(relief)
        corrected = with_correction(relief, prediction.correction[0].numpy(), sides)
        fine = 1 if (relief.matte.alpha > 0.5).sum() > LARGE_PERSON else 2
        cheek = mirror_cheek(corrected, fine * ROWS, fine * COLUMNS)
        if cheek is not None:
            corrected = cheek.uncovered(corrected)

        def hidden_layers(far_side: Callable[[], Layer]) -> list[Layer]:
            return self._hidden_layers(prediction, guide, corrected, sides, fine, cheek, far_side)

        return Refinement(corrected, hidden_layers)

    @torch.inference_mode()
    def _hidden_layers(
        self, prediction: Prediction, guide: Guide, relief: Relief, sides: tuple[float, float], fine: int,
        cheek: FarCheek | None, far_side: Callable[[], Layer],
    ) -> list[Layer]:  # fmt: skip
        """The rest of the far side, and the template's samples where it is present, on a layout ``fine`` times as
        fine."""
        presence = prediction.presence * torch.from_numpy(usable())
        if not (presence > PRESENT).any() and cheek is None:
            return [far_side()]
        origin, direction = (torch.from_numpy(values).float() for values in rays(fine * ROWS, fine * COLUMNS))
        radius = finer(prediction.radius, fine)[0]
        bare = torch.from_numpy(bare_columns(sides))
        everywhere, present = (finer(cells, fine)[0] for cells in (presence, presence * bare))
        if cheek is not None:
            share = torch.from_numpy(cheek.share)
            mirrored = torch.from_numpy(cheek.radius)
            joined = torch.where(everywhere > PRESENT, torch.lerp(radius, mirrored, share), mirrored)
            radius = torch.where(share > 0, joined, radius)
            everywhere, present = (torch.maximum(cells, share) for cells in (everywhere, present))
        points = origin + direction * radius[..., None]
        colour = hidden_colours(prediction, points, everywhere, guide, relief, sides)
        u = points.numpy().copy()
        if cheek is not None:
            colour += cheek.share[..., None] * (cheek.colour - colour)
            u += cheek.share[..., None] * (cheek.u - u)
        far_cheek = np.zeros(tuple(radius.shape), np.bool_) if cheek is None else cheek.share > 0
        sheet = cut_sheet(points.numpy(), u, (present > PRESENT).numpy(), colour, far_cheek, relief, self._mean)
        stands = np.asarray((presence * bare)[0].numpy() * above_shoulders(), np.float32)
        back = far_side()
        back = without_scraps(back, ~stood_for(back.u, prediction.radius[0].numpy(), stands))
        back = in_colours(back, colour, everywhere.numpy())
        return [back, sheet] if len(sheet) else [back]
