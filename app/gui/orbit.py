"""The viewport's camera moves: pure functions from one `ViewState` and a mouse move in pixels to the next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.session_types import ViewState
from avatar_core.camera import DEFAULT_FOV, Camera, focal_from_fov

DEGREES_PER_PIXEL = 0.35
MAX_PITCH = 75.0  # degrees; beyond it the picture turns over too fast to steer
MIN_RADIUS, MAX_RADIUS = 1.2, 9.0  # head-space units; nearer than 1.2 the camera would enter the head
MAX_PAN = 1.0  # head-space units from the head's centre, so that the head cannot be lost
ZOOM_STEP = 1.1  # per wheel notch


def orbit(view: ViewState, right: float, down: float) -> ViewState:
    """Turn the head with the hand: dragging right shows more of the head's side at the left of the picture.

    Args:
        right: mouse move in pixels, positive to the right.
        down: mouse move in pixels, positive downwards.
    """
    yaw = (view.yaw - right * DEGREES_PER_PIXEL + 180.0) % 360.0 - 180.0
    pitch = float(np.clip(view.pitch + down * DEGREES_PER_PIXEL, -MAX_PITCH, MAX_PITCH))
    return replace(view, yaw=yaw, pitch=pitch)


def pan(view: ViewState, right: float, down: float, side: float) -> ViewState:
    """Move the picture with the hand: the head follows the mouse exactly at its own depth.

    Args:
        right: mouse move in pixels, positive to the right.
        down: mouse move in pixels, positive downwards.
        side: side of the displayed square in pixels.
    """
    if side <= 0:
        return view
    units_per_pixel = view.radius / (focal_from_fov(DEFAULT_FOV) * side)
    axes = Camera.orbit(view.yaw, view.pitch, view.radius).cam2world[:3, :3]  # columns: right, down, forward
    target = np.asarray(view.target) - units_per_pixel * (right * axes[:, 0] + down * axes[:, 1])
    x, y, z = (float(value) for value in np.clip(target, -MAX_PAN, MAX_PAN))
    return replace(view, target=(x, y, z))


def zoom(view: ViewState, notches: float) -> ViewState:
    """Come nearer by `ZOOM_STEP` per wheel notch (positive: away from the user's palm)."""
    return replace(view, radius=float(np.clip(view.radius / ZOOM_STEP**notches, MIN_RADIUS, MAX_RADIUS)))


def fitted_square(width: float, height: float) -> tuple[float, float, float]:
    """Left, top and side in pixels of the largest centred square in a ``width`` x ``height`` area."""
    side = max(1.0, min(width, height))
    return (width - side) / 2.0, (height - side) / 2.0, side
