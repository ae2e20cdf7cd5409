"""Known views: an avatar held against its own renders, seen from a space of another size and place."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from avatar_core.avatar import Avatar
from avatar_core.camera import Camera
from avatar_core.engine import AvatarEngine
from avatar_core.errors import AvatarError
from avatar_core.evaluate import main
from avatar_core.evaluation.comparison import Table, compare
from avatar_core.evaluation.views import score_identity, summary
from avatar_core.lift.canvas import CROP_SIZE, cut_canvas
from avatar_core.tracking.photo_face import PhotoFaceFinder

SIZE = 256
SCALE, SHIFT = 30.0, np.array([4.0, -7.0, 11.0])


def _found(engine: AvatarEngine, portrait: NDArray[np.uint8]) -> NDArray[np.float32]:
    finder = PhotoFaceFinder(engine.face_model)
    landmarks = finder.find(portrait).landmarks
    finder.close()
    return landmarks


def _source_camera(image_to_crop: NDArray[np.float64]) -> dict[str, object]:
    """The camera of the whole photo: the default one, whose picture the avatar's crop is a part of."""
    side = 512
    scale = image_to_crop[0, 0]
    camera = Camera.orbit()
    pixel = camera.pixel_intrinsics(CROP_SIZE, CROP_SIZE)
    intrinsics = np.eye(3)
    intrinsics[[0, 1], [0, 1]] = pixel[0, 0] / scale / side
    intrinsics[:2, 2] = (pixel[:2, 2] - image_to_crop[:, 2]) / scale / side
    moved = camera.cam2world.copy()
    moved[:3, 3] = SCALE * moved[:3, 3] + SHIFT
    return {"cam2world": moved.tolist(), "intrinsics": intrinsics.tolist()}


@pytest.fixture(scope="module")
def identity(
    engine: AvatarEngine, avatar: Avatar, portrait: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The bundled portrait with three true views that are the avatar's own, in centimetres."""
    folder = tmp_path_factory.mktemp("views") / "astronaut"
    folder.mkdir()
    cv2.imwrite(str(folder / "source.png"), cv2.cvtColor(portrait, cv2.COLOR_RGB2BGR))
    entries = []
    for name, yaw in (("0", 0.0), ("15-30", 20.0), ("30-50", -40.0)):
        camera = Camera.orbit(yaw)
        rgba = engine.rasterizer.render(engine.gaussians(avatar), camera, SIZE, SIZE).numpy()
        picture = np.round(255 * np.clip(rgba, 0, 1)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{name}.png"), cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA))
        cv2.imwrite(str(folder / f"{name}_head.png"), picture[..., 3])
        moved = camera.cam2world.copy()
        moved[:3, 3] = SCALE * moved[:3, 3] + SHIFT
        entries.append(
            {
                "file": f"{name}.png",
                "head": f"{name}_head.png",
                "kind": name,
                "cam2world": moved.tolist(),
                "intrinsics": camera.intrinsics.tolist(),
            }
        )
    landmarks = SCALE * avatar.landmarks[:468] + SHIFT
    canvas = cut_canvas(portrait, _found(engine, portrait))
    listing = {"landmarks": landmarks.tolist(), "source": _source_camera(canvas.image_to_crop), "views": entries}
    (folder / "views.json").write_text(json.dumps(listing))
    return folder


def test_an_avatar_matches_its_own_views(engine: AvatarEngine, identity: Path) -> None:
    figures, tiles = score_identity(engine, identity)
    means = summary(figures)
    assert list(means) == ["0", "15-30", "30-50"]
    for values in means.values():
        assert values["psnr"] > 45
        assert values["overlap"] > 0.995
        assert values["overlap_head"] > 0.995
    assert len(tiles) == 7


def test_a_wrong_truth_scores_low(engine: AvatarEngine, identity: Path, tmp_path: Path) -> None:
    folder = tmp_path / "wrong"
    folder.mkdir()
    for path in identity.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "0.png").write_bytes((identity / "30-50.png").read_bytes())
    figures, _ = score_identity(engine, folder)
    assert figures[0].psnr < 25


def test_an_incomplete_folder_is_told(engine: AvatarEngine, tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match=r"views\.json"):
        score_identity(engine, tmp_path)


def test_the_table_has_a_column_per_encoder(engine: AvatarEngine, identity: Path, tmp_path: Path) -> None:
    table = compare({"lift": engine, "learned": engine}, [], [], identity.parent, tmp_path, 10)
    row = table.rows["known views, 30-50: psnr"]
    assert row["lift"] == row["learned"] > 45
    assert "| | lift | learned |" in table.text()
    assert (tmp_path / "views_0.png").exists()


def test_empty_cells_stay_empty() -> None:
    table = Table(["a", "b"])
    table.add("row", "b", 1.25)
    assert table.text().splitlines()[-1] == "| row |  | 1.25 |"


def test_an_unknown_encoder_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["evaluate", "--compare", "lift,magic", "--views", "."])
    with pytest.raises(SystemExit):
        main()
    assert "magic" in capsys.readouterr().err
