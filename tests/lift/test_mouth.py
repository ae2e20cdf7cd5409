"""The inside of the mouth as the user sees it: closed behind the lips, teeth of one colour."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from avatar_core.avatar import PART_NAMES, Avatar
from avatar_core.camera import Camera
from avatar_core.engine import AvatarEngine
from avatar_core.gaussians import COLOR
from avatar_core.lift.mouth_sheets import ARCH_FRONT_LOWER, LOWER_EDGE, UPPER_EDGE, arch, gums, teeth, tongue
from avatar_core.motion import ACTIVATION_NAMES, HeadPose, Motion
from avatar_core.tracking.photo_face import PhotoFaceFinder
from avatar_core.tracking.topology import CHEEKS, INNER_LIPS, LOWER_LIP_INNER, UPPER_LIP_INNER

WEIGHTS = Path(__file__).parents[2] / "weights"
SIZE = 512


@pytest.fixture(scope="module")
def engine() -> AvatarEngine:
    return AvatarEngine.from_pretrained(WEIGHTS, "cpu", encoder="lift")


@pytest.fixture(scope="module")
def smiling(engine: AvatarEngine) -> Avatar:
    return engine.encode(skimage.data.astronaut())


def _named(avatar: Avatar, **values: float) -> Motion:
    activations = avatar.source_activations[: len(ACTIVATION_NAMES)].copy()
    for name, value in values.items():
        activations[ACTIVATION_NAMES.index(name)] = value
    return Motion(
        displacement=None, landmarks=None, activations=activations, gaze=np.zeros((2, 2), np.float32), pose=HeadPose()
    )


@pytest.mark.parametrize("yaw", [-40.0, 0.0, 40.0])
@pytest.mark.parametrize("open_mouth", [{"mouthFunnel": 0.8, "jawOpen": 0.3}, {"jawOpen": 0.8}])
def test_one_does_not_look_through_the_open_mouth(engine, smiling, yaw, open_mouth):
    camera = Camera.orbit(yaw)
    motion = _named(smiling, **open_mouth)
    dark, bright = (
        engine.render(smiling, motion, camera, SIZE, ground).astype(float) for ground in ((0, 0, 0), (255, 255, 255))
    )
    clear = (bright - dark).mean(-1) / 255
    lips = camera.project(smiling.landmarks[list(INNER_LIPS)].astype(float), SIZE, SIZE)
    mouth = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillConvexPoly(mouth, cv2.convexHull(np.round(lips).astype(np.int32)), (1,))
    mouth = cv2.dilate(mouth, np.ones((9, 9), np.uint8)) > 0
    assert clear[mouth].max() < 0.05


def test_made_teeth_have_the_colour_of_those_in_the_photo(smiling):
    colour = smiling.rest[COLOR].numpy()
    part = smiling.part.numpy()
    photographed = np.percentile(colour[:, part == PART_NAMES.index("upper_teeth")], 80, axis=1)
    made = np.percentile(colour[:, part == PART_NAMES.index("lower_teeth")], 95, axis=1)
    np.testing.assert_allclose(made, photographed, rtol=0.25)


def test_a_photographed_smile_leaves_the_jaw_shut(smiling):
    assert smiling.source_activations[ACTIVATION_NAMES.index("jawOpen")] < 0.1


def test_hidden_teeth_are_as_light_as_the_cheeks_and_less_red(engine):
    """Lips painted over the smile hide the photo's teeth."""
    photo = skimage.data.astronaut()
    painted = photo.copy()
    found = PhotoFaceFinder(engine.face_model).find(photo).landmarks[:, :2]
    cv2.fillPoly(painted, [np.round(found[list(INNER_LIPS)]).astype(np.int32)], (178, 110, 105))
    avatar = engine.encode(painted)
    teeth = avatar.rest[COLOR].numpy()[:, avatar.part.numpy() == PART_NAMES.index("upper_teeth")].T
    x, y = np.round(found[list(CHEEKS)]).astype(int).T
    of_teeth, of_skin = (
        cv2.cvtColor(np.median(colours, axis=0).astype(np.float32)[None, None], cv2.COLOR_RGB2LAB)[0, 0]
        for colours in (teeth, photo[y, x] / 255)
    )
    assert 0.85 < of_teeth[0] / of_skin[0] < 1.2
    assert of_teeth[1] < 0.8 * of_skin[1]


def test_a_grey_photo_has_a_grey_mouth(engine):
    grey = np.repeat(skimage.data.astronaut().mean(-1, keepdims=True), 3, axis=-1).astype(np.uint8)
    colour = engine.encode(grey).rest[COLOR].numpy()
    assert (colour.max(0) - colour.min(0)).max() < 0.01


def test_a_shut_jaw_has_its_lower_teeth_behind_the_lip(engine, smiling):
    """The photo's smile hides them, wherever they are: at rest they have to be where a shut jaw has them."""
    lower_teeth = smiling.part.numpy() == PART_NAMES.index("lower_teeth")
    assert lower_teeth.sum() > 300
    still = replace(smiling, rest=smiling.rest.clone())
    still.rest[COLOR] = 0
    still.rest[COLOR, lower_teeth] = 1
    rest = _named(smiling)
    rest.activations[:] = 0
    teeth = engine.gaussians(still, rest).planar
    heights = np.linalg.inv(smiling.canonical_to_head)[1, :3] @ teeth[:3, teeth[COLOR].mean(0) > 0.5].double().numpy()
    heights = heights + np.linalg.inv(smiling.canonical_to_head)[1, 3]
    line = smiling.neutral_landmarks[[UPPER_LIP_INNER, LOWER_LIP_INNER], 1].mean()
    assert heights.max() < line + 0.02
    assert heights.max() > line - 0.1


def test_the_tongue_lies_within_the_lower_teeth_and_rises_behind_them():
    u = tongue().u
    x, y, z = u[..., 0], u[..., 1], u[..., 2]
    assert (z < arch(x, ARCH_FRONT_LOWER)).all()
    assert (y[z > 0.17] < LOWER_EDGE).all()
    assert y[z < 0.0].max() > LOWER_EDGE + 0.05
    assert y[z < 0.0].max() < UPPER_EDGE + 0.1  # below the palate
    tip = np.abs(z - z.max()) < 0.02
    assert np.ptp(x[tip]) > 0.15  # round, not pointed


def test_in_a_wide_open_mouth_the_tongue_is_broad_and_goes_back_into_the_dark(engine, smiling):
    marked = replace(smiling, rest=smiling.rest.clone())
    marked.rest[COLOR] = 0
    marked.rest[COLOR.start, smiling.part.numpy() == PART_NAMES.index("tongue")] = 1
    motion = _named(smiling, jawOpen=0.8)
    of_tongue = engine.render(marked, motion, Camera.orbit(), SIZE, (0, 0, 0))[..., 0] > 128
    picture = engine.render(smiling, motion, Camera.orbit(), SIZE, (0, 0, 0)).astype(float)
    rows, columns = np.nonzero(of_tongue)
    assert len(rows) > 300
    assert np.ptp(columns) > 1.2 * np.ptp(rows)
    height = np.ptp(rows)
    back, front = rows < rows.min() + 0.25 * height, rows > rows.max() - 0.4 * height
    assert picture[rows[front], columns[front]].mean() > 1.4 * picture[rows[back], columns[back]].mean()


def test_lower_gums_end_below_the_edges_of_the_lower_teeth():
    crowns, flesh = teeth(upper=False), gums(upper=False)
    for x in (0.0, 0.06, 0.12, 0.18):
        column = crowns.kept & (np.abs(crowns.u[..., 0] - x) < 0.01)
        assert crowns.u[column, 1].max() > flesh.u[..., 1].max()
