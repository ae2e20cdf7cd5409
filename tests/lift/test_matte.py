"""Cutting the person out."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from avatar_core.lift.canvas import CANVAS_SIZE, Canvas
from avatar_core.lift.matte import coverage, skin_colour


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


def test_a_worn_edge_between_the_colours_of_clothes_and_ground_is_the_person_s_below_the_jaw():
    black, band, rows = slice(300, None), slice(282, 300), slice(286, 296)
    image = np.full((CANVAS_SIZE, CANVAS_SIZE, 3), 190, np.uint8)
    probability = np.zeros((CANVAS_SIZE, CANVAS_SIZE), np.float32)
    image[band, 200:440], image[black, 200:440] = (120, 105, 130), 10
    probability[band, 200:440], probability[black, 200:440] = 0.45, 1
    face = np.zeros(probability.shape, bool)
    face[400:460, 280:360] = True
    probability[400:, 440:470] = 0.37  # the segmenter is in doubt, the picture shows nothing but ground
    canvas = Canvas(image, np.ones(face.shape, bool), np.zeros((478, 3)), np.eye(2, 3))
    below, above = (coverage(canvas, face, body, probability) for body in (np.ones_like(face), np.zeros_like(face)))
    assert below[rows, 220:420].min() > 0.75
    assert above[rows, 220:420].max() < 0.6
    assert below[:270].max() < 0.02
    assert below[420:600, 452:].max() < 0.1
    things = image.copy()
    things[:270].reshape(9, 30, 16, 40, 3)[::2, :, ::2] = 90
    among_things = coverage(replace(canvas, image=things), face, np.ones_like(face), probability)
    assert among_things[rows, 220:420].max() < 0.7
