"""Hair's texture folded on round the head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from avatar_core.lift.canvas import pixel_grid, unproject
from avatar_core.lift.fill import LONGEST_FOLD, SHORTEST_FOLD, SOFT_EDGE, fold_rows
from avatar_core.lift.maps import distance_from
from avatar_core.models.encoder.hair_pixels import SOLID, hair_pixels
from avatar_core.models.encoder.hair_texture import hair_texture, shown_hair
from tests.models.encoder.conftest import Prepared


def test_a_row_is_mirrored_at_its_edges_and_goes_on_round_the_head() -> None:
    columns, known = 60, np.zeros((3, 60), bool)
    known[0, 20:40] = True
    known[1, 20 : 20 + SOFT_EDGE + SHORTEST_FOLD - 1] = True
    texture = np.zeros((3, columns, 3), np.float32)
    texture[:, :, 0] = np.arange(columns)
    texture[~known] = 0
    folded = fold_rows(texture, known)[..., 0]
    assert np.array_equal(folded[0, 20:40], np.arange(20, 40))
    after = 39 - SOFT_EDGE - np.arange(18)  # the column next to the edge shows what lies just behind its soft rim
    assert np.array_equal(folded[0, 40:58], after)
    assert folded[0, 19] == 20 + SOFT_EDGE
    assert not folded[1][~known[1]].any()  # too little to fold
    assert not folded[2].any()
    assert columns // 2 > LONGEST_FOLD


def test_hair_has_texture_where_the_photo_shows_none_and_no_colour_of_its_own(prepared: Prepared) -> None:
    texture = hair_texture(shown_hair(hair_pixels(prepared.relief), 160, 240))
    dome = texture[10:60]
    behind = np.concatenate([dome[:, :40], dome[:, -40:]], axis=1)
    assert texture.shape == (160, 240, 3) and np.isfinite(texture).all()
    assert behind.std() > 0.01
    assert np.abs(behind.mean((0, 1))).max() < 0.03


def test_without_hair_there_is_no_texture(prepared: Prepared) -> None:
    registered = prepared.relief.registered
    bald = replace(prepared.relief, registered=replace(registered, distance=np.zeros_like(registered.distance)))
    hair = shown_hair(hair_pixels(bald), 80, 120)
    assert not hair.known.any() and not hair_texture(hair).any()


def test_hair_is_looked_at_up_to_the_outline(prepared: Prepared) -> None:
    """What lies behind takes its light from there."""
    relief = prepared.relief
    rim = (relief.matte.alpha > SOLID) & (distance_from(relief.matte.alpha <= SOLID) < 6)
    marked = np.where(rim[..., None], np.float32([1, 0, 0]), relief.matte.foreground).astype(np.float32)
    marked_relief = replace(relief, matte=replace(relief.matte, foreground=marked))
    hair = shown_hair(hair_pixels(marked_relief), 160, 240)
    reached = (hair.known > 0) & (hair.colour[..., 0] - hair.colour[..., 1] > 0.5)
    assert reached.sum() > 200


def test_an_ear_with_light_behind_it_is_no_hair(prepared: Prepared) -> None:
    """It is redder than any skin of the face."""
    relief, face = prepared.relief, prepared.relief.face
    x, y = pixel_grid()
    canonical = face.to_head.invert_map(unproject(x, y, relief.surfaces.head))
    ear = (np.abs(canonical[..., 1]) < 0.25) & ~face.mesh.inside & ~face.body & (relief.registered.distance < 0.4)
    assert (ear & (relief.matte.alpha > SOLID)).sum() > 500
    red = np.where(ear[..., None], np.float32([0.9, 0.35, 0.25]), relief.matte.foreground).astype(np.float32)
    pixels = hair_pixels(replace(relief, matte=replace(relief.matte, foreground=red)))
    assert len(pixels.colour) > 1000
    assert (pixels.colour[:, 0] - pixels.colour[:, 1] < 0.4).all()


def test_where_nothing_tells_what_hair_is_like_nothing_beside_the_face_is_hair(prepared: Prepared) -> None:
    """A photo that ends at the forehead and shows ears."""
    relief, face = prepared.relief, prepared.relief.face
    x, y = pixel_grid()
    canonical = face.to_head.invert_map(unproject(x, y, relief.surfaces.head))
    cropped = replace(relief, canvas=replace(relief.canvas, valid=relief.canvas.valid & (canonical[..., 1] < 0.3)))
    near = len(hair_pixels(relief).colour)
    assert near > 1000
    assert len(hair_pixels(cropped).colour) < 0.2 * near
