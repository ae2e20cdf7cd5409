"""Files that appear under their name only when complete."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A temporary name beside ``target`` to write to; it takes ``target``'s place when the body ends without error.

    Raises:
        OSError: the place cannot be written; what stood under ``target`` is untouched.
    """
    temporary = target.with_name(f".{target.stem[:64]}.{os.getpid()}.{secrets.token_hex(4)}{target.suffix}")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
