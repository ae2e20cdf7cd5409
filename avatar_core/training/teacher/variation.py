"""Random identities from a few portraits: another head under the skin, another face's texture, light, colours, hair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from avatar_core.models.anatomy import gaze_rotation
from avatar_core.training.teacher.avatar import TeacherAvatar
from avatar_core.training.teacher.eyes import directions
from avatar_core.training.teacher.fit import IDENTITY_LIMIT
from avatar_core.training.teacher.lids import closing
from avatar_core.training.teacher.regions import step
from avatar_core.training.teacher_geometry import SKIN

VARIED_IDENTITIES, DECAY = 60, 60.0
"""Noise exp(-k / DECAY) N(0, 1) on the first identity directions."""
SWAP_CHANCE, RELIGHT_CHANCE, COLOUR_CHANCE, HAIR_CHANCE = 0.4, 0.5, 0.6, 0.6
HAIR_RANGE = (0.5, 1.4)
FRINGE_CONTRAST = 0.2  # difference of forehead and cheeks, colours in [0, 1]
NECK = (-15.0, -8.5)  # heights between which the identity's effect fades in: clothes stay
_RELIEF_NEIGHBOURS = 8
_LUMA = np.array([0.299, 0.587, 0.114])


def vary(avatar: TeacherAvatar, rng: np.random.Generator, others: Sequence[TeacherAvatar]) -> TeacherAvatar:
    """A random person made from ``avatar``, with the face texture of one of ``others`` at times.

    The topology and the samples stay; shape, texture, light, hue, gamma and the thickness of the hair change.
    """
    result = reshape(avatar, rng)
    if rng.random() < HAIR_CHANCE:
        result = rethicken(result, float(rng.uniform(*HAIR_RANGE)))
    donors = [other for other in others if other is not avatar and has_bare_brow(other)]
    if donors and rng.random() < SWAP_CHANCE:
        result = swap_texture(result, donors[int(rng.integers(len(donors)))])
    if rng.random() < RELIGHT_CHANCE:
        direction = np.array([rng.normal(), rng.normal(0.3, 0.5), abs(rng.normal(0.8, 0.4))])
        tint = 1 + rng.normal(0, 0.06, 3)
        result = relight(result, direction, float(rng.uniform(0.5, 0.85)), tint)
    if rng.random() < COLOUR_CHANCE:
        result = recolour(
            result, float(rng.normal(0, 0.12)), float(np.exp(rng.normal(0, 0.2))), float(rng.uniform(0.7, 1.2))
        )
    return result


def has_bare_brow(avatar: TeacherAvatar) -> bool:
    """Whether the forehead is skin, not a fringe, whose lower end would be painted over another's brows."""
    place = avatar.model.skin.position
    forehead = (place[:, 1] > 5.2) & (place[:, 1] < 7.0) & (np.abs(place[:, 0]) < 3.5) & (place[:, 2] > 5)
    cheeks = (np.abs(place[:, 1]) < 1.5) & (np.abs(place[:, 0]) > 2.5) & (np.abs(place[:, 0]) < 5.0) & (place[:, 2] > 5)
    difference = np.median(avatar.skin_colour[forehead], axis=0) - np.median(avatar.skin_colour[cheeks], axis=0)
    return float(np.abs(difference).max()) < FRINGE_CONTRAST


def reshape(avatar: TeacherAvatar, rng: np.random.Generator, sigma: float = 1.0) -> TeacherAvatar:
    """The same texture on another head: identity noise of ``sigma`` standard deviations."""
    model = avatar.model
    change = np.zeros(len(model.identity))
    change[:VARIED_IDENTITIES] = (
        sigma * rng.normal(size=VARIED_IDENTITIES) * np.exp(-np.arange(VARIED_IDENTITIES) / DECAY)
    )
    identity = np.clip(avatar.fit.identity + change, -IDENTITY_LIMIT, IDENTITY_LIMIT)
    change = identity - avatar.fit.identity
    move = np.tensordot(change.astype(np.float32), model.identity, 1)
    move *= step(model.neutral[:, 1], *NECK)[:, None].astype(np.float32)
    eyes = avatar.eye_centres + change @ model.eye_shifts
    return _moved(replace(avatar, fit=replace(avatar.fit, identity=identity), eye_centres=eyes), move)


def rethicken(avatar: TeacherAvatar, factor: float) -> TeacherAvatar:
    """Hair ``factor`` times as thick as in the photo."""
    move = np.zeros_like(avatar.base)
    move[SKIN] = (factor - 1) * avatar.hair
    return _moved(replace(avatar, hair=avatar.hair * np.float32(factor)), move)


def swap_texture(avatar: TeacherAvatar, donor: TeacherAvatar) -> TeacherAvatar:
    """The face of ``donor`` painted on ``avatar``, brought to its skin tone at the border; eyes too."""
    samples, face = avatar.model.skin, avatar.model.regions.face
    weight = samples.at(face)[:, None]
    inner = weight[:, 0] > 0.7
    gain = (_skin_tone(avatar.skin_colour[inner]) / np.maximum(_skin_tone(donor.skin_colour[inner]), 0.02)) ** 0.9
    gain = np.clip(gain, 0.3, 3.0)
    colour = avatar.skin_colour + weight * (np.clip(donor.skin_colour * gain, 0, 1) - avatar.skin_colour)
    under_weight = face[:, None]
    under = avatar.under_colour + under_weight * (np.clip(donor.under_colour * gain, 0, 1) - avatar.under_colour)
    lids = replace(avatar.lids, closed=_clipped(donor.lids.closed * gain), vertex=_clipped(donor.lids.vertex * gain))
    return replace(
        avatar,
        skin_colour=colour.astype(np.float32),
        seen=np.minimum(avatar.seen, np.where(weight[:, 0] > 0, donor.seen, 1)).astype(np.float32),
        under_colour=under.astype(np.float32),
        eye_colour=donor.eye_colour,
        lids=lids,
    )


def relight(
    avatar: TeacherAvatar, direction: NDArray[np.floating], ambient: float, tint: NDArray[np.floating]
) -> TeacherAvatar:
    """Lambertian light from ``direction`` (3,) in head axes over an ``ambient`` share, coloured by ``tint`` (3,)."""
    model = avatar.model
    towards = np.asarray(direction, np.float64) / np.linalg.norm(direction)

    def shade(normal: NDArray[np.floating]) -> NDArray[np.float64]:
        unit = normal / (np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-9)
        light = np.clip(0.6 * (unit @ towards) + 0.4, 0, 1)
        return (ambient + 1.3 * (1.05 - ambient) * light)[..., None] * np.asarray(tint)

    normals = model.normals(avatar.vertices(avatar.source_activations))
    skin = shade(model.skin.at(normals))
    under = shade(normals[SKIN])
    balls = np.stack([directions() @ gaze_rotation(angles).T for angles in avatar.source_gaze])
    return replace(
        avatar,
        skin_colour=_clipped(avatar.skin_colour * skin),
        under_colour=_clipped(avatar.under_colour * under),
        mouth_colour=_clipped(avatar.mouth_colour * shade(np.zeros(3))),
        eye_colour=_clipped(avatar.eye_colour * shade(balls)),
        lids=replace(
            avatar.lids,
            closed=_clipped(avatar.lids.closed * skin[avatar.lids.rows]),
            vertex=_clipped(avatar.lids.vertex * under),
        ),
        relief=replace(avatar.relief, colour=_clipped(avatar.relief.colour * shade(avatar.relief.normal))),
    )


def recolour(avatar: TeacherAvatar, hue: float, gamma: float, saturation: float) -> TeacherAvatar:
    """All colours turned by ``hue`` radians about the grey axis, scaled in ``saturation``, and raised to ``gamma``."""
    cosine, sine = np.cos(hue), np.sin(hue)
    grey = np.full((3, 3), 1 / 3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    turn = cosine * np.eye(3) + (1 - cosine) * grey + sine * cross

    def changed(colour: NDArray[np.floating]) -> NDArray[np.float32]:
        turned = colour @ turn.T
        luma = (turned @ _LUMA)[..., None]
        return _clipped(np.clip(luma + saturation * (turned - luma), 0, 1) ** gamma)

    return replace(
        avatar,
        skin_colour=changed(avatar.skin_colour),
        under_colour=changed(avatar.under_colour),
        mouth_colour=changed(avatar.mouth_colour),
        eye_colour=changed(avatar.eye_colour),
        lids=replace(avatar.lids, closed=changed(avatar.lids.closed), vertex=changed(avatar.lids.vertex)),
        relief=replace(avatar.relief, colour=changed(avatar.relief.colour)),
    )


def _moved(avatar: TeacherAvatar, move: NDArray[np.floating]) -> TeacherAvatar:
    """``avatar`` with its vertices displaced by ``move`` (V, 3), clothes and long hair carried along."""
    relief = avatar.relief
    if len(relief.position):
        distance, nearest = cKDTree(avatar.base[SKIN]).query(relief.position, k=_RELIEF_NEIGHBOURS)
        weight = 1 / (distance + 0.5)
        weight /= weight.sum(1, keepdims=True)
        shift = np.einsum("nkc,nk->nc", move[SKIN][nearest], weight)
        relief = replace(relief, position=(relief.position + shift).astype(np.float32))
    base = (avatar.base + move).astype(np.float32)
    return replace(avatar, base=base, relief=relief, lid_closing=closing(avatar.model, base))


def _skin_tone(colour: NDArray[np.floating]) -> NDArray[np.float64]:
    brightness = colour.mean(1)
    return np.median(colour[brightness > np.median(brightness)], axis=0)


def _clipped(colour: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.clip(colour, 0, 1).astype(np.float32)
