"""The names that programs import, and that a light import stays light."""

from __future__ import annotations

import subprocess
import sys

import pytest

import avatar_core


@pytest.mark.parametrize("name", avatar_core.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(avatar_core, name) is not None


def test_the_engine_is_the_one_of_its_module() -> None:
    from avatar_core import AvatarEngine
    from avatar_core.engine import AvatarEngine as in_its_module

    assert AvatarEngine is in_its_module


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        avatar_core.no_such_name  # noqa: B018 (the access is what is tested)


def test_importing_the_package_does_not_load_the_detectors() -> None:
    code = "import sys, avatar_core; print('mediapipe' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("enabled", [True, False])
def test_importing_the_package_leaves_the_collector_as_it_was_and_spares_it_pytorch(enabled: bool) -> None:
    code = (
        f"import gc; {'gc.enable' if enabled else 'gc.disable'}(); import avatar_core;"
        "print(gc.isenabled(), gc.get_freeze_count() > 50_000)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == f"{enabled} True\n"
