import pytest

from app.background import parse_background
from app.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("photo", "photo"),
        (" Blurred ", "blurred"),
        ("white", (255, 255, 255)),
        ("SteelBlue", (70, 130, 180)),
        ("#0a141e", (10, 20, 30)),
    ],
)
def test_backgrounds_a_user_may_write(text: str, expected: object) -> None:
    assert parse_background(text) == expected


@pytest.mark.parametrize("text", ["", "#12345", "#gggggg", "notacolour", "rgb(1,2,3)", "#0a141eff"])
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match="is no background"):
        parse_background(text)
