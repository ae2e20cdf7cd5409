"""The learned encoder as the lift's `Refiner`: runs the network once and turns its template into samples.

In: `Relief`. Out: `Refinement`.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from avatar_core.avatar import PART_NAMES
from avatar_core.lift.canvas import CANVAS_SIZE, pixel_grid, project, unproject
from avatar_core.lift.coordinates import HAIR_DISTANCE, head_expression_weight, head_part, neck_weight
from avatar_core.lift.fill import nearest
from avatar_core.lift.layer import Layer
from avatar_core.lift.maps import distance_from, smoothstep
from avatar_core.lift.relief import Refinement, Relief
from avatar_core.models.encoder.appearance import blend_sources, sample
from avatar_core.models.encoder.guide import Guide, build_guide, with_correction
from avatar_core.models.encoder.layout import CENTRE, COLUMNS, DOME_SHARE, ROWS, cell_azimuth, locate, rays, usable
from avatar_core.models.encoder.network import EncoderNetwork, Prediction
from avatar_core.models.encoder.projection import canvas_position
from avatar_core.tracking.topology import MESH_COUNT

LARGE_PERSON = 185_000
"""Pixels of the canvas: a person who covers more has Gaussians enough, and one per cell of the template must do; else
there are two, both ways."""
PRESENT = 0.4
BURIED = 0.012
"""Canonical units that the template lies under what the photo shows, where both are."""
OUTGROWN, HEAD_ABOVE, BESIDE = 1.5, -0.8, 7
"""Below canonical y `HEAD_ABOVE`, far-side samples beyond this multiple of the template's radius are shoulders and
stay; cells up to half of `BESIDE` from the template's edge count as its own."""
BESIDE_NECK, BELOW_EAR = np.linspace(0.85, 1.1, 6), np.linspace(-1.05, -0.5, 8)
"""Canonical |x| and y where a bare neck leaves the background to be seen and hanging hair does not."""
LARGEST_GAIN = 6.0
OPAQUE, INSET, CLEARANCE = 0.9, 6.0, 0.01
"""How far within the person's outline (coverage, pixels) and behind the visible surface (inter-ocular distances) the
template stays: its samples are soft discs."""
FARTHEST_OUT = 0.3  # inter-ocular distances outside the outline beyond which a sample is left out
LONGEST_STEP, SMALLEST_AREA = 2.5, 0.02  # of a sample, over the median one
SHOULDERS = -1.3  # canonical y
BARE_FROM, BARE_FULLY = 0.3, 0.6
HEAD_NECK = PART_NAMES.index("head_neck")


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

    @torch.no_grad()
    def refine(self, relief: Relief) -> Refinement:
        """The corrected relief and what the photo hides, as one sheet of samples."""
        guide = build_guide(relief)
        similarity = torch.from_numpy(guide.canonical_to_head).float()[None]
        prediction = self.network(torch.from_numpy(guide.maps)[None], similarity)
        presence = prediction.presence[0].numpy() * (usable() & _above_shoulders()) * _bare(relief)
        corrected = with_correction(relief, prediction.correction[0].numpy())
        layer = self._sheet(prediction, torch.from_numpy(presence), guide, corrected)
        radius = prediction.radius[0].numpy()

        def replaces(canonical: NDArray[np.floating]) -> NDArray[np.bool_]:
            return _stood_for(canonical, radius, presence)

        return Refinement(corrected, [layer] if len(layer) else [], replaces)

    def _sheet(self, prediction: Prediction, presence: Tensor, guide: Guide, relief: Relief) -> Layer:
        """The template's samples where it is present."""
        fine = 1 if (relief.matte.alpha > 0.5).sum() > LARGE_PERSON else 2
        origin, direction = (torch.from_numpy(values).float() for values in rays(fine * ROWS, fine * COLUMNS))
        radius = _finer(prediction.radius[0, None], fine)[0]
        present = _finer(presence[None], fine)[0]
        points = (origin + direction * radius[..., None])[None]
        similarity = torch.from_numpy(guide.canonical_to_head).float()[None]
        front, back, coverage = (
            torch.from_numpy(np.ascontiguousarray(np.moveaxis(values, -1, 0)))[None]
            for values in (guide.front, guide.back, guide.coverage[..., None])
        )
        base = _finer(prediction.colour[0].movedim(-1, 0), fine).movedim(0, -1)[None]
        rim = sample(back, canvas_position(points, similarity))
        base = _in_the_photos_colours(base, present, rim)
        gates = _finer(prediction.gates[0].movedim(-1, 0), fine).movedim(0, -1)[None]
        colour = blend_sources(points, direction, similarity, front, back, coverage, base, gates)[0].numpy()
        return self._cut(points[0].numpy(), present.numpy(), colour, relief)

    def _cut(
        self, points: NDArray[np.float32], present: NDArray[np.float32], colour: NDArray[np.float32], relief: Relief
    ) -> Layer:
        inward = points - CENTRE
        inward /= np.linalg.norm(inward, axis=-1, keepdims=True)
        placed, hidden = _behind_photo(relief.face.to_head.apply(points - BURIED * inward), relief)
        chosen, stride = _thin_out((present > PRESENT) & hidden)
        across = 0.5 * (np.roll(placed, -1, axis=1) - np.roll(placed, 1, axis=1)) * stride[:, None, None]
        upward = -np.gradient(placed, axis=0)
        area = np.linalg.norm(np.cross(across, upward), axis=-1)
        chosen &= area > (SMALLEST_AREA * float(np.median(area[chosen])) if chosen.any() else 0.0)
        canonical = points[chosen]
        distance = self._from_face(canonical)
        moves = head_expression_weight(distance) * (canonical[:, 1] > -1.3)
        part = np.where(moves > 0, head_part(canonical, distance, self._mean), HEAD_NECK).astype(np.uint8)
        return Layer(
            position=placed[chosen],
            across=_not_longer(across[chosen]),
            upward=_not_longer(upward[chosen]),
            colour=np.clip(colour[chosen], 0, 1).astype(np.float32),
            coverage=np.ones(len(canonical), np.float32),
            u=canonical.astype(np.float32),
            part=part,
            neck_weight=neck_weight(canonical),
            expression_weight=moves.astype(np.float32),
            seen=np.zeros(len(canonical), bool),
        )

    def _from_face(self, canonical: NDArray[np.float32]) -> NDArray[np.float32]:
        """Distance (N,) to the mean face's mesh."""
        away, _ = cKDTree(self._mean[:MESH_COUNT]).query(canonical, distance_upper_bound=2 * HAIR_DISTANCE)
        return np.minimum(away, 2 * HAIR_DISTANCE).astype(np.float32)


def _not_longer(steps: NDArray[np.floating]) -> NDArray[np.float32]:
    """Steps (N, 3) between samples, the longest of them shortened: drawn in to the outline, neighbours may part."""
    length = np.linalg.norm(steps, axis=1, keepdims=True)
    limit = LONGEST_STEP * float(np.median(length)) if len(steps) else 0.0
    return np.asarray(steps * np.minimum(1, limit / np.maximum(length, 1e-9)), np.float32)


def _behind_photo(points: NDArray[np.floating], relief: Relief) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Head-space points (R, C, 3) drawn in to the person's outline, and whether (R, C) each lies behind what the photo
    shows there: the template must not be seen in the photo's own view. Beyond the photo's edge nothing is known."""
    place = project(points.reshape(-1, 3))
    column, row = np.floor(place[:, 0]).astype(int), np.floor(place[:, 1]).astype(int)
    outside = (column < 0) | (column >= CANVAS_SIZE) | (row < 0) | (row >= CANVAS_SIZE)
    row, column = np.clip(row, 0, CANVAS_SIZE - 1), np.clip(column, 0, CANVAS_SIZE - 1)
    free = outside | ~relief.canvas.valid[row, column]
    inner = distance_from(relief.matte.alpha < OPAQUE) > INSET
    x, y = pixel_grid()
    inmost = nearest(np.stack([x, y], axis=-1), inner)[row, column]
    moves = ~inner[row, column] & ~free
    target = np.where(moves[:, None], inmost, place[:, :2])
    near = np.linalg.norm(target - place[:, :2], axis=1) < FARTHEST_OUT * relief.face.eye_distance
    row, column = (np.clip(target[:, axis].astype(int), 0, CANVAS_SIZE - 1) for axis in (1, 0))
    shown = np.where(relief.face.body, relief.surfaces.body, relief.surfaces.head)[row, column]
    behind = place[:, 2] < shown - CLEARANCE * relief.face.eye_distance
    moved = np.where(moves[:, None], unproject(target[:, 0], target[:, 1], place[:, 2]), points.reshape(-1, 3))
    hidden = free | (near & behind)
    return moved.reshape(points.shape).astype(np.float32), hidden.reshape(points.shape[:2])


def _above_shoulders() -> NDArray[np.bool_]:
    """(80, 1) rows above the neck's flare into the shoulders, which the lift knows from the matte."""
    origin, _ = rays()
    return origin[:, :1, 1] > SHOULDERS


def _bare(relief: Relief) -> NDArray[np.float32]:
    """(120,) 1 in the columns where nothing hangs beside the neck, 0 where hair does.

    There the lift's far side, which follows the hair's outline, stays whole: a template that ended in the middle of the
    hair would show as a step.
    """
    across, level = np.meshgrid(BESIDE_NECK, BELOW_EAR)
    sides = []
    for side in (-1.0, 1.0):
        points = np.stack([side * across, level, np.full_like(across, CENTRE[2])], axis=-1).reshape(-1, 3)
        place = project(relief.face.to_head.apply(points)).astype(int)
        inside = ((place[:, :2] >= 0) & (place[:, :2] < CANVAS_SIZE)).all(1)
        covered = relief.matte.alpha[place[inside, 1], place[inside, 0]]
        sides.append(1 - float(covered.mean()) if len(covered) else 1.0)
    azimuth = cell_azimuth()
    left_to_right = np.where(np.abs(azimuth) < 90, azimuth, np.sign(azimuth) * (180 - np.abs(azimuth))) / 180 + 0.5
    share = sides[0] + (sides[1] - sides[0]) * left_to_right
    return smoothstep((share - BARE_FROM) / (BARE_FULLY - BARE_FROM))


def _in_the_photos_colours(base: Tensor, present: Tensor, rim: Tensor) -> Tensor:
    """The decoder's colours (1, R, C, 3), scaled so that above the ears their mean is that of the person's rim: the
    decoder knows where hair ends and how it is shaded, the photo knows its colour.

    Args:
        rim: (1, R, C, 3) what the lift's far side has at the same places.
    """
    crown = present > PRESENT
    crown[round(DOME_SHARE * len(crown)) :] = False
    if not crown.any():
        return base
    own, made = rim[0][crown].mean(0), base[0][crown].clamp(min=0).mean(0)
    return base * (own / made.clamp(min=0.02)).clamp(1 / LARGEST_GAIN, LARGEST_GAIN)


def _stood_for(
    canonical: NDArray[np.floating], radius: NDArray[np.float32], presence: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """(N,) whether canonical points of the far side belong to cells of the template, or lie close beside them."""
    place = locate(canonical)
    row = np.clip(place[:, 0].astype(int), 0, ROWS - 1)
    column = place[:, 1].astype(int) % COLUMNS
    present = cv2.dilate((presence > PRESENT).astype(np.uint8), np.ones((BESIDE, BESIDE), np.uint8)) > 0
    head = canonical[:, 1] > HEAD_ABOVE
    inside = (place[:, 0] < ROWS) & (head | (place[:, 2] < OUTGROWN * radius[row, column]))
    return inside & present[row, column]


def _finer(values: Tensor, fine: int) -> Tensor:
    """(K, R, C) -> (K, fine R, fine C) bilinear, closed round the head."""
    ring = functional.pad(values[None], (1, 1, 0, 0), mode="circular")
    size = (fine * values.shape[1], fine * (values.shape[2] + 2))
    return functional.interpolate(ring, size=size, mode="bilinear", align_corners=False)[0, :, :, fine:-fine]


def _thin_out(present: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Cells to keep, fewer towards the crown where columns run together, and each row's step between kept columns."""
    rows, columns = present.shape
    _, direction = rays(rows, 1)
    flat = np.hypot(direction[:, 0, 0], direction[:, 0, 2])
    stride = 2 ** np.clip(np.floor(np.log2(1 / np.maximum(flat, 1e-3))), 0, 5).astype(int)
    kept = np.arange(columns)[None, :] % stride[:, None] == 0
    return present & kept, stride.astype(np.float32)
