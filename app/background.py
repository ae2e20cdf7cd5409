"""The background as a user writes it: "photo", "blurred", a colour's name, or #rrggbb."""

from __future__ import annotations

import re

from PIL import ImageColor

from app.errors import ConfigError
from app.session_types import Background

PICTURED = ("photo", "blurred")


def parse_background(text: str) -> Background:
    """What `app.session_types.Controls.background` takes.

    Raises:
        ConfigError: ``text`` is no background.
    """
    word = text.strip().lower()
    if word in PICTURED:
        return word
    if re.fullmatch(r"#[0-9a-f]{6}", word) or word in ImageColor.colormap:
        red, green, blue = ImageColor.getrgb(word)[:3]
        return red, green, blue
    raise ConfigError(
        f"'{text}' is no background. Use photo, blurred, a colour's name such as white or steelblue, or #rrggbb."
    )
