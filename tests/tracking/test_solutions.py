"""MediaPipe's solutions load alone, and MediaPipe stays whole for whoever else uses it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from avatar_core.tracking.solutions import solution


def _printed(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_engine_loads_neither_drawing_tools_nor_other_solutions() -> None:
    code = (
        "import sys, avatar_core.engine; from avatar_core.tracking.landmarker import Landmarker;"
        "Landmarker(video=False).close();"
        "solutions = 'mediapipe.python.solutions';"
        "print(*(name in sys.modules for name in"
        " (f'{solutions}.face_mesh', 'matplotlib', f'{solutions}.hands', 'mediapipe.tasks')))"
    )
    assert _printed(code) == "True False False False"


@pytest.mark.parametrize("before", ["", "import mediapipe;"])
def test_mediapipe_can_be_used_as_ever_before_and_after(before: str) -> None:
    code = (
        f"{before}from avatar_core.tracking.solutions import solution; own = solution('face_mesh').FaceMesh;"
        "import mediapipe as mp; import mediapipe.python.solutions.pose as pose;"
        "print(mp.solutions.face_mesh.FaceMesh is own, mp.solutions.hands.Hands.__name__, mp.__version__ > '0',"
        "mp.solutions.pose is pose, mp.Image.__name__, hasattr(mp.tasks, 'vision'), hasattr(mp, 'framework'))"
    )
    assert _printed(code) == "True Hands True True Image True False"


def test_an_unknown_solution_is_an_import_error() -> None:
    with pytest.raises(ImportError, match="no_such_solution"):
        solution("no_such_solution")
