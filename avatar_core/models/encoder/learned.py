"""The learned encoder as the lift's `Refiner`: runs the network once, on the photo and its mirror image, and turns its
template into samples.

In: `Relief`. Out: `Refinement`.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from avatar_core.lift.layer import Layer
from avatar_core.lift.maps import median_colour
from avatar_core.lift.relief import Refinement, Relief
from avatar_core.models.encoder.appearance import blend_sources, sample
from avatar_core.models.encoder.correction import with_correction
from avatar_core.models.encoder.extent import (
    above_shoulders,
    bare_columns,
    bare_sides,
    run_into_collar,
    stood_for,
)
from avatar_core.models.encoder.far_cheek import FarCheek, mirror_cheek
from avatar_core.models.encoder.guide import Guide, build_guide
from avatar_core.models.encoder.hair_texture import hair_texture, shown_hair
from avatar_core.models.encoder.layout import COLUMNS, PRESENT, ROWS, rays, usable
from avatar_core.models.encoder.mirrored import predict_both_ways
from avatar_core.models.encoder.nape import hair_to_nape, neck_sides
from avatar_core.models.encoder.network import EncoderNetwork, Prediction
from avatar_core.models.encoder.projection import canvas_position
from avatar_core.models.encoder.seam import without_seam
from avatar_core.models.encoder.sheet import cut_sheet

LARGE_PERSON = 185_000
"""Pixels of the canvas: a person who covers more has Gaussians enough, and one per cell of the template must do; else
there are two, both ways."""
LARGEST_GAIN = 6.0  # of a colour
NEARBY = 8  # of the layout's rows and columns that count as round about


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
        """The corrected relief and, to be cut, what the photo hides as one sheet of samples."""
        guide = build_guide(relief)
        similarity = torch.from_numpy(guide.canonical_to_head).float()[None]
        prediction = run_into_collar(predict_both_ways(self.network, torch.from_numpy(guide.maps)[None], similarity))
        sides = bare_sides(relief)
        presence = prediction.presence[0].numpy() * usable() * bare_columns(sides)
        corrected = with_correction(relief, prediction.correction[0].numpy(), sides)
        radius = prediction.radius[0].numpy()
        fine = 1 if (relief.matte.alpha > 0.5).sum() > LARGE_PERSON else 2
        cheek = mirror_cheek(corrected, fine * ROWS, fine * COLUMNS)
        if cheek is not None:
            corrected = cheek.uncovered(corrected)

        def make_layers() -> list[Layer]:
            layer = self._sheet(prediction, torch.from_numpy(presence), guide, corrected, fine, cheek)
            return [layer] if len(layer) else []

        def replaces(canonical: NDArray[np.floating]) -> NDArray[np.bool_]:
            return stood_for(canonical, radius, presence * above_shoulders())

        return Refinement(corrected, make_layers, replaces)

    @torch.inference_mode()
    def _sheet(
        self, prediction: Prediction, presence: Tensor, guide: Guide, relief: Relief, fine: int, cheek: FarCheek | None
    ) -> Layer:
        """The template's samples where it is present, on a layout ``fine`` times as fine."""
        origin, direction = (torch.from_numpy(values).float() for values in rays(fine * ROWS, fine * COLUMNS))
        radius = _finer(prediction.radius[0, None], fine)[0]
        present = _finer(presence[None], fine)[0]
        if cheek is not None:
            share = torch.from_numpy(cheek.share)
            mirrored = torch.from_numpy(cheek.radius)
            radius = torch.where(present > PRESENT, torch.lerp(radius, mirrored, share), mirrored)
            present = torch.maximum(present, share)
        points = (origin + direction * radius[..., None])[None]
        similarity = torch.from_numpy(guide.canonical_to_head).float()[None]
        front, back, coverage = (
            torch.from_numpy(np.ascontiguousarray(np.moveaxis(values, -1, 0)))[None]
            for values in (guide.front, guide.back, guide.coverage[..., None])
        )
        base = _finer(prediction.colour[0].movedim(-1, 0), fine).movedim(0, -1)[None]
        rim = sample(back, canvas_position(points, similarity))
        hair = shown_hair(relief, *radius.shape)
        texture = hair_texture(hair)
        base = _in_the_photos_colours(base, present, rim) + torch.from_numpy(texture)
        gates = _finer(prediction.gates[0].movedim(-1, 0), fine).movedim(0, -1)[None]
        colour = blend_sources(points, direction, similarity, front, back, coverage, base, gates)[0].numpy()
        skin = median_colour(relief.matte.foreground[relief.face.mesh.inside])
        sides, bare = neck_sides(relief, skin)
        colour = without_seam(hair_to_nape(colour, texture, skin, sides, bare), hair, bare)
        u = points[0].numpy().copy()
        if cheek is not None:
            colour += cheek.share[..., None] * (cheek.colour - colour)
            u += cheek.share[..., None] * (cheek.u - u)
        far_cheek = np.zeros(tuple(radius.shape), np.bool_) if cheek is None else cheek.share > 0
        return cut_sheet(points[0].numpy(), u, (present > PRESENT).numpy(), colour, far_cheek, relief, self._mean)


def _in_the_photos_colours(base: Tensor, present: Tensor, rim: Tensor) -> Tensor:
    """The decoder's colours (1, R, C, 3), scaled so that everywhere their mean round about is that of the person's rim:
    the decoder knows where hair ends and how it is shaded, the photo knows the colours.

    Args:
        rim: (1, R, C, 3) what the lift's far side has at the same places.
    """
    cells = (present > PRESENT).float()
    own, made = (_round_about(values[0].movedim(-1, 0).clamp(min=0), cells) for values in (rim, base))
    gain = (own / made.clamp(min=0.02)).clamp(1 / LARGEST_GAIN, LARGEST_GAIN)
    return base * gain.movedim(0, -1)


def _round_about(values: Tensor, cells: Tensor) -> Tensor:
    """Means (K, R, C) of ``values`` over the ``cells`` (R, C) near each place, closed round the head."""
    rows, columns = cells.shape
    up, side = rows // NEARBY, columns // NEARBY
    weighted = torch.cat([values * cells, cells[None]])
    ring = functional.pad(weighted[None], (side, side, 0, 0), mode="circular")[0].movedim(0, -1)
    size = (2 * side + 1, 2 * up + 1)
    means = cv2.blur(np.ascontiguousarray(ring.numpy()), size, borderType=cv2.BORDER_CONSTANT)[:, side:-side]
    return torch.from_numpy(means[..., :-1] / np.maximum(means[..., -1:], 1e-6)).movedim(-1, 0)


def _finer(values: Tensor, fine: int) -> Tensor:
    """(K, R, C) -> (K, fine R, fine C) bilinear, closed round the head."""
    ring = functional.pad(values[None], (1, 1, 0, 0), mode="circular")
    size = (fine * values.shape[1], fine * (values.shape[2] + 2))
    return functional.interpolate(ring, size=size, mode="bilinear", align_corners=False)[0, :, :, fine:-fine]
