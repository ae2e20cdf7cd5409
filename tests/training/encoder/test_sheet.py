"""The encoders' contact sheet."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
from numpy.typing import NDArray

from avatar_core.engine import AvatarEngine
from avatar_core.training.encoder.sheet import SIDE, YAWS, avatar_row, main
from avatar_core.training.teacher.sheet import EXPRESSIONS
from tests.conftest import WEIGHTS


def test_a_row_shows_the_views_and_every_expression_differs(portrait: NDArray[np.uint8], tmp_path: Path) -> None:
    photo = tmp_path / "face.png"
    imageio.imwrite(photo, portrait)
    engine = AvatarEngine.from_pretrained(WEIGHTS, "cpu", encoder="lift")
    row = avatar_row(engine, photo, "lift")
    engine.close()
    assert len(row) == len(YAWS) + len(EXPRESSIONS)
    assert all(picture.shape == (SIDE, SIDE, 3) for picture in row)
    rest = row[YAWS.index(0.0)].astype(float)[24:]
    for picture in row[len(YAWS) :]:
        assert np.abs(picture.astype(float)[24:] - rest).mean() > 0.2


def test_missing_data_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert "portraits" in capsys.readouterr().err
