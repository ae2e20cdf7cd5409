"""Cutting the person out."""

from __future__ import annotations

import cv2
import numpy as np

from avatar_core.lift.matte import median_colour


def test_ears_are_not_half_transparent(relief):
    picture = relief.canvas.image.astype(np.float32) / 255
    skin = median_colour(picture[relief.face.mesh.inside])
    hue = np.abs(picture / np.maximum(picture.sum(-1, keepdims=True), 0.01) - skin / skin.sum()).sum(-1)
    left, right = relief.face.landmarks[[234, 454], 0]
    x = np.arange(picture.shape[1])[None, :]
    ear = (hue < 0.06) & ((x < left) | (x > right)) & (relief.matte.alpha > 0.3) & ~relief.face.body
    ear &= np.abs(np.arange(len(picture))[:, None] - relief.face.landmarks[234, 1]) < relief.face.eye_distance
    within = cv2.erode(ear.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert within.sum() > 150
    assert np.mean(relief.matte.alpha[within] > 0.85) > 0.9
