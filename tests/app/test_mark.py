import numpy as np
import pytest

from app.mark import burn_mark


@pytest.mark.parametrize("side", [64, 256, 512, 2048])
@pytest.mark.parametrize("brightness", [0, 128, 255])
def test_the_mark_is_visible_in_the_corner_and_nowhere_else(side: int, brightness: int) -> None:
    picture = np.full((side, side, 3), brightness, np.uint8)
    marked = burn_mark(picture)
    corner = marked[int(0.85 * side) :, int(0.7 * side) :].astype(int)
    assert corner.max() - corner.min() > 100
    assert (marked[: side // 2] == brightness).all()
    assert (marked[:, : side // 2] == brightness).all()


def test_the_picture_itself_is_not_changed() -> None:
    picture = np.zeros((128, 128, 3), np.uint8)
    burn_mark(picture)
    assert not picture.any()
