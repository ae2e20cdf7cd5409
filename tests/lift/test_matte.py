"""Cutting the person out."""

from __future__ import annotations

import cv2
import numpy as np

from avatar_core.lift.matte import skin_colour


def test_ears_are_not_half_transparent(relief):
    picture, face = relief.canvas.image.astype(np.float32) / 255, relief.face
    skin = skin_colour(picture, face.mesh.inside)
    hue = np.abs(picture / np.maximum(picture.sum(-1, keepdims=True), 0.01) - skin / skin.sum()).sum(-1)
    left, right = face.landmarks[[234, 454], 0]
    x, y = np.meshgrid(np.arange(picture.shape[1]), np.arange(picture.shape[0]))
    beside = np.minimum(np.abs(x - left), np.abs(x - right)) < 0.25 * face.eye_distance
    beside &= ((x < left) | (x > right)) & (y > face.landmarks[234, 1]) & (y < face.landmarks[132, 1])
    inner = cv2.erode((hue < 0.08).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0  # their rim is soft
    ears = inner & beside
    assert ears.sum() > 100  # of the photo alone, whatever the matte says
    assert np.mean(relief.matte.alpha[ears] > 0.85) > 0.9
